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

@test "RDMA reaches BARs, until they are taken back" {
    tap_on 0 kernel_bar_rdma
}

@test "after all that no reference keeps a module" {
    on 0 modprobe -r softaccel_importer peervma softaccel
    node_setup accel on
    node_setup module on
    on 0 modprobe softaccel_importer
}
