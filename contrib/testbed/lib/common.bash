# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Messages, folders and namespaces.

say() {
    printf 'testbed: %s\n' "$*" >&2
}

die() {
    say "$*"
    exit 1
}

# Seconds since the command began, for progress lines.
progress() {
    printf 'testbed: %3d s  %s\n' "$SECONDS" "$*" >&2
}

cache_folder=${PEERVMA_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/peervma}
instance_name=${PEERVMA_TESTBED_NAME:-default}
# Sockets live here: their paths may have 107 characters.
run_folder=${XDG_RUNTIME_DIR:-/tmp}/peervma-testbed-$UID-$instance_name
instance_folder=$cache_folder/instance-$instance_name

# in_namespace COMMAND...: as root of mount and pid namespaces of its own,
# whose mounts and processes end with it. An ordinary user becomes root of
# a user namespace, with his subordinate ids as everybody else.
in_namespace() {
    local -a options=(--mount --pid --fork --kill-child)
    if ((EUID != 0)); then
        options+=(--user --map-root-user --map-auto)
    fi
    unshare "${options[@]}" -- "$@"
}

# in_userland FOLDER COMMAND...: in the image's userland, read-only but for
# FOLDER, which is /build there and the working directory.
in_userland() {
    local folder=$1
    shift
    # shellcheck disable=SC2016 # for the inner shell
    in_namespace bash -c '
        set -e
        root=$1 folder=$2
        shift 2
        mount --bind "$root" "$root"
        mount -o remount,bind,ro "$root"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        mount -t tmpfs tmpfs "$root/tmp"
        mount --bind "$folder" "$root/build"
        exec chroot "$root" env -i HOME=/tmp LC_ALL=C.UTF-8 \
            PATH=/usr/sbin:/usr/bin:/sbin:/bin \
            bash -c "cd /build && exec \"\$@\"" userland "$@"' \
        userland "$image_folder/rootfs" "$folder" "$@"
}
