#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# peervma.ko on node 0: programs that run there, and what only a shell can try.
load ../node

node_setup() { on 0 /usr/lib/peervma-testbed/node-setup "$@"; }

# A program of the tests, as the ordinary user.
tap_on_user() {
    # shellcheck disable=SC2154 # of node.bash
    run on_user 0 "$programs/$1"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

setup_file() {
    node_setup accel on
    node_setup module on
    on 0 modprobe -a peervma_quirks peervma_driver
    on 0 udevadm settle
}

teardown_file() {
    on 0 modprobe -r peervma_quirks peervma_driver softaccel
    node_setup accel on
    node_setup module on
}

@test "the ioctls take and refuse structures as the header says" {
    tap_on 0 kernel_abi
}

@test "a 32-bit program makes the same calls" {
    on 0 test -x "$programs/kernel_32bit" ||
        skip "the compiler makes no 32-bit programs"
    run on 0 "$programs/kernel_32bit"
    [[ $output != *"Exec format error"* ]] ||
        skip "the node's kernel runs no 32-bit programs"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "what is not exportable is refused with its errno and reason" {
    tap_on 0 kernel_refusals
}

@test "mappings of dma-bufs are exported" {
    tap_on 0 kernel_dmabuf
}

@test "mappings of a render node are exported" {
    tap_on 0 kernel_drm
}

@test "mappings of a registered driver are exported as long as it consents" {
    tap_on 0 kernel_doorbell
}

@test "a driver's consent is no tie: each module unloads in its turn" {
    on 0 rmmod peervma_quirks peervma_driver
    on 0 modprobe softaccel_peervma
    run on 0 rmmod softaccel
    [[ $output == *"in use by: softaccel_peervma"* ]]
    run on 0 rmmod peervma
    [[ $output == *"in use by: softaccel_peervma"* ]]
    on 0 rmmod softaccel_peervma
    on 0 rmmod peervma
    # The accelerator with its doorbells knows nothing of it.
    tap_on 0 softaccel_doorbell
    on 0 rmmod softaccel
    node_setup accel on
    node_setup module on
    on 0 modprobe -a peervma_quirks peervma_driver
}

@test "mappings of drivers with quirks are exported right or refused" {
    tap_on 0 kernel_quirks
}

@test "drivers register, are asked and unregister at any time" {
    tap_on 0 kernel_driver
}

@test "exports and refusals are counted and traced" {
    tap_on 0 kernel_account
}

@test "exports of the module's own are limited, a user's and all" {
    tap_on 0 kernel_limits
}

@test "descriptors are right, and nothing leaks" {
    tap_on 0 kernel_fds
}

@test "racing threads get nothing wrong" {
    tap_on 0 kernel_races
}

@test "QUERY allocates nothing and locks for reading only" {
    tap_on 0 kernel_trace
}

@test "a fuzzer finds no wrong answer and nothing left behind" {
    on 0 modprobe vgem
    tap_on 0 kernel_fuzz --seed 1 --calls 1e5
    on 0 modprobe -r vgem
}

@test "a device may be unbound under mappings and exports" {
    tap_on 0 kernel_gone
}

@test "/dev/peervma is for root and the group render" {
    run on 0 stat -c '%a %U %G' /dev/peervma
    [ "$output" = "660 root render" ]
}

@test "a user of the group render exports what he mapped" {
    tap_on_user kernel_drm
}

@test "a user outside of it gets EACCES" {
    run on 0 runuser -u nobody -- sh -c ': 3<>/dev/peervma'
    [ "$status" -ne 0 ]
    [[ $output == *"/dev/peervma: Permission denied"* ]]
}

@test "the module stays as long as the device is open" {
    run on 0 bash -c 'exec 3<>/dev/peervma && rmmod peervma'
    [ "$status" -ne 0 ]
    [[ $output == *"in use"* ]]
    on 0 test -c /dev/peervma
}

@test "mappings of an accel node are exported" {
    on 0 modprobe -r softaccel
    on 0 modprobe softaccel accel=1
    on 0 test -c /dev/accel/accel0
    tap_on 0 kernel_drm
    on 0 modprobe -r softaccel
    node_setup accel on
}

@test "after all that no reference keeps a module" {
    on 0 modprobe -r peervma_quirks peervma_driver softaccel peervma
    node_setup accel on
    node_setup module on
    on 0 modprobe -a peervma_quirks peervma_driver
}
