#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# MPI on the nodes: bytes, and the counters that prove the path they took.
# Nothing is set: Open MPI's component of peervma sets what is needed.

load ../node

job() {
    local ranks=$1 program=$2
    shift 2
    run "$testbed" mpirun --timeout 600 -np "$ranks" \
        -x UCX_PEERVMA_STATS=y "$programs/$program" "$@"
}

# The sum of a counter over the statistics of all ranks.
stat_sum() {
    awk -v name="$1" '/^peervma: stats/ {
        for (i = 1; i <= NF; i++)
            if (split($i, pair, "=") == 2 && pair[1] == name) {
                sum += pair[2]; found++ } }
        END { if (!found) exit 1; print sum }' <<<"$output"
}

@test "a 4 MiB message between accelerators is moved by the NICs alone" {
    job 2 mpi_zerocopy
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(stat_sum cpu_copied_bytes)" -eq 0 ]
    [ "$(stat_sum dmabuf_exports)" -eq 2 ]
    [ "$(stat_sum dmabuf_refused)" -eq 0 ]
    [ "$(stat_sum peers)" -eq 2 ]
    [[ $output != *" plugin"* ]]
}

@test "1 B to 16 MiB between host and device memory, 2 ranks on 2 nodes" {
    job 2 mpi_p2p
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "1 B to 256 KiB between host and device memory, 4 ranks on 2 nodes" {
    job 4 mpi_p2p 262144
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "collectives and vector types on device memory, 2 ranks on 2 nodes" {
    job 2 mpi_collectives
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "collectives and vector types on device memory, 4 ranks on 2 nodes" {
    job 4 mpi_collectives
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}

@test "the plugin comes in by 'peervma run' as well" {
    run "$testbed" mpirun --timeout 600 -np 2 \
        --mca accelerator ^peervma \
        -x UCX_PEERVMA_STATS=y peervma run "$programs/mpi_zerocopy"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [ "$(stat_sum cpu_copied_bytes)" -eq 0 ]
}
