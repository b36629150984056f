# SPDX-License-Identifier: BSD-3-Clause
# For bats files that use the testbed's nodes: load ../node
# shellcheck shell=bash

testbed=${BATS_TEST_DIRNAME%/test/*}/contrib/testbed/testbed
# Where the programs of the tests lie in the nodes.
programs=/usr/libexec/peervma/test

# Run a command on a node as root: on NODE COMMAND [ARGUMENT...]
on() { "$testbed" run "$@"; }

# The same as the ordinary user that MPI jobs run as.
on_user() { "$testbed" run --user mpi "$@"; }

# Check TAP: each line ok, and as many as planned. Prints it where it is not.
# shellcheck disable=SC2120
tap_holds() {
    awk '{ text = text $0 "\n" }
         /^ok / { ok++ }
         /^not ok / { bad++ }
         /^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
         END {
             if (planned && !bad && ok == plan && ok > 0) exit 0
             printf "%s", text
             printf "TAP: planned %s, %d ok, %d not ok\n",
                    planned ? plan : "nothing", ok, bad
             exit 1
         }'
}

# Run a program of the tests that prints TAP: tap_on NODE PROGRAM [ARGUMENT...]
tap_on() {
    local node=$1 program=$2
    shift 2
    run on "$node" "$programs/$program" "$@"
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
}
