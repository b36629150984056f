#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# `peervma run --alloc` on the nodes: programs that know nothing of devices,
# with their buffers on the accelerator.

load ../node

# place NODE COMMAND...: on an accelerator, with its counters.
place() {
    local node=$1
    shift
    run on_user "$node" env UCX_PEERVMA_STATS=y PEERVMA_QUIET=y \
        peervma run "$@"
}

# The sum of a counter over the lines "peervma: KIND " of $output.
counter_sum() {
    awk -v kind="$1" -v name="$2" '$1 == "peervma:" && $2 == kind {
        for (i = 3; i <= NF; i++)
            if (split($i, pair, "=") == 2 && pair[1] == name) {
                sum += pair[2]; found++ } }
        END { if (!found) exit 1; print sum }' <<<"$output"
}

# Bytes that both NICs have read from and written to device memory.
nic_bytes() {
    local node
    for node in 0 1; do
        on "$node" sh -c 'cat /sys/class/infiniband/rxe0/ports/1/hw_counters/dmabuf_[rw]*_bytes'
    done | awk '{ sum += $1 } END { print sum }'
}

# shellcheck disable=SC2154 # of node.bash
job() {
    run "$testbed" mpirun --timeout 100 -np 2 -x UCX_PEERVMA_STATS=y \
        peervma run --alloc=device "$programs/mpi_malloc" "$@"
}

@test "an unmodified MPI program's buffers are moved by the NICs alone" {
    local before
    before=$(nic_bytes)
    job large
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    # six kinds of allocation in each rank, and one that grew into its own
    [ "$(counter_sum alloc device_buffers)" -ge 12 ]
    [ "$(counter_sum alloc host_buffers)" -eq 0 ]
    [ "$(counter_sum stats cpu_copied_bytes)" -eq 0 ]
    [ "$(counter_sum stats dmabuf_exports)" -ge 12 ]
    [ "$(counter_sum stats dmabuf_refused)" -eq 0 ]
    # 6 kinds, 4 MiB there and back, each read by one NIC, written by the other
    [ $(($(nic_bytes) - before)) -ge $((6 * 2 * 2 * 4194304)) ]
}

@test "small messages and a sum over the ranks are right, too" {
    job
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(counter_sum alloc device_buffers)" -ge 16 ]
}

@test "what does not fit stays in host memory, and a line says so" {
    local told
    place 0 --alloc=device perl -e 'my $x = "x" x 20000000'
    [ "$status" -eq 0 ]
    [ "$(counter_sum alloc device_bytes)" -ge 20000000 ]
    [[ $output != *"stayed in host memory"* ]]
    place 0 --alloc=device --alloc-min=1M perl -e '
        my $n = 90000000;
        my $x = "x" x $n; my $y = "y" x $n; my $z = "z" x $n;
        print length $x, substr($y, -1), substr($z, -1), "\n"'
    [ "$status" -eq 0 ]
    [[ $output == *90000000yz* ]]
    [ "$(counter_sum alloc device_bytes)" -ge 180000000 ]
    [ "$(counter_sum alloc host_bytes)" -ge 90000000 ]
    told='peervma: [0-9]+ of [0-9]+ large allocations, .* stayed in host memory'
    [[ $output =~ $told": /dev/dri/renderD128: No space left on device" ]]
}

@test "a forked child has memory of its own" {
    place 0 --alloc=device perl -e '
        my $x = "p" x 5000000;
        my $pid = fork;
        if ($pid == 0) { substr($x, 0, 1) = "c"; print substr($x, 0, 2), "\n";
            exit 0 }
        waitpid $pid, 0;
        print substr($x, 0, 2), "\n"'
    [ "$status" -eq 0 ]
    [[ $output == *$'cp\n'*$'pp\n'* ]]
    [ "$(counter_sum alloc device_bytes)" -ge 5000000 ]
}

@test "dumb buffers serve a driver that the table does not know" {
    on 0 modprobe vgem
    on 0 udevadm settle
    run on 0 sh -c 'head -c 30000000 /dev/urandom >/run/random
        md5sum </run/random
        UCX_PEERVMA_STATS=y PEERVMA_QUIET=y peervma run --alloc=device:1 \
            perl -e "undef \$/; my \$x = <STDIN>; print \$x" \
            </run/random 2>/run/errors | md5sum
        cat /run/errors
        rm /run/random /run/errors'
    on 0 modprobe -r vgem
    [ "$(sed -n 1p <<<"$output")" = "$(sed -n 2p <<<"$output")" ]
    [ "$(counter_sum alloc device_bytes)" -ge 30000000 ]
    [[ $output == *" node=/dev/dri/renderD129 "* ]]
}

@test "an accelerator that can't be used is told before anything runs" {
    place 0 --alloc=device:7 echo "it ran"
    [ "$status" -eq 126 ]
    [ "$output" = "peervma run: --alloc=device:7: no such accelerator: this machine has 1, counted from 0 as peervma list shows them" ]
    run on 0 runuser -u nobody -- peervma run --alloc=device echo "it ran"
    [ "$status" -eq 126 ]
    [[ $output == "peervma run: --alloc=device: /dev/dri/renderD128: you may not open it"* ]]
    [[ $output != *"it ran"* ]]
}
