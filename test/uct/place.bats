#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# shellcheck disable=SC2154 # of pair.bash
# Which NIC moves what: on nodes of its own, each with two accelerators and a
# NIC near each. In both, the first accelerator is near rxe0.
load ../node
load pair

setup_file() {
    export PEERVMA_TESTBED_NAME=${PEERVMA_TESTBED_NAME:-default}-ports
    export PEERVMA_TESTBED_LAYOUT=ports
    "$testbed" up 2
}

# Runs, too, when the tests are interrupted.
teardown_file() {
    "$testbed" down
}

rdma=("UCX_TLS=rc_verbs,tcp,self,pvma_copy"
    "UCX_NET_DEVICES=rxe0:1,rxe1:1,ens3" UCX_IB_ROCE_LOCAL_SUBNET=y
    UCX_IB_GID_INDEX=1 UCX_RC_TIMEOUT=60ms UCX_RNDV_THRESH=8k
    UCX_RNDV_SCHEME=get_zcopy
    "UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES=cuda,ze-device")
refuse=LD_PRELOAD=$programs/libuct_refuse.so

# What uct_place sends each way.
bytes=$((2 * 2097152))

# place CLIENT SERVER [SETTING...]: messages both ways between these
# accelerators. Sets $output and $server, as pair does.
place() {
    local from=$1 to=$2
    shift 2
    pair "${rdma[@]}" CLIENT_ACCELERATOR="$from" SERVER_ACCELERATOR="$to" \
        "$@" -- uct_place
    pair_holds
}

# nic NAME read|written TEXT: bytes in device memory.
nic() {
    sed -nE "s/^# $1 .*\<$2 ([0-9]+).*/\1/p" <<<"$3"
}

# only NAME: this NIC moved all, on both nodes, and the other nothing.
only() {
    local text what name
    for text in "$output" "$server"; do
        for what in read written; do
            for name in rxe0 rxe1; do
                if [[ $name == "$1" ]]; then
                    [ "$(nic "$name" $what "$text")" -ge $bytes ]
                else
                    [ "$(nic "$name" $what "$text")" -eq 0 ]
                fi
            done
        done
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
    done
}

# both: each NIC moved at least a fifth, and no CPU a byte.
both() {
    local text what name
    for text in "$output" "$server"; do
        for what in read written; do
            for name in rxe0 rxe1; do
                [ "$(nic $name $what "$text")" -ge $((bytes / 5)) ]
            done
        done
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
    done
}

@test "the tools tell which NIC is near which accelerator" {
    run on 0 peervma list
    grep -E "^/dev/dri/renderD128 +softaccel +0000:43:00.0 +0 " <<<"$output"
    grep -E "^/dev/dri/renderD129 +softaccel +0000:83:00.0 +1 " <<<"$output"
    grep -E "^rxe0 +rdma_rxe +0000:44:00.0 +0 +ens3 " <<<"$output"
    grep -E "^rxe1 +rdma_rxe +0000:84:00.0 +1 +ens5 " <<<"$output"
    run on_user 0 peervma check
    [ "$status" -eq 0 ]
    grep -E "^/dev/dri/renderD128 +rxe0 .* bridge +-$" <<<"$output"
    grep -E "^/dev/dri/renderD128 +rxe1 .* host-bridges +-$" <<<"$output"
    grep -E "^/dev/dri/renderD129 +rxe0 .* host-bridges +-$" <<<"$output"
    grep -E "^/dev/dri/renderD129 +rxe1 .* bridge +-$" <<<"$output"
}

# field NAME: the value of a line "NAME VALUE" of $output.
field() {
    awk -v name="$1" '$1 == name { print $2 }' <<<"$output"
}

@test "each accelerator has a memory of its own, a file of its own outside" {
    local index seed length=100000
    local -a files
    read -r -a files < <("$testbed" status |
        sed -n 's/^node0 .* accelerator //p')
    [ "${#files[@]}" -eq 2 ]
    for index in 0 1; do
        seed=$((40 + index))
        run on 0 softaccel --index "$index" fill "$length" "$seed"
        [ "$status" -eq 0 ]
        cmp <(on 0 softaccel pattern "$length" "$seed") \
            <(tail -c +$(($(field bar_offset) + 1)) "${files[index]}" |
                head -c "$length")
    done
    run on 0 softaccel --index 2 info
    [ "$status" -eq 1 ]
}

@test "the NIC near the first accelerators moves their messages alone" {
    place 0 0 UCX_PROTO_INFO=y
    only rxe0
    grep -q 'ze-device/renderD128' <<<"$output"
}

@test "the NIC near the second accelerators moves their messages alone" {
    place 1 1
    only rxe1
}

@test "with one rail the NIC is still the near one, of either accelerator" {
    place 0 0 UCX_MAX_RNDV_RAILS=1
    only rxe0
    place 1 1 UCX_MAX_RNDV_RAILS=1
    only rxe1
}

# Both are as far from one end as from the other, and the client, which receives
# first, has both read. UCX, up to 1.23 at least, keeps the distances of a peer's
# memory under the peer's number of its device; whoever has sent from a device of
# that number before, as the server here, finds its own distances there, and has
# the NIC near itself alone read.
@test "no NIC near both accelerators: both NICs take part, and no CPU" {
    local name text
    place 0 1 UCX_MAX_RNDV_RAILS=2
    for name in rxe0 rxe1; do
        [ "$(nic $name written "$output")" -ge $((bytes / 5)) ]
    done
    [ $(($(nic rxe0 written "$server") + $(nic rxe1 written "$server"))) \
        -ge $bytes ]
    for text in "$output" "$server"; do
        [ "$(stat cpu_copied_bytes "$text")" -eq 0 ]
    done
}

@test "two NICs share messages where UCX is not to look at distances" {
    place 1 1 UCX_MAX_RNDV_RAILS=2 UCX_TOPO_PRIO=default
    both
}

@test "two NICs share messages in proportion to their ways, up to a ratio" {
    local distance=UCX_DISTANCE_BW=auto,sys:5GBps
    place 1 1 "$distance"
    both
    [ "$(nic rxe1 read "$output")" -gt "$(nic rxe0 read "$output")" ]
    place 1 1 "$distance" UCX_MULTI_LANE_MAX_RATIO=1
    only rxe1
}

@test "the far NIC moves all if it is the only one that may" {
    place 1 1 UCX_NET_DEVICES=rxe0:1,ens3
    only rxe0
}

@test "the far NIC moves all if the near one's driver has no dma-bufs" {
    place 1 1 "$refuse" WITHOUT_DMABUF=rxe1
    only rxe0
    [[ $output != *"not zero-copy"* ]]
}

@test "what one of two NICs refuses is staged, and a line names that NIC" {
    place 1 1 "$refuse" REFUSE_NIC=rxe1 REFUSE_NODE=node0
    [ "$(stat regions_staged "$output")" -eq 1 ]
    [ "$(stat cpu_copied_bytes "$output")" -gt 0 ]
    [ "$(stat regions_staged "$server")" -eq 0 ]
    [ "$(grep -c '^peervma: .* on node0 is not zero-copy: the NIC rxe1 refused' \
        <<<"$output")" -eq 1 ]
    [ "$(nic rxe0 read "$output")" -eq 0 ]
    [ "$(nic rxe1 read "$output")" -eq 0 ]
}

@test "the kernels of these nodes had nothing to complain of" {
    run "$testbed" check-log
    [ "$status" -eq 0 ]
}
