# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The image: a Debian 13 userland in a folder (to build in), as a disk (to
# boot from), with its kernel, initrd and ssh key.

image_inputs=("$testbed_folder"/image/* "$testbed_folder/lib/image.bash")
image_key=$(cat "${image_inputs[@]}" | sha256sum | cut -c1-12)
image_folder=$cache_folder/image-$image_key
image_space_mib=5000

image_check_host() {
    [[ $(uname -m) == x86_64 ]] ||
        die "this machine is $(uname -m); the nodes need x86_64"
    "$testbed_folder/host-packages" check || exit 1
    in_namespace true 2>/dev/null ||
        die "neither root nor allowed to use user namespaces: run as root"
}

image_check_space() {
    local free
    free=$(df -m --output=avail "$cache_folder" | tail -n 1)
    ((free >= image_space_mib)) ||
        die "$cache_folder has $((free)) MiB free, the image takes" \
            "$image_space_mib: make room or set PEERVMA_CACHE"
}

# image_install ROOTFS: the packages, and what is copied as it is.
image_install() {
    local packages module
    local -a modules=()
    packages=$(sed 's/#.*//' "$testbed_folder/image/packages" | xargs |
        tr ' ' ,)
    while read -r module; do
        modules+=(--dpkgopt="path-include=/usr/lib/modules/*/kernel/$module")
    done < <(sed 's/#.*//; /^ *$/d' "$testbed_folder/image/modules")
    # /etc/kernel: no initrd is wanted but our own.
    in_namespace mmdebstrap --mode=root --format=directory --variant=apt \
        --aptopt='APT::Install-Recommends "false"' \
        --dpkgopt=force-unsafe-io \
        --dpkgopt='path-exclude=/usr/share/doc/*' \
        --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' \
        --dpkgopt='path-exclude=/etc/kernel/postinst.d/initramfs-tools' \
        --dpkgopt='path-exclude=/usr/lib/modules/*/kernel/*' \
        "${modules[@]}" \
        --include="$packages" \
        --customize-hook='mkdir -p "$1/build" "$1/usr/share/peervma-testbed"' \
        --customize-hook="copy-in '$testbed_folder/image/init' \
            '$testbed_folder/image/customize' /usr/share/peervma-testbed" \
        --customize-hook="copy-in '$testbed_folder/image/peervma-node.target' \
            '$testbed_folder/image/peervma-node.service' /etc/systemd/system" \
        --customize-hook='chroot "$1" /usr/share/peervma-testbed/customize' \
        trixie "$1"
}

# image_make FOLDER
image_make() {
    local rootfs=$1/rootfs
    image_install "$rootfs" >"$1/log" 2>&1 ||
        die "the image could not be made: $(grep -m 1 -E '^E:' "$1/log" ||
            tail -n 1 "$1/log") (all in $1/log)"
    progress "packages installed; making the disk"
    mv "$rootfs"/boot/{vmlinuz,initrd,ssh_key} "$1"
    in_namespace mke2fs -q -t ext4 -O '^has_journal' -m 0 -d "$rootfs" \
        "$1/root.img" 4G >>"$1/log" 2>&1 ||
        die "the disk could not be made: $(tail -n 1 "$1/log")"
}

# Anything but this key's image, unless somebody builds in it.
image_remove_others() {
    local other
    for other in "$cache_folder"/image-*; do
        [[ -d $other && $other != "$image_folder" ]] || continue
        (
            flock -n -x 9 || exit 0
            in_namespace rm -rf "$other"
        ) 9<"$other"
    done
}

image_build() {
    [[ ! -e $image_folder ]] || return 0
    image_check_host
    mkdir -p "$cache_folder"
    exec {image_lock}>"$cache_folder/lock"
    if ! flock -n "$image_lock"; then
        progress "waiting for another build of the image"
        flock "$image_lock"
    fi
    if [[ ! -e $image_folder ]]; then
        local unfinished=$image_folder.tmp
        image_remove_others
        image_check_space
        mkdir -p "$unfinished"
        progress "making the node image (about 3 minutes)"
        image_make "$unfinished"
        mv "$unfinished" "$image_folder"
        progress "image ready"
    fi
    exec {image_lock}>&-
}
