#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154 # of pair.bash
# The UCX plugin between two nodes, without MPI: a server on node 1, a client on
# node 0, whose output is tested.
load ../node
load pair

setup_file() {
    local node
    for node in 0 1; do
        on "$node" /usr/lib/peervma-testbed/node-setup all
    done
}

# Soft-RoCE's own estimates are against zero-copy.
rdma=("UCX_TLS=rc_verbs,tcp,self,pvma_copy" "UCX_NET_DEVICES=rxe0:1,ens3"
    UCX_IB_GID_INDEX=1 UCX_RC_TIMEOUT=60ms UCX_RNDV_THRESH=8k
    UCX_RNDV_SCHEME=get_zcopy
    "UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES=cuda,ze-device")
tcp=("UCX_TLS=tcp,self,pvma_copy" UCX_NET_DEVICES=ens3)

@test "messages, puts and gets over RDMA, all sizes and kinds of memory" {
    pair "${rdma[@]}" -- uct_transfer
    pair_holds
    [ "$(stat detection "$output")" = events ]
    [ "$(stat dmabuf_exports "$output")" -gt 0 ]
}

@test "messages, puts and gets up to 1 MiB, each lookup asking the kernel" {
    pair "${rdma[@]}" UCX_MEM_EVENTS=n LARGEST=1048583 -- uct_transfer
    pair_holds
    [ "$(stat detection "$output")" = query ]
    [ "$(stat detection "$server")" = query ]
    [ "$(stat dmabuf_exports "$output")" -gt 0 ]
}

@test "messages, puts and gets up to 1 MiB over TCP" {
    pair "${tcp[@]}" LARGEST=1048583 -- uct_transfer
    pair_holds
    [ "$(stat dmabuf_exports "$output")" -eq 0 ]
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
}

@test "large messages between accelerators are moved by the NICs alone" {
    pair "${rdma[@]}" -- uct_zerocopy
    pair_holds
    local text
    for text in "$output" "$server"; do
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -eq 1 ]
        [ "$(stat dmabuf_refused "$text")" -eq 0 ]
    done
}

@test "an address under which the memory changes, over RDMA" {
    pair "${rdma[@]}" -- uct_storm
    pair_holds
    [ "$(stat detection "$output")" = events ]
}

@test "an address under which the memory changes, asking the kernel" {
    pair "${rdma[@]}" UCX_MEM_EVENTS=n -- uct_storm
    pair_holds
    [ "$(stat detection "$output")" = query ]
}

@test "an address under which the memory changes, over TCP" {
    pair "${tcp[@]}" -- uct_storm
    pair_holds
}

@test "a registration beyond the mapping is refused with an error" {
    pair "${rdma[@]}" -- uct_beyond map
    grep -q '^client: ' <<<"$output"
    [[ $output != *"client: accepted"* ]]
    grep -q '^peervma: refused: .* beyond its device mapping' <<<"$output"
}

@test "a large send beyond the mapping is refused with an error" {
    pair "${rdma[@]}" -- uct_beyond long
    grep -q '^client: ' <<<"$output"
    [[ $output != *"client: accepted"* ]]
    grep -q '^peervma: refused: .* beyond its device mapping' <<<"$output"
    grep -q '^server: nothing from behind' <<<"$server"
}

@test "a short send beyond the mapping ends the process, and nothing leaves" {
    pair "${rdma[@]}" -- uct_beyond short
    [ "$status" -ne 0 ]
    grep -q '^peervma: refused: .* beyond its device mapping' <<<"$output"
    grep -q '^server: nothing from behind' <<<"$server"
}

@test "a large send beyond the mapping over TCP ends the process likewise" {
    pair "${tcp[@]}" -- uct_beyond long
    [ "$status" -ne 0 ]
    grep -q '^peervma: refused: .* beyond its device mapping' <<<"$output"
    grep -q '^server: nothing from behind' <<<"$server"
}

refuse=LD_PRELOAD=$programs/libuct_refuse.so

# lines PATTERN TEXT: how many.
lines() { grep -c "$1" <<<"$2" || true; }

@test "a read-only mapping is staged, said once, until it is mapped anew" {
    pair "${rdma[@]}" CLIENT_MEMORY=readonly AGAIN=y -- uct_refusal
    pair_holds
    [ "$(stat regions_tried "$output")" -eq 2 ]
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat dmabuf_refused "$output")" -eq 1 ]
    [ "$(stat dmabuf_exports "$output")" -eq 1 ]
    # The messages of all rounds before it was mapped anew, and no byte more.
    [ "$(stat cpu_copied_bytes "$output")" -eq \
        $((3 * (8 + 4096 + 65536 + 1048576))) ]
    [ "$(lines '^peervma: .*not zero-copy: .*' "$output")" -eq 1 ]
}

@test "a BAR that its exporter refuses is staged, from there and to there" {
    on 0 /usr/lib/peervma-testbed/node-setup accel off
    on 0 sh -c 'echo off >/sys/module/peervma/parameters/bar_export'
    pair "${rdma[@]}" CLIENT_MEMORY=bar -- uct_refusal
    on 0 /usr/lib/peervma-testbed/node-setup all
    pair_holds
    [ "$(stat regions_tried "$output")" -eq 1 ]
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat dmabuf_exports "$output")" -eq 0 ]
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
    [ "$(stat regions_staged "$server")" -eq 0 ]
    [ "$(lines '^peervma: .*not zero-copy: .*bar_export' "$output")" -eq 1 ]
}

@test "what the receiver's NIC refuses is staged there, tried once" {
    pair "${rdma[@]}" "$refuse" REFUSE_NODE=node1 -- uct_refusal
    pair_holds
    [ "$(stat regions_staged "$output")" -eq 0 ]
    [ "$(stat regions_staged "$server")" -eq 1 ]
    [ "$(stat dmabuf_exports "$server")" -eq 0 ]
    [ "$(lines '^refused a dma-buf of 2097152 bytes' "$server")" -eq 1 ]
    [ "$(lines '^peervma: .* on node1 is not zero-copy: the NIC rxe0 refused' \
        "$server")" -eq 1 ]
}

@test "what the NICs of both nodes refuse is staged" {
    pair "${rdma[@]}" "$refuse" -- uct_refusal
    pair_holds
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat regions_staged "$server")" -eq 1 ]
}

@test "what one NIC refuses is staged, asking the kernel for each buffer" {
    pair "${rdma[@]}" UCX_MEM_EVENTS=n "$refuse" REFUSE_NODE=node0 -- uct_refusal
    pair_holds
    [ "$(stat detection "$output")" = query ]
    [ "$(stat regions_tried "$output")" -eq 1 ]
    [ "$(stat regions_staged "$output")" -eq 1 ]
}

@test "host memory is what it was: no address is asked for, none looked up" {
    pair "${rdma[@]}" CLIENT_MEMORY=host SERVER_MEMORY=host -- uct_refusal
    pair_holds
    [ "$(stat detection "$output")" = events ]
    [ "$(stat lookups "$output")" -eq 0 ]
    [ "$(stat regions "$output")" -eq 0 ]
}

@test "the receiver has no plugin: right bytes in its host memory" {
    pair "${rdma[@]}" NO_PLUGIN=server SERVER_MEMORY=host -- uct_refusal
    pair_holds
    [ "$(stat dmabuf_exports "$output")" -gt 0 ]
}

@test "with another memory type device memory is zero-copy all the same" {
    pair "${rdma[@]}" UCX_PEERVMA_MEM_TYPE=rdma \
        UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES=cuda,rdma -- uct_zerocopy
    pair_holds
    [ "$(stat cpu_copied_bytes "$output")" -eq 0 ]
    [ "$(stat cpu_copied_bytes "$server")" -eq 0 ]
}

@test "the CPU's speed, as it is set, decides between copies and zero-copy" {
    local -a free=("${rdma[@]/UCX_RNDV_*/UCX_WARN_UNUSED_ENV_VARS=n}")
    pair "${free[@]}" UCX_PEERVMA_COPY_BW_TO_DEVICE=1MBps \
        UCX_PEERVMA_COPY_BW_FROM_DEVICE=1MBps -- uct_zerocopy
    pair_holds
    [ "$(stat cpu_copied_bytes "$output")" -eq 0 ]
    pair "${free[@]}" UCX_PEERVMA_COPY_BW_TO_DEVICE=100GBps \
        UCX_PEERVMA_COPY_BW_FROM_DEVICE=100GBps -- uct_zerocopy
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
}
