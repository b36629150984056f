# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# The image: a Debian userland as a folder, to build in, and as a disk, to boot
# from, with its kernel, initrd and ssh key.

image_key=$suite-$(cat "$testbed_folder"/image/* \
    "$testbed_folder"/lib/{debian,image}.bash | sha256sum | cut -c1-12)
image_folder=$cache_folder/image-$image_key
image_space_mib=4000

image_check_host() {
    local why
    [[ $(uname -m) == x86_64 ]] ||
        die "this machine is $(uname -m), and the nodes are x86_64"
    "$testbed_folder/host-packages" --check || exit 1
    why=$(in_namespace true 2>&1) ||
        die "no namespace to build in (${why:-killed}): run as root," \
            "or allow user namespaces"
}

# image_install ROOT: Debian, without what neither builds nor nodes need.
image_install() {
    local path
    local -a options=()
    for path in '/usr/share/doc/*' '/usr/share/man/*' \
        '/usr/share/locale/*' '/usr/lib/modules/*/kernel/*' \
        /etc/kernel/postinst.d/initramfs-tools; do
        options+=(--dpkgopt="path-exclude=$path")
    done
    while read -r path; do
        options+=(--dpkgopt="path-include=/usr/lib/modules/*/kernel/$path")
    done < <(debian_list "$testbed_folder/image/modules")
    # shellcheck disable=SC2016 # for the hooks' shell
    debian_install "$1" "$testbed_folder/image/packages" "${options[@]}" \
        --customize-hook='mkdir "$1/build" "$1/testbed" "$1/kernel"' \
        --customize-hook="cp '$testbed_folder/image'/* \"\$1/testbed\"" \
        --customize-hook='chroot "$1" bash /testbed/customize'
}

# image_make FOLDER
image_make() {
    local root=$1/rootfs
    image_install "$root" 2>&1 | debian_log "$1/log" ||
        die "no image: $(debian_reason "$1/log") (all of it in $1/log)"
    progress "making the disk"
    mv "$root"/boot/{vmlinuz,initrd,ssh_key} "$1"
    in_namespace mke2fs -q -t ext4 -O '^has_journal' -m 0 -d "$root" \
        "$1/root.img" 4G >>"$1/log" 2>&1 ||
        die "no disk: $(tail -n 1 "$1/log") (all of it in $1/log)"
}

# Of this suite's images of other keys the one used last stays, for another
# checkout that takes turns with this one. So does one in which somebody
# builds.
image_remove_others() {
    local other project key
    find "$cache_folder" -maxdepth 1 -name "image-$suite-*" \
        ! -name "image-$image_key" -printf '%T@ %p\n' |
        sort -rn | tail -n +2 | cut -d ' ' -f 2- |
        while read -r other; do
            flock -n "$other" true || continue
            in_namespace rm -rf "$other"
        done
    for project in "$cache_folder"/project-*; do
        key=${project##*/project-}
        if [[ ! -d $cache_folder/image-${key#*-} ]]; then
            rm -rf "$project"
        fi
    done
}

image_build() {
    local descriptor unfinished=$image_folder.tmp
    image_check_host
    mkdir -p "$cache_folder"
    if [[ -e $image_folder ]]; then
        touch "$image_folder"
        return
    fi
    lock descriptor "$cache_folder/lock" "makes the node image"
    if [[ ! -e $image_folder ]]; then
        in_namespace rm -rf "$cache_folder"/image-*.tmp
        image_remove_others
        check_space "$image_space_mib" "the image"
        mkdir "$unfinished"
        progress "making the node image, 2 to 3 minutes"
        image_make "$unfinished"
        mv "$unfinished" "$image_folder"
        progress "the node image is ready"
    fi
    unlock "$descriptor"
}
