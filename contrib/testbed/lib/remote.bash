# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# Commands on nodes, by ssh.

# remote USER SECONDS NODE COMMAND...: each argument arrives as it was given.
# After SECONDS, if not 0, the command is killed on the node; where the node
# itself hangs, at least this ends.
remote() {
    local user=$1 seconds=$2 node=$3
    local -a host=()
    shift 3
    node_pid "$node" >/dev/null || die "node $node is not up"
    if ((seconds > 0)); then
        set -- timeout --kill-after=5 "$seconds" "$@"
        host=(timeout --foreground "$((seconds + 15))")
    fi
    "${host[@]}" ssh -F "$run_folder/ssh_config" -l "$user" "node$node" -- \
        "$(printf '%q ' "$@")"
}

# Hosts and mapping are the caller's if he names any.
remote_mpirun() {
    local argument node hosts=
    local -a where
    for node in $(nodes_alive); do
        hosts+=,node$node:8
    done
    [[ -n $hosts ]] || die "no node is up"
    where=(--host "${hosts#,}" --map-by node)
    for argument; do
        case $argument in
        -H | --host | -host | --hostfile | -hostfile | --machinefile | \
            -machinefile | --map-by | -map-by | -N | --npernode | -npernode)
            where=()
            ;;
        esac
    done
    remote mpi 0 0 mpirun "${where[@]}" "$@"
}
