#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Soft-RoCE with dma-buf on the nodes: registration, the bytes, the bounds, and
# what becomes of it when a device, a process or the support itself goes away.

load ../node

node_setup=/usr/lib/peervma-testbed/node-setup
preload=/usr/lib/x86_64-linux-gnu/peervma/libsoftroce_verbs.so
driver=/sys/bus/pci/drivers/softaccel

setup_file() {
    local node
    for node in 0 1; do
        on "$node" "$node_setup" accel on
        on "$node" "$node_setup" nic on
    done
}

# What a test left behind would fail the next one.
teardown() {
    on 0 pkill -x softroce_pair || true
    on 1 pkill -x softroce_pair || true
    [ -z "${device-}" ] || on 1 sh -c "echo $device >$driver/bind"
}

# counter NODE NAME
counter() {
    # The kernel gives values that are up to 10 ms old.
    on "$1" sh -c "sleep 0.1
        cat /sys/class/infiniband/rxe0/ports/1/hw_counters/$2"
}

# Serve one client from node 1's memory of a kind, in the background.
serve() {
    on 1 "$programs/softroce_pair" serve "$1" 3>&- \
        >"$BATS_TEST_TMPDIR/server" 2>&1 &
}

# Move node 1's memory about from node 0 until that fails; a second later it
# is in the midst of that.
flood() {
    serve softaccel
    on 0 "$programs/softroce_pair" flood node1 softaccel "$1" 3>&- \
        >"$BATS_TEST_TMPDIR/end" 2>&1 &
    flood=$!
    until (($(counter 0 dmabuf_mrs_live) > 0)) &&
        (($(counter 1 "$2") > ${3:-0} + 5000000)); do
        kill -0 "$flood"
    done
}

flood_ends_in() {
    wait "$flood" || true
    cat "$BATS_TEST_TMPDIR"/*
    [ "$(cat "$BATS_TEST_TMPDIR/end")" = "$1" ]
}

# No region is left on a node, within some minutes.
no_region_on() {
    local tries=500
    until [ "$(counter "$1" dmabuf_mrs_live)" -eq 0 ]; do
        ((tries-- > 0))
    done
}

# Unbind node 1's accelerator for the rest of the test.
take_device() {
    device=$(on 1 sh -c "basename $driver/*:*")
    on 1 sh -c "echo $device >$driver/unbind"
}

@test "registration: what is taken, what is refused, and how it is counted" {
    tap_on 0 softroce_registration
}

@test "bounds and rights: each violation is its error, and no byte moves" {
    tap_on 0 softroce_bounds
}

@test "READ, WRITE, SEND and atomics on main memory's dma-buf" {
    tap_on 0 softroce_transfer udmabuf
}

@test "READ, WRITE, SEND and atomics on the accelerator's dma-buf" {
    tap_on 0 softroce_transfer softaccel
}

@test "what is sent again arrives once and in order, however often" {
    tap_on 0 softroce_resend
    grep '^# sent again .* times' <<<"$output" >&3
    ! grep -q '^# sent again 0 times' <<<"$output" ||
        skip "a round takes less than the NIC's shortest timeout"
}

@test "a queue pair's error is told once" {
    tap_on 0 softroce_error_event
}

@test "an unbound accelerator: errors, no access, no leak, and a new start" {
    tap_on 0 softroce_revoke
}

@test "memory taken back in every way while the NIC is at it" {
    on 0 "$node_setup" module on
    tap_on 0 softroce_revocations
    grep '^# .* times during transfers' <<<"$output" >&3
}

@test "memory of a killed process is the next one's at once" {
    tap_on 0 softroce_killed
    grep '^# .* times during transfers' <<<"$output" >&3
}

@test "doorbells that the NIC rings, exported by their driver" {
    on 0 "$node_setup" module on
    on 0 modprobe softaccel_peervma
    tap_on 0 softroce_doorbell
    on 0 rmmod softaccel_peervma
}

@test "accelerator to accelerator between nodes, by the NIC alone" {
    local read written
    read=$(counter 1 dmabuf_read_bytes)
    written=$(counter 1 dmabuf_write_bytes)
    serve softaccel
    tap_on 0 softroce_pair check node1 softaccel
    # READ took 17.8 MB from there, WRITE and SEND put as much there each.
    [ "$(counter 1 dmabuf_read_bytes)" -ge "$((read + 17800000))" ]
    [ "$(counter 1 dmabuf_write_bytes)" -ge "$((written + 35600000))" ]
    no_region_on 1
}

@test "accelerator to main memory's dma-buf between nodes" {
    serve udmabuf
    tap_on 0 softroce_pair check node1 softaccel
}

@test "an accelerator that goes while it is written: remote access error" {
    local revoked
    revoked=$(counter 1 dmabuf_revoked)
    flood write dmabuf_write_bytes "$(counter 1 dmabuf_write_bytes)"
    take_device
    flood_ends_in "remote access error"
    [ "$(counter 1 dmabuf_revoked)" -eq "$((revoked + 1))" ]
    no_region_on 1
}

@test "an accelerator that goes while it is read: remote access error" {
    flood read dmabuf_read_bytes "$(counter 1 dmabuf_read_bytes)"
    take_device
    flood_ends_in "remote access error"
    no_region_on 1
}

@test "a process killed while the NIC reads for it leaves nothing behind" {
    flood read dmabuf_read_bytes "$(counter 1 dmabuf_read_bytes)"
    on 0 pkill -KILL -x softroce_pair
    no_region_on 0
    no_region_on 1
    serve softaccel
    tap_on 0 softroce_pair check node1 softaccel
}

@test "a process killed while its memory is written leaves nothing behind" {
    flood write dmabuf_write_bytes "$(counter 1 dmabuf_write_bytes)"
    on 1 pkill -KILL -x softroce_pair
    flood_ends_in "transport retry counter exceeded"
    no_region_on 0
    no_region_on 1
    serve softaccel
    tap_on 0 softroce_pair check node1 softaccel
}

@test "UCX finds that the NIC takes dma-bufs" {
    on 0 test -e /usr/lib/x86_64-linux-gnu/ucx/libuct_ib.so.0 ||
        skip "the node's UCX is built without InfiniBand"
    on 0 ucx_info -d | grep -A 20 'Memory domain: rxe0' | grep -q dmabuf
}

@test "without the preloaded call, and on stock rxe, it is EOPNOTSUPP" {
    [ "$(on 0 "$programs/softroce_probe")" = EBADF ]
    run on 0 unshare --mount sh -c "
        mount --bind /dev/null /etc/ld.so.preload
        $programs/softroce_probe"
    [ "$output" = EOPNOTSUPP ]
    on 0 "$node_setup" nic stock
    run on 0 env LD_PRELOAD="$preload" "$programs/softroce_probe"
    on 0 "$node_setup" nic on
    [ "$output" = EOPNOTSUPP ]
}

@test "a program without verbs loads nothing for the preloaded call" {
    run on 0 env LD_PRELOAD="$preload" cat /proc/self/maps
    grep -q softroce_verbs <<<"$output"
    run grep ibverbs <<<"$output"
    [ "$status" -eq 1 ]
}
