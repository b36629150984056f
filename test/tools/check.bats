#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# peervma check and doctor on node 0: the whole path, and each part missing.
# shellcheck disable=SC2154 # of node.bash and of bats
load ../node
load tools

setup_file() { node_renew; }

teardown_file() { node_setup all; }

counter() {
    on 0 cat "/sys/class/infiniband/rxe0/ports/1/hw_counters/$1"
}

# check's only line with "yes" or "no" in these columns.
check_line() {
    line_has "/dev/dri/renderD128 +$1 +$2 +$3 +$4 " ''
}

@test "check: the NIC reads and writes the accelerator, by its own counters" {
    local reads writes
    reads=$(counter dmabuf_read_bytes)
    writes=$(counter dmabuf_write_bytes)
    run --separate-stderr on 0 peervma check --json
    [ "$status" -eq 0 ]
    sleep 0.1 # the counters may be 10 ms old
    reads=$(($(counter dmabuf_read_bytes) - reads))
    writes=$(($(counter dmabuf_write_bytes) - writes))
    json_holds "@\$json == 1 && \$json->[0]{registered} &&
        \$json->[0]{read} && \$json->[0]{read_verified} >= 2 << 20 &&
        $reads >= \$json->[0]{read_verified} &&
        \$json->[0]{write} && \$json->[0]{write_verified} >= 2 << 20 &&
        $writes >= \$json->[0]{write_verified} &&
        \$json->[0]{read_mib_per_second} > 0 &&
        \$json->[0]{write_mib_per_second} > 0 &&
        !defined \$json->[0]{why}" <<<"$output"
}

@test "check: an ordinary user of group render may do it, of any size" {
    run on_user 0 peervma check --size 5001 --nic rxe0 \
        --accelerator renderD128
    [ "$status" -eq 0 ]
    check_line rxe0 softaccel '[a-z]+' 'yes +yes'
}

@test "check: dumb buffers serve for a driver that peervma does not know" {
    on 0 modprobe vgem
    run on 0 peervma check
    on 0 modprobe -r vgem
    [ "$status" -eq 0 ]
    [ "$(grep -c '^/dev/dri/renderD' <<<"$output")" -eq 2 ]
    line_has "/dev/dri/renderD[0-9]+ +rxe0 +dumb +[a-z]+ +yes +yes" MiB
}

@test "check: a NIC or an accelerator that is not there is told" {
    run on 0 peervma check --nic nonsense
    [ "$status" -eq 3 ]
    check_line - softaccel '[a-z]+' '- +- ' | grep -F "no RDMA NIC nonsense"
    run on 0 peervma check --accelerator nonsense
    [ "$status" -eq 3 ]
    [[ $output == "no accelerator nonsense"* ]]
}

@test "check: a limit for locked memory is told" {
    run on_user 0 bash -c 'ulimit -l 64; peervma check'
    [ "$status" -eq 1 ]
    check_line rxe0 softaccel '[a-z]+' - | grep -F "limit for locked memory"
}

@test "check: a user outside of the group is told the group" {
    run on 0 runuser -u nobody -- peervma check
    [ "$status" -eq 1 ]
    check_line rxe0 - - - | grep -F "no permission: join the group"
}

bad_nic() {
    run on 0 env LD_PRELOAD="$programs/bad_nic.so" BAD_NIC="$1" peervma check
}

@test "check: a NIC that only claims to have moved the bytes is found out" {
    bad_nic lose
    [ "$status" -eq 1 ]
    check_line rxe0 softaccel '[a-z]+' 'yes +no +- +0 B +no' |
        grep -E "read: .*, but [0-9]+ of 1048576 bytes are wrong, the first at"
}

@test "check: a NIC that the accelerator's driver refuses is told apart" {
    bad_nic refuse
    [ "$status" -eq 1 ]
    check_line rxe0 softaccel '[a-z]+' 'no +-' |
        grep -F "no P2P path: driver softaccel refuses this NIC its memory"
}

@test "check: progress and colour are for terminals" {
    run --separate-stderr on 0 peervma check
    [ -z "$stderr" ]
    [[ $output != *$'\033'* ]]
    run on 0 env TERM=xterm script -qec 'peervma check' /dev/null
    [[ $output == *"renderD128 with rxe0 ..."* ]]
    [[ $output == *$'\033[1mACCELERATOR'* ]]
    [[ $output == *$'\033[32myes'* ]]
    run on 0 env TERM=xterm NO_COLOR=1 script -qec 'peervma check' /dev/null
    [[ $output == *"renderD128 with rxe0 ..."* ]]
    [[ $output != *$'\033[1m'* ]]
}

@test "doctor finds nothing wrong with a whole node" {
    run on_user 0 peervma doctor /usr/bin/ucx_info
    [ "$status" -eq 0 ]
    line_has "ok +module" "can be used"
    line_has "ok +/dev/dri/renderD128 " "its buffers are exported"
    line_has "ok +rxe0" "registers dma-bufs"
    line_has "ok +/dev/dri/renderD128, rxe0" "the NIC registers its memory"
    line_has "ok +UCX" "takes the plugin"
    line_has "ok +way into MPI" "Open MPI"
    line_has "ok +peervma run" "loads the plugin"
    line_has "ok +/usr/bin/ucx_info" "with the UCX above"
    line_has "nothing keeps zero-copy from working" ''
}

@test "doctor --json has the same findings" {
    run --separate-stderr on 0 peervma doctor --json
    [ "$status" -eq 0 ]
    json_holds '@$json > 8 && !grep { $_->{level} eq "problem" ||
        !defined $_->{what} || !defined $_->{finding} } @$json' <<<"$output"
}

@test "doctor tells settings that keep the plugin out" {
    run on 0 env UCX_TLS=rc,tcp peervma doctor
    [ "$status" -eq 1 ]
    line_has "problem +settings" "add pvma_copy to UCX_TLS"
}

@test "doctor tells a plugin that cannot be loaded, and a set-user-ID program" {
    run on 0 env PEERVMA_PLUGIN=/nonsense peervma doctor /usr/bin/passwd
    [ "$status" -eq 1 ]
    line_has "problem +UCX" "/nonsense"
    line_has "problem +/usr/bin/passwd" "set-user-ID"
}

@test "doctor tells a user outside of the group the group" {
    run on 0 runuser -u nobody -- peervma doctor
    [ "$status" -eq 1 ]
    line_has "problem +module" "usermod -aG render USER"
    line_has "problem +/dev/dri/renderD128" "usermod -aG render USER"
}

# From here on parts are taken away, which the last test gives back.

@test "a NIC without dma-buf: check and doctor tell it" {
    node_setup nic stock
    run on 0 peervma check
    [ "$status" -eq 1 ]
    check_line rxe0 softaccel '[a-z]+' 'no +-' |
        grep -F "no dma-buf in the NIC's driver (rdma_rxe)"
    run on 0 peervma doctor
    [ "$status" -eq 1 ]
    line_has "problem +rxe0" "registers no dma-bufs"
}

@test "no NIC: check and doctor tell it" {
    node_setup nic off
    run on 0 peervma check
    [ "$status" -eq 3 ]
    check_line - softaccel '[a-z]+' '-' | grep -F "no RDMA NIC"
    run on 0 peervma doctor
    [ "$status" -eq 1 ]
    line_has "problem +NIC" "no RDMA NIC"
}

# With a provider that needs no module it is no obstacle, but told.
@test "no module: check tells it or goes without, doctor tells it" {
    node_setup nic on
    node_setup module off
    run on 0 peervma check
    if [ "$status" -eq 0 ]; then
        [[ $output != *" kernel "* ]]
        run on 0 peervma doctor
        [ "$status" -eq 0 ]
        line_has "warning +module" "modprobe peervma"
    else
        check_line rxe0 softaccel - - | grep -F "modprobe peervma"
        run on 0 peervma doctor
        [ "$status" -eq 1 ]
        line_has "problem +module" "modprobe peervma"
    fi
}

@test "no accelerator: check and doctor tell it" {
    node_setup accel off
    run on 0 peervma check
    [ "$status" -eq 3 ]
    [[ $output == "no accelerator: "* ]]
    run on 0 peervma doctor
    [ "$status" -eq 1 ]
    line_has "problem +accelerator" "load its driver"
}

@test "with all back in place both are content again" {
    node_setup all
    run on 0 peervma check
    [ "$status" -eq 0 ]
    run on 0 peervma doctor
    [ "$status" -eq 0 ]
}
