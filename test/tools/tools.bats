#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# The command peervma on node 0: what list and explain say of real devices.
load ../node
load tools

setup_file() { node_renew; }

teardown_file() {
    node_setup all
}

# Runs a process that holds device memory; sets pid and its addresses.
hold() {
    # shellcheck disable=SC2154 # of node.bash
    on 0 bash -c "setsid $programs/lib_hold >/run/hold 2>&1 </dev/null &
                  echo \$! >/run/hold.pid
                  until [ -s /run/hold ]; do sleep 0.1; done"
    pid=$(on 0 cat /run/hold.pid)
    read -r drm dmabuf readable < <(on 0 cat /run/hold)
}

teardown() {
    on 0 bash -c '[ ! -s /run/hold.pid ] || kill "$(cat /run/hold.pid)"
                  rm -f /run/hold /run/hold.pid' || true
}

@test "list shows the accelerator, the NIC that takes dma-bufs and the module" {
    run on 0 peervma list
    [ "$status" -eq 0 ]
    line_has "/dev/dri/renderD128 +softaccel +0000:00:05.0 .* yes +softaccel +[a-z]+ " MiB
    line_has "rxe0 +rdma_rxe +0000:00:03.0 +- +ens3 +Ethernet +ACTIVE +yes" rxe0
    line_has "/dev/peervma: " "usable, exports mappings of kind dma-buf, drm"
}

@test "list --json is JSON with the same facts" {
    run on 0 bash -c "peervma list --json | perl -MJSON::PP -e '
        \$l = decode_json(join \"\", <STDIN>);
        \$a = \$l->{accelerators}[0];
        \$n = \$l->{nics}[0];
        print join \" \", \$a->{node}, \$a->{pci}, \$a->{usable} ? 1 : 0,
            \$n->{name}, \$n->{dmabuf} ? 1 : 0, \$l->{module}{usable} ? 1 : 0,
            @{\$l->{module}{kinds}}'"
    [ "$status" -eq 0 ]
    [[ $output == "/dev/dri/renderD128 0000:00:05.0 1 rxe0 1 1 dma-buf drm"* ]]
}

@test "list tells a NIC that takes no dma-buf" {
    node_setup nic stock
    run on 0 peervma list
    [ "$status" -eq 0 ]
    line_has "rxe0 +rdma_rxe +- +- +ens3 +Ethernet +ACTIVE +no" "registers no dma-buf"
    node_setup nic on
}

@test "list tells what is missing, and that is no error" {
    node_setup accel off
    node_setup nic off
    node_setup module off
    run on 0 peervma list
    [ "$status" -eq 0 ]
    line_has "no accelerator" "DRM or accel"
    line_has "no RDMA NIC" NIC
    line_has "/dev/peervma: not usable: " "modprobe peervma"
    node_setup all
}

@test "list tells a user outside of the group what he may not open" {
    run on 0 runuser -u nobody -- peervma list
    [ "$status" -eq 0 ]
    line_has "/dev/dri/renderD128 " " no"
    line_has "/dev/peervma: not usable: " "group"
}

@test "explain shows each mapping of a process and who would export it" {
    hold
    run on 0 peervma explain "$pid"
    [ "$status" -eq 0 ]
    [ "$(grep -c ^0x <<<"$output")" -eq 3 ]
    line_has "$drm-.* 64 KiB +drm +softaccel +/dev/dri/renderD128\+0x[0-9a-f]+ +0000:00:05.0 +rws +drm +zero-copy" ""
    line_has "$dmabuf-.* 64 KiB +dma-buf +softaccel +dma-buf [0-9]+ .* rws" " fd "
    line_has "$readable-.* 64 KiB +drm .* r-s" "PROT_READ | PROT_WRITE"
}

@test "explain of an address shows its mapping" {
    hold
    run on 0 peervma explain --pid "$pid" "$(printf '0x%x' $((drm + 65535)))"
    [ "$status" -eq 0 ]
    [ "$(grep -c ^0x <<<"$output")" -eq 1 ]
    line_has "$drm-" drm
    run on 0 peervma explain --pid "$pid" 0x1000
    [ "$status" -eq 3 ]
}

@test "explain tells that the module is missing" {
    hold
    node_setup module off
    run on 0 peervma explain "$pid"
    [ "$status" -eq 0 ]
    line_has "$drm-" " drm "
    line_has "$readable-" "modprobe peervma"
    line_has "$dmabuf-" " fd "
    node_setup module on
}

@test "explain of somebody else's process is refused" {
    hold
    run on_user 0 peervma explain "$pid"
    [ "$status" -eq 1 ]
    [[ $output == *"not yours to look at"* ]]
}
