#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The exporter of PCI BARs, on node 0.
load ../node

node_setup() { on 0 /usr/lib/peervma-testbed/node-setup "$@"; }

setup_file() {
    node_setup accel on
    node_setup module on
    node_setup nic on
    on 0 modprobe softaccel_importer
}

teardown_file() {
    on 0 modprobe -r softaccel_importer
}

@test "BARs are exported as the policy says, with what was mapped and no more" {
    tap_on 0 kernel_bar
}

@test "BARs are taken back by the mapping and by the device" {
    tap_on 0 kernel_bar_revoke
}

@test "system sleep takes BARs back" {
    on 0 grep -qw freeze /sys/power/state && on 0 test -e /sys/power/pm_test ||
        skip "the node's kernel cannot sleep"
    tap_on 0 kernel_bar_sleep
}

@test "RDMA reaches BARs, until they are taken back" {
    tap_on 0 kernel_bar_rdma
}

@test "BARs of a device with a UIO driver are exported and taken back" {
    on 0 modinfo -F filename uio_pci_generic ||
        skip "the node has no uio_pci_generic"
    on 0 modprobe uio_pci_generic
    tap_on 0 kernel_bar_uio
    # The debug kernel has it built in.
    on 0 modprobe -rq uio_pci_generic || true
}

@test "p2pdma memory is exported and taken back" {
    on 0 sh -c 'modprobe nvme && udevadm settle &&
        ls /sys/bus/pci/devices/*/p2pmem/allocate' ||
        skip "the node's kernel has no p2pdma memory"
    tap_on 0 kernel_bar_p2pdma
}

@test "racing threads get BARs or refusals" {
    tap_on 0 kernel_bar_races
}

@test "an export keeps the module" {
    # shellcheck disable=SC2154 # of node.bash
    run on 0 "$programs/kernel_bar_hold" rmmod peervma
    [ "$status" -ne 0 ]
    [[ $output == *"in use"* ]]
}

@test "after all that no reference keeps a module" {
    on 0 modprobe -r softaccel_importer peervma softaccel
    node_setup accel on
    node_setup module on
    on 0 modprobe softaccel_importer
}
