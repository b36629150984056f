#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The simulated accelerator on node 0, and its memory seen from outside.

load ../node

setup() {
    on 0 modprobe -a softaccel softaccel_importer
}

# The file behind node 0's accelerator memory.
backing_file() {
    # shellcheck disable=SC2154 # of node.bash
    "$testbed" status | awk '$1 == "node0" { print $NF }'
}

# field NAME: the value of a line "NAME VALUE" of $output.
field() {
    awk -v name="$1" '$1 == name { print $2 }' <<<"$output"
}

@test "allocation: sizes, every error, and memory zeroed between users" {
    tap_on 0 softaccel_memory
}

@test "mappings: same bytes, counted faults, no pages, no other's memory" {
    tap_on 0 softaccel_mapping
}

@test "device work: fill, checksum and add as the CPU computes them" {
    tap_on 0 softaccel_work
}

@test "dma-bufs: mapped, imported and refused as they should be" {
    tap_on 0 softaccel_prime
}

@test "doorbells: what rings is seen, and they go as memory does" {
    tap_on 0 softaccel_doorbell
}

@test "reset at any moment: contents lost, importers told, no stale byte" {
    tap_on 0 softaccel_reset
}

@test "the command resets, and only for root" {
    local resets
    run on 0 softaccel info
    resets=$(field resets)
    on 0 softaccel reset
    run on_user 0 softaccel reset
    [ "$status" -eq 1 ]
    [ "$output" = "softaccel: resetting: Permission denied" ]
    run on 0 softaccel info
    [ "$(field resets)" -eq "$((resets + 1))" ]
}

@test "unbinding at any moment: SIGBUS, ENODEV and importers told" {
    tap_on 0 softaccel_unbind
}

@test "what the device filled is in its backing file, at bar_offset" {
    local length=1000003 seed=20190129 file expected
    file=$(backing_file)
    [ -f "$file" ]
    expected=$(on 0 softaccel pattern "$length" "$seed" | sha256sum)
    run on 0 softaccel fill "$length" "$seed"
    [ "$status" -eq 0 ]
    [ "$(field length)" -eq "$length" ]
    [ "$(tail -c "+$(($(field bar_offset) + 1))" "$file" |
        head -c "$length" | sha256sum)" = "$expected" ]
    # Another seed is other bytes: the comparison can fail.
    [ "$(on 0 softaccel pattern "$length" 1 | sha256sum)" != "$expected" ]
}

@test "an unused module unloads, and loads again" {
    on 0 modprobe -r softaccel_importer
    on 0 modprobe -r softaccel
    run on 0 softaccel info
    [ "$status" -eq 1 ]
    [[ $output == *"No such device"* ]]
    on 0 modprobe softaccel
    run on 0 softaccel info
    [ "$status" -eq 0 ]
    [ "$(field memory_used)" -eq 0 ]
}

@test "with accel=1 the same holds for /dev/accel/accel0" {
    on 0 modprobe -r softaccel
    on 0 modprobe softaccel accel=1
    on 0 test -c /dev/accel/accel0
    tap_on 0 softaccel_memory
    tap_on 0 softaccel_mapping
    tap_on 0 softaccel_prime
    tap_on 0 softaccel_doorbell
    tap_on 0 softaccel_reset
    tap_on 0 softaccel_unbind
    on 0 modprobe -r softaccel
    on 0 modprobe softaccel
    on 0 test ! -e /dev/accel/accel0
}
