#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# Where zero-copy is not to be had: MPI gives the right bytes all the same, and
# one line a process says why it is not zero-copy.

load ../node

setup=/usr/lib/peervma-testbed/node-setup

# All nodes to a state, and back.
both() { on 0 "$setup" "$@" && on 1 "$setup" "$@"; }

teardown() {
    both module on
    both accel on
    both nic on
    on 0 chmod 0660 /dev/peervma
    on 1 chmod 0660 /dev/peervma
}

job() {
    run "$testbed" mpirun --timeout 600 -np 2 "$@"
}

# How many lines say why something is not zero-copy.
reasons() { grep -c '^peervma: .*not zero-copy: ' <<<"$output" || true; }

@test "no accelerator in one node: right bytes" {
    on 1 "$setup" accel off
    job "$programs/mpi_zerocopy" any
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [[ $output != *" plugin"* ]]
}

@test "no plugin on one node: right bytes in host memory, and which node" {
    on 1 "$setup" accel off
    # Set for both nodes is what the plugin's component would set.
    job --mca pml ucx --mca opal_common_ucx_tls any \
        --mca opal_common_ucx_devices any -x UCX_NET_DEVICES=rxe0:1,ens3 \
        -x UCX_TLS=^ud_verbs,ud_verbs:aux -x UCX_RC_TIMEOUT=60ms bash -c '
        [ "$(hostname)" = node0 ] || export OMPI_MCA_accelerator=^peervma
        exec "$@"' - "$programs/mpi_zerocopy" any
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    grep -q '^peervma: no plugin in processes of this job on node1: ' <<<"$output"
    [[ $output != *"no process that UCX connected to"* ]]
}

@test "no peervma.ko: zero-copy all the same, by PRIME of the open DRM node" {
    both module off
    job "$programs/mpi_zerocopy"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(reasons)" -eq 0 ]
}

@test "no peervma.ko in one of two nodes: zero-copy all the same" {
    on 1 "$setup" module off
    job "$programs/mpi_zerocopy"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(reasons)" -eq 0 ]
}

@test "/dev/peervma without permission: zero-copy all the same" {
    on 0 chmod 0600 /dev/peervma
    on 1 chmod 0600 /dev/peervma
    job "$programs/mpi_zerocopy"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(reasons)" -eq 0 ]
}

@test "no NIC: right bytes over TCP, and a line" {
    both nic off
    # The card that carries ssh has the same address on all nodes.
    job -x UCX_NET_DEVICES=ens3 "$programs/mpi_zerocopy" staged
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(reasons)" -eq 2 ]
}

@test "a NIC without dma-buf: right bytes, staged, and a line" {
    both nic stock
    job "$programs/mpi_zerocopy" staged
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(reasons)" -eq 2 ]
    grep -q 'not zero-copy: .*dma-buf' <<<"$output"
}

@test "munmap before a pending send: an error or its own bytes, no others" {
    job "$programs/mpi_unmap"
    [[ $output == *"receive: first buffer"* || $output == *"receive: error"* ]]
}

@test "a length beyond the mapping is refused, and nothing behind it leaves" {
    job "$programs/mpi_beyond"
    [ "$status" -eq 0 ]
    [[ $output == *"send: refused"* ]]
    [[ $output == *"receive: the first buffer"* ]]
    grep -q '^peervma: .*beyond' <<<"$output"
}
