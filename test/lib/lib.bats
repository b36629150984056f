#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# libpeervma on node 0's accelerator, with /dev/peervma and without.
load ../node

node_setup() { on 0 /usr/lib/peervma-testbed/node-setup "$@"; }

setup_file() {
    node_setup accel on
    node_setup module on
    # For the ordinary user's turn.
    on 0 chmod o+r /dev/dma_heap/system
}

teardown_file() {
    on 0 modprobe -r vgem virtio_gpu
    node_setup module off
    node_setup module on
    on 0 chmod o-r /dev/dma_heap/system
}

# A program of the tests, as the ordinary user.
tap_on_user() {
    # shellcheck disable=SC2154 # of node.bash
    run on_user 0 "$programs/$1" "$2"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "mappings are looked up" {
    tap_on 0 lib_lookup module
}

@test "mappings are exported, or refused with the reason" {
    tap_on 0 lib_export module
}

@test "an ordinary user may do the same" {
    tap_on_user lib_lookup module
    tap_on_user lib_export module
}

@test "memory of each kind is looked up, exported, registered and moved" {
    node_setup nic on
    # virtio-gpu, unloaded, may leave the console's buffer behind, and warns.
    on 0 bash -c "modprobe drm_kms_helper && cd /sys/module/drm_kms_helper &&
        echo N >parameters/fbdev_emulation"
    on 0 modprobe -a vgem virtio_gpu
    tap_on 0 lib_rdma module
}

@test "an RDMA device's pages are Linux's to export, and Soft-RoCE has none" {
    tap_on 0 lib_uverbs
}

@test "the verbs example registers host memory and a DMA heap's" {
    run on_user 0 "$programs/register_verbs"
    [ "$status" -eq 0 ]
    [[ $output == *"malloc: lkey "* ]]
    [[ $output == *"DMA heap: lkey "* ]]
}

@test "the libfabric example registers host memory and a DMA heap's by verbs" {
    run on_user 0 "$programs/register_libfabric" verbs
    [ "$status" -eq 0 ]
    [[ $output == *"malloc: key "* ]]
    [[ $output == *"DMA heap: key "* ]]
}

@test "without permission for /dev/peervma the rest still works" {
    on 0 chmod 600 /dev/peervma
    tap_on_user lib_lookup no-permission
    tap_on_user lib_export no-permission
}

@test "without peervma.ko the rest still works" {
    node_setup module off
    tap_on 0 lib_lookup no-module
    tap_on 0 lib_export no-module
    tap_on 0 lib_rdma no-module
}
