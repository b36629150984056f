#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# How the plugin and its settings get into Open MPI and other programs, where
# nobody sets anything, and where somebody does.

load ../node

setup=/usr/lib/peervma-testbed/node-setup

teardown() {
    on 1 "$setup" nic on
}

job() {
    run "$testbed" mpirun --timeout 300 -np 2 "$@"
}

# Lines that say what was set.
said() { grep -c '^peervma: set ' <<<"$output" || true; }

# "!" before a command fails no test.
lacks() {
    if grep "$1" <<<"$output"; then
        return 1
    fi
}

# Which layer the ranks chose.
layers() {
    sed -n 's/.*select: component \([a-z0-9]*\) selected$/\1/p' <<<"$output" |
        xargs
}

@test "ompi_info lists the component, and nothing complains of it" {
    run on_user 0 ompi_info
    [ "$status" -eq 0 ]
    grep -q 'MCA accelerator: peervma ' <<<"$output"
    lacks 'bad prefix\|peervma.*ignored'
}

@test "all ranks choose UCX, and one says what was set" {
    job --mca pml_base_verbose 10 "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ucx ucx" ]
    [ "$(said)" -eq 1 ]
    lacks 'bad prefix'
}

@test "ranks choose the same layer if one of their nodes has no NIC" {
    on 1 "$setup" nic off
    job --mca pml_base_verbose 10 -x UCX_NET_DEVICES=ens3 \
        "$programs/mpi_p2p" 4096
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ucx ucx" ]
}

@test "mpirun --mca pml ob1 is respected: no plugin, no settings, no line" {
    run on_user 0 mpirun -np 2 --mca pml ob1 --mca pml_base_verbose 10 \
        -x UCX_PEERVMA_STATS=y "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ob1 ob1" ]
    lacks '^peervma:'
}

@test "the user's own settings are left alone" {
    job -x UCX_RNDV_SCHEME=put_zcopy "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(said)" -eq 1 ]
    lacks 'UCX_RNDV_SCHEME='
}

@test "with PEERVMA_SETTINGS=n Debian's choice of layer stands" {
    run on_user 0 env PEERVMA_SETTINGS=n mpirun -np 2 \
        --mca pml_base_verbose 10 "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ob1 ob1" ]
    [ "$(said)" -eq 0 ]
}

@test "a transport list without the plugin's is warned of" {
    job -x UCX_TLS=rc_verbs,tcp,self "$programs/mpi_p2p" 1
    grep -q '^peervma: UCX_TLS=.* leaves out pvma_copy' <<<"$output"
}

@test "without the plugin's file MPI runs as if nothing were installed" {
    job -x PEERVMA_PLUGIN=/nonexistent --mca btl_tcp_if_include ens3 \
        --mca pml_base_verbose 10 "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ob1 ob1" ]
    [ "$(said)" -eq 0 ]
    [ "$(grep -c "can't be loaded: /nonexistent" <<<"$output")" -eq 2 ]
}

@test "peervma run mpirun: the ranks set the rest" {
    run on_user 0 peervma run mpirun -np 2 --mca pml_base_verbose 10 \
        "$programs/mpi_p2p" 1
    [ "$status" -eq 0 ]
    [ "$(layers)" = "ucx ucx" ]
    [ "$(said)" -eq 2 ]
}

@test "peervma run gives ucx_info the memory domain" {
    run on_user 0 ucx_info -d
    lacks 'Component: peervma'
    run on_user 0 peervma run ucx_info -d
    [ "$status" -eq 0 ]
    grep -q 'Component: peervma' <<<"$output"
    grep -q 'Transport: pvma_copy' <<<"$output"
}

@test "peervma run --print names Soft-RoCE's devices" {
    run on_user 0 peervma run --print
    [ "$status" -eq 0 ]
    grep -qx 'UCX_NET_DEVICES=rxe0:1,ens3' <<<"$output"
    grep -qx 'LD_PRELOAD=.*/libpeervma_preload.so' <<<"$output"
}
