# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Commands on nodes, by ssh.

# remote USER NODE COMMAND...: with every argument arriving as it was given.
remote() {
    local user=$1 node=$2
    shift 2
    node_pid "$node" >/dev/null || die "node $node is not up"
    ssh -F "$run_folder/ssh_config" -l "$user" "node$node" -- \
        "$(printf '%q ' "$@")"
}
