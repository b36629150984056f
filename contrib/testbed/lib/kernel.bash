# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# The kernel that nodes boot: the image's, or the debug kernel, which is built
# here from the suite's kernel source with the kernel's own instruments.

kernel_kind=${PEERVMA_TESTBED_KERNEL:-image}
[[ $kernel_kind =~ ^(image|debug)$ ]] ||
    die "PEERVMA_TESTBED_KERNEL=$kernel_kind: neither image nor debug"
kernel_key=$suite-$(cat "$testbed_folder"/debug-kernel/* \
    "$testbed_folder"/lib/{debian,kernel}.bash | sha256sum | cut -c1-12)
# bzImage, the folder headers to build modules with, and the folder modules.
kernel_folder=$cache_folder/kernel-$kernel_key
kernel_space_mib=6000
# Of what the nodes are.
node_key=$image_key
[[ $kernel_kind == image ]] || node_key+=-$kernel_key

# Of this suite's debug kernels only the present one stays.
kernel_remove_others() {
    local other
    for other in "$cache_folder/kernel-$suite"-*; do
        if [[ $other != "$kernel_folder"* ]]; then
            in_namespace rm -rf "$other"
        fi
    done
}

# kernel_once NAME COMMAND...: for a build that was ended to go on later, do
# nothing where COMMAND has succeeded already.
kernel_once() {
    local name=$1 log=$kernel_folder.tmp/log
    shift
    [[ ! -e $kernel_folder.tmp/$name.done ]] || return 0
    progress "$name"
    "$@" >>"$log" 2>&1 || {
        tail -n 5 "$log" >&2
        die "no debug kernel: $name failed (all of it in $log)"
    }
    touch "$kernel_folder.tmp/$name.done"
}

kernel_install_tools() {
    in_namespace rm -rf "$kernel_folder.tmp/rootfs"
    debian_install "$kernel_folder.tmp/rootfs" \
        "$testbed_folder/debug-kernel/packages" \
        --customize-hook='mkdir "$1/build"'
}

kernel_userland() {
    in_userland "$kernel_folder.tmp/rootfs" "$kernel_folder.tmp/build" '' "$@"
}

kernel_unpack() {
    kernel_userland bash -c 'rm -rf linux && mkdir linux &&
        tar -x -f /usr/src/linux-source-*.tar.xz -C linux --strip-components=1'
}

# allnoconfig drops without a word what it can't turn on.
kernel_configure() {
    sed -E '/^(#|$)/d; s/^/CONFIG_/' "$testbed_folder/debug-kernel/config" \
        >"$kernel_folder.tmp/build/wanted"
    kernel_userland bash -c 'cd linux &&
        KCONFIG_ALLCONFIG=../wanted make allnoconfig
        lost=$(grep -vxFf .config ../wanted) || exit 0
        echo "debug-kernel/config is not to be had:" $lost; exit 1'
}

# Its own log is long; every 200th object is told.
kernel_make() {
    local objects=0 line
    kernel_userland bash -c 'cd linux && make -j"$(nproc)" bzImage modules' |
        while IFS= read -r line; do
            printf '%s\n' "$line"
            case $line in
            *CC*.o) ((++objects % 200)) || progress "$objects objects" 2>&3 ;;
            esac
        done
}

# What the kernel's own packages of headers consist of.
kernel_collect() {
    kernel_userland bash -c '
        cd linux
        rm -rf ../headers ../modules
        make modules_install INSTALL_MOD_PATH=/build/modules INSTALL_MOD_STRIP=1
        rm ../modules/lib/modules/*/build
        make run-command KBUILD_RUN_COMMAND="+\
            scripts/package/install-extmod-build /build/headers"
        cp .config ../headers
        cp arch/x86/boot/bzImage ..'
}

# kernel_build: the debug kernel, if that is wanted and not there yet.
kernel_build() {
    local descriptor work=$kernel_folder.tmp
    [[ $kernel_kind == debug && ! -e $kernel_folder ]] || return 0
    lock descriptor "$cache_folder/kernel-lock" "builds the debug kernel"
    if [[ ! -e $kernel_folder ]]; then
        kernel_remove_others
        check_space "$kernel_space_mib" "the debug kernel's build"
        mkdir -p "$work/build"
        progress "building the debug kernel, half an hour on 2 cores"
        {
            kernel_once "installing its tools" kernel_install_tools
            kernel_once "unpacking its source" kernel_unpack
            kernel_once "configuring it" kernel_configure
            kernel_once "compiling it" kernel_make
            kernel_once "collecting it" kernel_collect
        } 3>&2
        mv "$work"/build/{bzImage,headers,modules} "$work"
        in_namespace rm -rf "$work"/{build,rootfs,*.done}
        mv "$work" "$kernel_folder"
        progress "the debug kernel is ready"
    fi
    unlock "$descriptor"
}
