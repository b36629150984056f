#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# peervma export, and explain of commands, on real devices of node 0.
# shellcheck disable=SC2154 # of node.bash and of bats
load ../node
load tools

registers=/sys/bus/pci/devices/0000:00:08.0/resource0

setup_file() { node_renew; }

teardown_file() {
    node_setup module off
    node_setup all
}

@test "export shows the dma-buf of a new buffer, and who made it" {
    run on_user 0 peervma export --length 64K
    [ "$status" -eq 0 ]
    line_has "SOURCE +a buffer on /dev/dri/renderD128" ''
    line_has "LENGTH +64 KiB" ''
    line_has "EXPORTER +softaccel" ''
    line_has "DMA-BUF SIZE +64 KiB" ''
    line_has "PCI +0000:00:05.0" ''
}

@test "export --json has the same" {
    run --separate-stderr on 0 peervma export --json
    [ "$status" -eq 0 ]
    json_holds '$json->{kind} eq "drm" && $json->{exporter} eq "softaccel" &&
        $json->{dmabuf_size} == 4096 && $json->{offset} == 0 &&
        defined $json->{provider} && !defined $json->{why}' <<<"$output"
}

@test "a command gets the dma-buf, its place in it, and its own output" {
    # shellcheck disable=SC2016 # for the inner shell
    run --separate-stderr on 0 peervma export --fd 9 --length 8K -- sh -c '
        grep exp_name "/proc/self/fdinfo/$PEERVMA_EXPORT_FD"
        echo "$PEERVMA_EXPORT_FD $PEERVMA_EXPORT_OFFSET $PEERVMA_EXPORT_LENGTH"
        exit 7'
    [ "$status" -eq 7 ]
    [ "${lines[0]}" = $'exp_name:\tsoftaccel' ]
    [ "${lines[1]}" = "9 0 8192" ]
    [ "${#lines[@]}" -eq 2 ]
    [[ $stderr == *"a buffer on /dev/dri/renderD128"* ]]
}

@test "export --hold keeps the dma-buf until a signal comes" {
    # shellcheck disable=SC2016 # for the inner shell
    run on 0 bash -c '
        peervma export --hold >/run/export &
        until grep -q "^held by" /run/export; do sleep 0.1; done
        fd=$(sed -n "s/^held by .* as descriptor \([0-9]*\),.*/\1/p" \
            /run/export)
        grep exp_name "/proc/$!/fdinfo/$fd"
        kill $!
        wait $!'
    [ "$status" -eq 0 ]
    [ "$output" = $'exp_name:\tsoftaccel' ]
}

@test "export of what is no device memory is refused" {
    run on 0 peervma export --file /etc/hostname
    [ "$status" -eq 1 ]
    line_has "NOT EXPORTED" "not device memory"
    run on 0 peervma export --file /nonsense
    [ "$status" -eq 1 ]
    line_has "NOT EXPORTED" "No such file"
    run on_user 0 peervma export --file "$registers"
    [ "$status" -eq 1 ]
    line_has "NOT EXPORTED" "Permission denied"
}

@test "export of a BAR follows the administrator's choice" {
    run on 0 peervma export --file "$registers"
    [ "$status" -eq 1 ]
    line_has "REFUSED BY" "bar_export"
    node_setup module off
    node_setup module on bar_export=unbound
    run on 0 peervma export --file "$registers" --offset 4K --length 8K
    [ "$status" -eq 0 ]
    line_has "KIND +bar" ''
    line_has "PCI +0000:00:08.0" ''
    line_has "LENGTH +8 KiB" ''
    line_has "EXPORTER +peervma" ''
    node_setup module off
    node_setup module on
}

@test "explain of a command shows what its processes map, beside its output" {
    run --separate-stderr on_user 0 peervma explain -- \
        sh -c "timeout 3 $programs/lib_hold; exit 4"
    [ "$status" -eq 4 ]
    [ "${#lines[@]}" -eq 1 ] # lib_hold's own
    [ "$(grep -cE '^[0-9]+ +0x.* 64 KiB ' <<<"$stderr")" -eq 3 ]
    grep -E " drm +softaccel +/dev/dri/renderD128\+0x.* rws .* zero-copy" \
        <<<"$stderr"
    grep -E " drm .* r-s +- +staged .*PROT_READ \| PROT_WRITE" <<<"$stderr"
    grep -F "UCX, zero-copy: rxe0 reads and writes it" <<<"$stderr"
}

@test "explain --after shows it in the midst, and lets the command run on" {
    # shellcheck disable=SC2016 # for the inner shell
    run on_user 0 bash -c '
        peervma explain --after 2 --output /tmp/explain --json -- \
            "$0/lib_hold" >/dev/null &
        until [ -s /tmp/explain ]; do sleep 0.1; done
        kill -0 $! && cat /tmp/explain
        kill $!
        wait $!
        echo "ended with $?"' "$programs"
    [ "${lines[1]}" = "ended with 143" ]
    json_holds '@$json == 3 && $json->[0]{pid} > 0 &&
        !grep { $_->{length} != 65536 } @$json' <<<"${lines[0]}"
}

@test "explain tells a process whose UCX has no plugin" {
    run on_user 0 peervma explain -- env LD_PRELOAD=libucp.so.0 \
        UCX_VFS_ENABLE=n timeout 3 "$programs/lib_hold"
    grep -E " rws .* as host memory " <<<"$output"
    grep -F "start it by 'peervma run'" <<<"$output"
}

@test "explain shows a rank of an MPI job whose UCX has the plugin" {
    run "$testbed" mpirun --timeout 300 -np 2 \
        peervma explain --output /tmp/rank -- "$programs/mpi_zerocopy"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    run on 0 cat /tmp/rank
    grep -E " drm +softaccel .* rws .* zero-copy " <<<"$output"
    # Not what would be, but what is.
    grep -E '^UCX, zero-copy: .* the CPU copies less$' <<<"$output"
}
