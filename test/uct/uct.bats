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

# bats test_tags=tcp
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
        [ "$(stat peers "$text")" -eq 1 ]
        [[ $text != *"has the plugin"* ]]
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

# bats test_tags=tcp
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

# bats test_tags=tcp
@test "a large send beyond the mapping over TCP ends the process likewise" {
    pair "${tcp[@]}" -- uct_beyond long
    [ "$status" -ne 0 ]
    grep -q '^peervma: refused: .* beyond its device mapping' <<<"$output"
    grep -q '^server: nothing from behind' <<<"$server"
}

refuse=LD_PRELOAD=$programs/libuct_refuse.so

# What uct_refusal sends one way.
refusal_bytes=$((3 * (8 + 4096 + 65536 + 1048576)))

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
    [ "$(stat cpu_copied_bytes "$output")" -eq "$refusal_bytes" ]
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

@test "a NIC's refusal for want of support, memory or sense is staged" {
    local number text
    for number in 95 12 22; do # EOPNOTSUPP, ENOMEM, EINVAL
        pair "${rdma[@]}" "$refuse" REFUSE_ERRNO="$number" -- uct_refusal
        pair_holds
        for text in "$output" "$server"; do
            [ "$(stat regions_staged "$text")" -eq 1 ]
            [ "$(lines 'the NIC rxe0 refused its dma-buf' "$text")" -eq 1 ]
        done
    done
}

@test "an export that fails is staged, once; where PRIME can, it does" {
    local number text
    for number in 24 12 5; do # EMFILE, ENOMEM, EIO
        pair "${rdma[@]}" "$refuse" EXPORT_ERRNO="$number" \
            PRIME_ERRNO="$number" -- uct_refusal
        pair_holds
        for text in "$output" "$server"; do
            [ "$(stat regions_staged "$text")" -eq 1 ]
            [ "$(stat dmabuf_refused "$text")" -eq 1 ]
            [ "$(stat dmabuf_exports "$text")" -eq 0 ]
            [ "$(lines '^peervma: .*not zero-copy: ' "$text")" -eq 1 ]
        done
    done
    pair "${rdma[@]}" "$refuse" REFUSE_NODE=none EXPORT_ERRNO=5 -- uct_zerocopy
    pair_holds
    for text in "$output" "$server"; do
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -eq 1 ]
    done
}

# With the CPU as quick as here, UCX has it copy what is not a rendezvous: these
# bytes of uct_drivers, each once when it is sent and once when it has come.
short_bytes=$((8 * (8 + 4096)))

@test "accelerators of two drivers in one process, each zero-copy if it can" {
    local -a settings=("${rdma[@]}" UCX_PEERVMA_COPY_BW_TO_DEVICE=10GBps
        UCX_PEERVMA_COPY_BW_FROM_DEVICE=10GBps)
    local node text both both_server both_status
    for node in 0 1; do
        on "$node" modprobe vgem
        on "$node" udevadm settle
    done
    pair "${settings[@]}" -- uct_drivers
    both=$output both_server=$server both_status="$status $server_status"
    # Of the two, the NIC of node 0 refuses what is of vgem.
    pair "${settings[@]}" "$refuse" REFUSE_NODE=node0 \
        REFUSE_BYTES=$((3 << 20)) -- uct_drivers
    for node in 0 1; do
        on "$node" modprobe -r vgem
    done
    pair_holds
    [ "$(lines '^# memory of softaccel is ze-device$' "$output")" -eq 1 ]
    [ "$(lines '^# memory of vgem is rdma$' "$output")" -eq 1 ]
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat dmabuf_exports "$output")" -eq 1 ]
    # And two large messages each way.
    [ "$(stat cpu_copied_bytes "$output")" -eq $((short_bytes + 4 * 1048576)) ]
    [ "$(lines '^peervma: .*not zero-copy: ' "$output")" -eq 1 ]
    [ "$both_status" = "0 0" ]
    tap_holds <<<"$both"
    for text in "$both" "$both_server"; do
        [ "$(lines '^# memory of [a-z]* is ze-device$' "$text")" -eq 2 ]
        [ "$(stat regions_tried "$text")" -eq 2 ]
        [ "$(stat regions_staged "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -eq 2 ]
        [ "$(stat cpu_copied_bytes "$text")" -eq "$short_bytes" ]
    done
}

@test "a NIC that refuses after the trial ends no process" {
    pair "${rdma[@]}" "$refuse" REFUSE_NODE=node0 REFUSE_AFTER=1 \
        -- uct_beyond inside
    client_ended
    [ "$(lines '^refused a dma-buf' "$output")" -ge 1 ]
}

# nothing_is_kept NODE: no memory of its accelerator, and no export; what dead
# processes had goes a little after them.
nothing_is_kept() {
    local tries
    for ((tries = 0; tries < 100; tries++)); do
        if on "$1" softaccel info | grep -qx 'memory_used 0' &&
            [ "$(on "$1" cat /sys/class/misc/peervma/statistics/held)" = 0 ]; then
            return
        fi
        sleep 0.2
    done
    false
}

@test "a peer that is killed in mid-transfer is an error, and nothing is kept" {
    pair "${rdma[@]}" -- uct_killed
    pair_holds "$by_signal"
    for node in 0 1; do
        nothing_is_kept "$node"
    done
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
    [ "$(stat peers "$output")" -eq 0 ]
    grep -q '^peervma: no process .* from node0 has the plugin' <<<"$output"
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
    grep -qx 'ok 1 - the bytes arrive' <<<"$output"
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
}

@test "the CPU's speed is measured with the first buffer, unless it is set" {
    pair "${rdma[@]}" -- uct_zerocopy
    pair_holds
    local text
    for text in "$output" "$server"; do
        [ "$(stat speed "$text")" = measured ]
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
    done
    pair "${rdma[@]}" UCX_PEERVMA_COPY_BW_TO_DEVICE=3GBps \
        UCX_PEERVMA_COPY_BW_FROM_DEVICE=30MBps UCX_PEERVMA_COPY_LATENCY=1us \
        -- uct_zerocopy
    pair_holds
    [ "$(stat speed "$output")" = set ]
    [ "$(stat to_device_mb_s "$output")" -gt 2000 ]
    [ "$(stat from_device_mb_s "$output")" -lt 100 ]
}

# first_zero_copy TEXT: from how many bytes on UCX sends the device's memory
# zero-copy, by its table.
first_zero_copy() {
    awk '/tagged message by ucp_tag_send\*.* from ze-device/ { found = 1 }
         found && /zero-copy/ && match($0, /[0-9]+[KM]?\.\./) {
             bytes = substr($0, RSTART, RLENGTH - 2)
             print bytes * (bytes ~ /K/ ? 1024 : bytes ~ /M/ ? 1048576 : 1)
             exit }' <<<"$1"
}

@test "UCX sends zero-copy from more bytes on where the CPU is quicker" {
    local -a free=("${rdma[@]/UCX_RNDV_*/UCX_WARN_UNUSED_ENV_VARS=n}")
    local -a first
    local speed
    for speed in 1 10; do
        pair "${free[@]}" UCX_PROTO_INFO=y UCX_PEERVMA_COPY_LATENCY=1us \
            UCX_PEERVMA_COPY_BW_TO_DEVICE="${speed}MBps" \
            UCX_PEERVMA_COPY_BW_FROM_DEVICE="${speed}MBps" -- uct_zerocopy
        first+=("$(first_zero_copy "$output$server")")
    done
    echo "zero-copy from ${first[0]} bytes at 1 MB/s, from ${first[1]} at 10"
    [ "${first[0]}" -lt "${first[1]}" ]
}

@test "UCX allocates on the accelerator, and its NIC reads and writes there" {
    local device
    device=$(on 0 sh -c 'grep -l softaccel /sys/class/drm/renderD*/device/uevent' |
        cut -d/ -f5)
    pair "${rdma[@]}" UCX_PEERVMA_ALLOC_DEVICE="$device" -- uct_alloc
    pair_holds
    local text
    for text in "$output" "$server"; do
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -ge 1 ]
    done
}

@test "where no accelerator is named UCX allocates on one all the same" {
    pair "${rdma[@]}" -- uct_alloc
    pair_holds
}

@test "ucx_perftest on memory that it allocates on the accelerators" {
    run "$testbed" mpirun --timeout 300 -np 2 --mca accelerator ^peervma \
        -x UCX_PEERVMA_STATS=y \
        peervma run ucx_perftest -t tag_bw -m ze-device -s 1048576 -n 20 -w 2
    echo "$output"
    [ "$status" -eq 0 ]
    [[ $output == *"Final:"* ]]
    [ "$(grep -c '^peervma: stats' <<<"$output")" -eq 2 ]
    [ "$(grep -c 'dmabuf_exports=[1-9]' <<<"$output")" -eq 2 ]
    [ "$(grep -c 'cpu_copied_bytes=0' <<<"$output")" -eq 2 ]
}

@test "without trials a good NIC has one registration, as before it had two" {
    local trials=REGISTRATIONS_EXPECTED=1
    pair "${rdma[@]}" UCX_PEERVMA_TRY_NICS=n "$trials" -- uct_zerocopy
    pair_holds
    local text
    for text in "$output" "$server"; do
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
        [ "$(stat dmabuf_exports "$text")" -eq 1 ]
    done
}

# client_ended: an error of the request, or UCX found another way for it; the
# process did not die.
client_ended() {
    grep -q '^client: ' <<<"$output"
    [ "$status" -eq 0 ]
    grep -q '^server: nothing from behind' <<<"$server"
}

@test "without trials a NIC's refusal is UCX's to handle: nothing is staged" {
    pair "${rdma[@]}" UCX_PEERVMA_TRY_NICS=n "$refuse" REFUSE_NODE=node0 \
        -- uct_beyond inside
    client_ended
    [ "$(lines '^refused a dma-buf' "$output")" -ge 1 ]
    [ "$(stat regions_staged "$output")" -eq 0 ]
    # With a trial the same buffer is staged, and arrives.
    pair "${rdma[@]}" "$refuse" REFUSE_NODE=node0 -- uct_beyond inside
    client_ended
    grep -q '^client: accepted' <<<"$output"
    [ "$(stat regions_staged "$output")" -ge 1 ]
}

@test "without peervma.ko zero-copy goes by PRIME, where a node is open" {
    local node
    for node in 0 1; do
        on "$node" /usr/lib/peervma-testbed/node-setup module off
    done
    pair "${rdma[@]}" -- uct_zerocopy
    local found=$output found_status=$status
    pair "${rdma[@]}" CLIENT_MEMORY=orphan SERVER_MEMORY=orphan -- uct_refusal
    for node in 0 1; do
        on "$node" /usr/lib/peervma-testbed/node-setup module on
    done
    # What no open node has is staged, with one line.
    pair_holds
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat dmabuf_exports "$output")" -eq 0 ]
    [ "$(lines '^peervma: .*not zero-copy: .*peervma' "$output")" -eq 1 ]
    output=$found status=$found_status
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(stat cpu_copied_bytes "$output")" -eq 0 ]
    [ "$(stat dmabuf_exports "$output")" -eq 1 ]
    [ "$(stat dmabuf_refused "$output")" -eq 0 ]
}

# every_way TEXT SETTING...: all ways of UCP to move bytes, and UCX's table of
# protocols has TEXT of device memory.
every_way() {
    local text=$1
    shift
    pair "${rdma[@]}" UCX_PROTO_INFO=y LARGEST=300007 "$@" -- uct_matrix
    grep -E "^(not )?ok |^#" <<<"$output" || true
    pair_holds
    grep -q "$text" <<<"$output$server"
    [ "$(stat regions_staged "$output")" -eq 0 ]
}

@test "tag, stream, AM, RMA, atomics, threads over RDMA, rendezvous by get" {
    every_way "zero-copy read from remote" UCX_RNDV_SCHEME=get_zcopy
}

@test "the same, rendezvous by put" {
    every_way "zero-copy .*write to remote" UCX_RNDV_SCHEME=put_zcopy
}

@test "the same, rendezvous by fragments that are got" {
    every_way "fragmented" UCX_RNDV_SCHEME=get_ppln
}

@test "the same, rendezvous by fragments that are put" {
    every_way "fragmented" UCX_RNDV_SCHEME=put_ppln
}

@test "the same by workers that sleep, rendezvous by get" {
    every_way "zero-copy read from remote" UCX_RNDV_THRESH=2k LARGEST=4099 \
        SLEEPS=y
}

# UCX finds out by a completion's service level whether a datagram came by IPv4,
# which only mlx5's NICs tell so: of Soft-RoCE it would drop all.
ud=("UCX_TLS=ud_verbs,self,pvma_copy" UCX_NET_DEVICES=rxe0:1 UCX_IB_GID_INDEX=1
    UCX_UD_VERBS_ETH_DGID_CHECK=n
    "UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES=cuda,ze-device")

# read_by_nic: bytes that node 0's NIC read in device memory up to now.
read_by_nic() {
    on 0 cat /sys/class/infiniband/rxe0/ports/1/hw_counters/dmabuf_read_bytes
}

@test "datagrams alone: the sender's NIC reads device memory, if UCX has it so" {
    local text before
    before=$(read_by_nic)
    pair "${ud[@]}" UCX_ZCOPY_THRESH=0 UCX_PROTO_INFO=y -- uct_refusal
    pair_holds
    grep -q 'multi-frag eager zero-copy copy-out .*ud_verbs' <<<"$output"
    [ $(($(read_by_nic) - before)) -ge "$refusal_bytes" ]
    # UD reads and writes no memory of the other side: what comes is copied.
    for text in "$output" "$server"; do
        [ "$(stat dmabuf_exports "$text")" -eq 1 ]
        [ "$(stat get_short_bytes "$text")" -eq 0 ]
        [ "$(stat cpu_copied_bytes "$text")" -eq "$refusal_bytes" ]
    done
}

@test "datagrams alone: where the CPU is quicker it copies on both sides" {
    local text
    pair "${ud[@]}" UCX_PEERVMA_COPY_BW_TO_DEVICE=10GBps \
        UCX_PEERVMA_COPY_BW_FROM_DEVICE=10GBps -- uct_refusal
    pair_holds
    for text in "$output" "$server"; do
        [ "$(stat dmabuf_exports "$text")" -eq 0 ]
        [ "$(stat cpu_copied_bytes "$text")" -eq $((2 * refusal_bytes)) ]
        [ "$(lines '^peervma: .*not zero-copy: UCX asked for no dma-buf' \
            "$text")" -eq 1 ]
    done
}

@test "tag, stream, AM, RMA, atomics, threads by datagrams alone" {
    pair "${ud[@]}" UCX_ZCOPY_THRESH=0 LARGEST=4099 -- uct_matrix
    pair_holds
    [ "$(stat dmabuf_exports "$output")" -gt 0 ]
    [ "$(stat regions_staged "$output")" -eq 0 ]
}

# bats test_tags=tcp
@test "tag, stream, AM, RMA, atomics, threads over TCP by workers that sleep" {
    pair "${tcp[@]}" SLEEPS=y LARGEST=65536 -- uct_matrix
    pair_holds
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
}
