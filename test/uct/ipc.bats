#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2034,SC2154 # of pair.bash
# Device memory between processes of a node, by the transport pvma_ipc. A client
# and a server on node 0; the last test is an MPI job on two nodes.
load ../node
load pair

setup_file() {
    on 0 /usr/lib/peervma-testbed/node-setup all
}

setup() { server_node=0; }

whole="UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES=cuda,ze-device"
ipc=("UCX_TLS=tcp,self,pvma_copy,pvma_ipc" UCX_NET_DEVICES=ens3
    UCX_RNDV_THRESH=8k "$whole")

# bats test_tags=tcp
@test "messages, puts and gets, all sizes and kinds of memory" {
    pair "${ipc[@]}" -- uct_transfer
    pair_holds
    local text
    for text in "$output" "$server"; do
        [ "$(stat ipc_bytes "$text")" -gt 16777216 ]
        [ "$(stat ipc_maps "$text")" -gt 0 ]
        [ "$(stat ipc_exports "$text")" -gt 0 ]
        [ "$(stat ipc_refused "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -eq 0 ]
    done
    [ "$(stat ipc_maps "$output")" -eq "$(stat ipc_exports "$server")" ]
    [ "$(stat ipc_maps "$server")" -eq "$(stat ipc_exports "$output")" ]
}

# bats test_tags=tcp
@test "the same up to 1 MiB, each lookup asking the kernel" {
    pair "${ipc[@]}" UCX_MEM_EVENTS=n LARGEST=1048583 -- uct_transfer
    pair_holds
    [ "$(stat detection "$output")" = query ]
    [ "$(stat ipc_bytes "$output")" -gt 1048576 ]
}

# bats test_tags=tcp
@test "a buffer is mapped once, and then found" {
    pair "${ipc[@]}" -- uct_ipc cached
    pair_holds
    [ "$(stat ipc_maps "$output")" -eq 1 ]
    [ "$(stat ipc_hits "$output")" -eq 9 ]
    [ "$(stat ipc_bytes "$output")" -eq $((10 * 1048576)) ]
    [ "$(stat cpu_copied_bytes "$output")" -eq 0 ]
    [ "$(stat ipc_exports "$server")" -eq 1 ]
}

# bats test_tags=tcp
@test "what the owner frees is free, and not mapped in the peer any more" {
    pair "${ipc[@]}" -- uct_ipc freed
    pair_holds
}

# bats test_tags=tcp
@test "an address under which the memory changes, by pvma_ipc" {
    pair "${ipc[@]}" -- uct_storm
    pair_holds
    [ "$(stat ipc_bytes "$output")" -gt 0 ]
    [ "$(stat ipc_unmaps "$output")" -gt 10 ]
}

# bats test_tags=tcp
@test "ucp_rkey_ptr() gives a pointer to device memory of the other process" {
    pair "${ipc[@]}" -- uct_ipc pointer
    pair_holds
}

# bats test_tags=tcp
@test "memory that its driver takes back is an error, and one line" {
    pair "${ipc[@]}" -- uct_ipc revoked
    on 0 sh -c 'echo 0000:00:05.0 >/sys/bus/pci/drivers/softaccel/bind'
    pair_holds
    grep -q '^peervma: failed: .* its driver has taken it back' <<<"$output"
}

# bats test_tags=tcp
@test "an owner that is killed is an error, and one line" {
    pair "${ipc[@]}" -- uct_ipc killed
    pair_holds "$by_signal"
    grep -q '^peervma: failed: .* its owner has unmapped it, or is gone' \
        <<<"$output"
}

refuse=LD_PRELOAD=$programs/libuct_refuse.so

# bats test_tags=tcp
@test "a flush tells of a put that failed, and that nobody waited for" {
    pair "${ipc[@]}" "$refuse" -- uct_ipc flushed
    pair_holds
}

# bats test_tags=tcp
@test "dma-bufs that cannot be mapped: the bytes go another way, with one line" {
    local number text
    for number in 12 13; do # ENOMEM, EACCES
        echo "$number"
        pair "${ipc[@]}" "$refuse" MAP_ERRNO="$number" LARGEST=1048583 \
            -- uct_transfer
        pair_holds
        for text in "$output" "$server"; do
            [ "$(stat ipc_exports "$text")" -gt 0 ]
            [ "$(stat ipc_maps "$text")" -eq 0 ]
            [ "$(stat ipc_bytes "$text")" -eq 0 ]
            [ "$(grep -c '^peervma: .* is not mapped here' <<<"$text")" -eq 1 ]
            ! grep 'its owner is another user' <<<"$text"
        done
    done
}

# bats test_tags=tcp
@test "a message whose copy fails is an error where it was copied" {
    local other
    for other in OTHER=host OTHER=device "OTHER=device STAGED=y"; do
        echo "$other"
        # shellcheck disable=SC2086
        pair "${ipc[@]}" "$refuse" FAILING=client $other -- uct_ipc failed
        pair_holds
        grep -q '^peervma: failed: ' <<<"$output"
    done
    [ "$(stat regions_staged "$output")" -eq 1 ]
    for other in OTHER=host OTHER=device; do
        echo "$other"
        pair "${ipc[@]}" "$refuse" UCX_RNDV_SCHEME=put_zcopy FAILING=server \
            "$other" -- uct_ipc failed
        pair_holds
        grep -q '^peervma: failed: ' <<<"$server"
    done
}

# ended_by_abort TEXT: the process that printed it was aborted as a copy failed,
# before the second message was received.
ended_by_abort() {
    grep -q '^peervma: failed: ' <<<"$1"
    [ "$status" -ne 0 ]
    [ "$(grep -E '^(not )?ok' <<<"$output")" = "ok 1 - a message" ]
}

# bats test_tags=tcp
@test "fragments of a message whose copy fails are not taken for its bytes" {
    pair "${ipc[@]}" "$refuse" UCX_HANDLE_ERRORS=none \
        UCX_RNDV_SCHEME=get_ppln FAILING=client OTHER=device -- uct_ipc failed
    ended_by_abort "$output"
    pair "${ipc[@]}" "$refuse" UCX_HANDLE_ERRORS=none \
        UCX_RNDV_SCHEME=put_zcopy SERVER_SCHEME=put_ppln FAILING=server \
        OTHER=device -- uct_ipc failed
    ended_by_abort "$server"
}

# bats test_tags=tcp
@test "another user's process gets its bytes another way" {
    client_user=mpi
    pair "${ipc[@]}" LARGEST=65537 -- uct_transfer
    pair_holds
    [ "$(stat ipc_bytes "$output")" -eq 0 ]
    [ "$(stat ipc_exports "$server")" -eq 0 ]
}

# bats test_tags=tcp
@test "without peervma.ko what a DRM node has is passed all the same" {
    on 0 /usr/lib/peervma-testbed/node-setup module off
    pair "${ipc[@]}" LARGEST=1048583 -- uct_transfer
    on 0 /usr/lib/peervma-testbed/node-setup module on
    pair_holds
    [ "$(stat ipc_bytes "$output")" -gt 1048576 ]
    [ "$(stat ipc_refused "$output")" -eq 0 ]
}

@test "UCX chooses between pvma_ipc and the NIC's loopback by bandwidth" {
    local -a both=("UCX_TLS=rc_verbs,tcp,self,pvma_copy,pvma_ipc"
        "UCX_NET_DEVICES=rxe0:1,ens3" UCX_IB_GID_INDEX=1 UCX_RC_TIMEOUT=60ms
        UCX_RNDV_THRESH=8k UCX_RNDV_SCHEME=get_zcopy "$whole")
    pair "${both[@]}" UCX_PEERVMA_COPY_BW_FROM_DEVICE=100GBps \
        UCX_PEERVMA_COPY_BW_TO_DEVICE=100GBps -- uct_ipc cached
    pair_holds
    [ "$(stat ipc_bytes "$output")" -eq $((10 * 1048576)) ]
    [ "$(stat dmabuf_exports "$output")" -eq 0 ]
    pair "${both[@]}" UCX_PEERVMA_COPY_BW_FROM_DEVICE=1MBps -- uct_ipc cached
    pair_holds
    [ "$(stat ipc_bytes "$output")" -eq 0 ]
    [ "$(stat dmabuf_exports "$output")" -eq 1 ]
    [ "$(stat cpu_copied_bytes "$output")" -eq 0 ]
}

# on_host HOST NAME: the sum of a counter over the ranks of a node.
on_host() {
    awk -v host="host=$1" -v name="$2" '/^peervma: stats/ && $3 == host {
        for (i = 1; i <= NF; i++)
            if (split($i, pair, "=") == 2 && pair[1] == name) {
                sum += pair[2]; found++ } }
        END { if (!found) exit 1; print sum }' <<<"$output"
}

@test "4 MPI ranks on 2 nodes: pvma_ipc within a node, RDMA between them" {
    on 1 /usr/lib/peervma-testbed/node-setup all
    # Each sends to the next: 0 to 1 on node 0, 1 to 2 between the nodes, ...
    run "$testbed" mpirun --timeout 300 --host node0:2,node1:2 -np 4 \
        -x UCX_PEERVMA_STATS=y "$programs/mpi_p2p" 65549
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    local host
    for host in node0 node1; do
        [ "$(on_host "$host" ipc_bytes)" -gt 65549 ]
        [ "$(on_host "$host" ipc_refused)" -eq 0 ]
        [ "$(on_host "$host" dmabuf_exports)" -gt 0 ]
    done
}
