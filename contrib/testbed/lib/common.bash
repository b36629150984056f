# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# Messages, folders, locks and namespaces.

say() {
    printf 'testbed: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# With the seconds since the command began.
progress() {
    printf 'testbed: %3d s  %s\n' "$SECONDS" "$*" >&2
}

cache_folder=${PEERVMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/peervma}
instance_name=${PEERVMA_TESTBED_NAME:-default}
[[ $instance_name =~ ^[A-Za-z0-9_-]{1,24}$ ]] ||
    die "PEERVMA_TESTBED_NAME=$instance_name: 1 to 24 letters, digits, - or _"
# What ends with the nodes: their sockets and process ids.
run_folder=${XDG_RUNTIME_DIR:-/tmp}/peervma-testbed-$UID-$instance_name
# What is large or outlives them: disks, consoles.
instance_folder=$cache_folder/instance-$instance_name
# ssh needs 32 of the 107 characters that a socket's path may have.
((${#run_folder} < 75)) ||
    die "$run_folder is too long for sockets: shorten XDG_RUNTIME_DIR"

# lock VARIABLE FILE WHAT: held until unlock "$VARIABLE", or the script's end.
lock() {
    local -n lock_descriptor=$1
    exec {lock_descriptor}>"$2"
    if ! flock -n "$lock_descriptor"; then
        progress "waiting for another testbed that $3"
        flock "$lock_descriptor"
    fi
}

unlock() {
    local descriptor=$1
    exec {descriptor}>&-
}

# check_space MIB WHAT: in the cache.
check_space() {
    local free
    free=$(df -m --output=avail "$cache_folder" | tail -n 1)
    ((free >= $1)) ||
        die "$cache_folder has $((free)) MiB free, and $2 takes $1:" \
            "make room, or set PEERVMA_CACHE"
}

# in_namespace COMMAND...: as root of mount and pid namespaces of its own, so
# that no mount and no process is left, even if this script is killed. An
# ordinary user becomes root of a user namespace, whose other ids are his
# subordinate ones.
in_namespace() {
    local -a options=(--mount --pid --fork --kill-child)
    if ((EUID != 0)); then
        options+=(--user --map-root-user --map-auto)
    fi
    setpriv --pdeathsig KILL unshare "${options[@]}" -- "$@"
}

# in_userland ROOT FOLDER KERNEL COMMAND...: in the userland ROOT, whose folders
# are read-only, but for FOLDER, which is /build there and the working directory.
# KERNEL, if it is not empty, is /kernel there. What is made in / and /tmp is gone
# with COMMAND.
in_userland() {
    # shellcheck disable=SC2016 # for the inner shell
    in_namespace bash -c '
        set -e
        shopt -s extglob
        root=$1 folder=$2 kernel=$3
        shift 3
        mount -t tmpfs tmpfs "$root/mnt"
        for entry in "$root"/!(mnt); do
            new=$root/mnt/${entry##*/}
            if [[ -L $entry ]]; then
                cp -P "$entry" "$new"
            elif [[ -d $entry ]]; then
                mkdir "$new"
                mount --bind "$entry" "$new"
                mount -o remount,bind,ro "$new"
            fi
        done
        root=$root/mnt
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount --rbind /sys "$root/sys"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --bind "$folder" "$root/build"
        [[ -z $kernel ]] || mount --bind "$kernel" "$root/kernel"
        cd /
        exec chroot "$root" env -i HOME=/tmp LC_ALL=C.UTF-8 \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            bash -c "cd /build && exec \"\$@\"" userland "$@"' \
        userland "$@"
}

# detached COMMAND...: with no file open but the first three, so that nobody
# who waits for the end of a pipe or of a lock waits for a daemon.
detached() {
    (
        for file in "/proc/$BASHPID/fd"/*; do
            file=${file##*/}
            if ((file > 2)); then
                eval "exec $file>&-"
            fi
        done
        exec "$@"
    )
}
