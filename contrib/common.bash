# SPDX-License-Identifier: BSD-3-Clause
# What demo, check and bench share: the nodes, and medians.
# shellcheck shell=bash

contrib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
testbed=$contrib/testbed/testbed
# Where the programs of the tests lie in the nodes.
programs=/usr/libexec/peervma/test

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# Progress, with the seconds since the start.
step() {
    printf '\n[%3d s] %s\n' "$SECONDS" "$*"
}

# A folder for this script alone, in $work. It goes however the script ends,
# and so do its nodes.
work_begin() {
    export PEERVMA_TESTBED_NAME=${PEERVMA_TESTBED_NAME:-${0##*/}}
    work=$(mktemp -d)
    trap work_end EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

work_end() {
    "$testbed" down >/dev/null 2>&1
    rm -rf "$work"
}

# Two nodes for this script alone.
nodes_up() {
    "$testbed" up 2 || exit 1
}

# An MPI job of one rank a node.
mpi() {
    "$testbed" mpirun -np 2 "$@"
}

# The same as stock UCX does it: no plugin, else the same transports.
mpi_stock() {
    mpi --mca accelerator ^peervma --mca pml ucx \
        --mca opal_common_ucx_tls any --mca opal_common_ucx_devices any \
        -x UCX_TLS=rc_verbs,tcp,self -x UCX_NET_DEVICES=rxe0:1,ens3 \
        -x UCX_IB_GID_INDEX=1 -x UCX_RC_TIMEOUT=60ms -x UCX_RNDV_THRESH=8k \
        -x UCX_RNDV_SCHEME=get_zcopy "$@"
}

# Medians of the lines "pair VARIANT BYTES MICROSECONDS" on standard input,
# as lines "VARIANT BYTES MEDIAN".
medians() {
    sort -k2,2 -k3,3n -k4,4g | awk '
        function flush() {
            if (n) print key, n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
        }
        $1 == "pair" {
            if ($2 " " $3 != key) { flush(); key = $2 " " $3; n = 0 }
            v[++n] = $4
        }
        END { flush() }'
}
