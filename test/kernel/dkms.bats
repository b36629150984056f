#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# peervma.ko built and installed by dkms on node 0, from the installed sources.
load ../node

# On the node: this build of the module, put aside while dkms has its own.
aside='
    set -e
    kernel=$(uname -r)
    source=$(echo /usr/src/peervma-*)
    version=${source##*-}
    built=/lib/modules/$kernel/updates/peervma/peervma.ko
'

setup_file() {
    on 0 /usr/lib/peervma-testbed/node-setup module off
    on 0 bash -c "$aside"'mv "$built" "$built.aside"'
}

teardown_file() {
    on 0 /usr/lib/peervma-testbed/node-setup module off
    on 0 bash -c "$aside"'if [[ -e $built.aside ]]; then
            mv "$built.aside" "$built"
            dkms remove "peervma/$version" --all || depmod
        fi'
    on 0 /usr/lib/peervma-testbed/node-setup module on
}

@test "dkms installs the module from the sources that make install left" {
    run on 0 bash -c "$aside"'dkms install "peervma/$version"'
    echo "$output"
    [ "$status" -eq 0 ]
    run on 0 dkms status
    [[ $output == *": installed" ]]
}

@test "modprobe finds what dkms installed, and it works" {
    run on 0 modinfo -n peervma
    [[ $output == */updates/dkms/peervma.ko* ]]
    on 0 modprobe peervma
    on 0 udevadm settle
    tap_on 0 kernel_abi
}

@test "after dkms removed it, modprobe finds another build again" {
    on 0 /usr/lib/peervma-testbed/node-setup module off
    on 0 bash -c "$aside"'mv "$built.aside" "$built"
        dkms remove "peervma/$version" --all'
    run on 0 modinfo -n peervma
    [[ $output == */updates/peervma/peervma.ko ]]
}
