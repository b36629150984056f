# SPDX-License-Identifier: BSD-3-Clause
# For bats files with a client on node 0, whose output is tested, and a server:
# load pair
# shellcheck shell=bash disable=SC2034,SC2154 # of and for bats files

# The node of the server, and the user that the client runs as.
server_node=1
client_user=root

# pair SETTING... -- PROGRAM [ARGUMENT...]: the client's output and status as of
# bats' run; the server's in $server and $server_status.
pair() {
    local -a settings=(UCX_VFS_ENABLE=n UCX_PEERVMA_STATS=y)
    local log=$BATS_TEST_TMPDIR/server pid
    while [[ $1 != -- ]]; do
        settings+=("$1")
        shift
    done
    local program=$programs/$2
    shift 2
    timeout 600 "$testbed" run "$server_node" env "${settings[@]}" "$program" \
        server >"$log" 2>&1 3>&- &
    pid=$!
    run timeout 600 "$testbed" run --user "$client_user" 0 \
        env "${settings[@]}" "$program" client "node$server_node" "$@"
    server_status=0
    wait "$pid" || server_status=$?
    server=$(<"$log")
    printf 'client, which ended with %d:\n%s\n' "$status" "$output"
    printf 'server, which ended with %d:\n%s\n' "$server_status" "$server"
}

# What ssh makes of a program that a signal ended.
by_signal=255

# pair_holds [STATUS]: the client ended well, its TAP is all right, and the
# server ended with STATUS: well, unless the test ends it otherwise.
pair_holds() {
    tap_holds <<<"$output"
    [ "$status" -eq 0 ]
    [[ $server != *"Bail out"* ]]
    [ "$server_status" -eq "${1-0}" ]
}

# stat NAME TEXT: a counter in the statistics.
stat() { grep -o " $1=[0-9a-z]*" <<<"$2" | cut -d= -f2; }
