# SPDX-License-Identifier: BSD-3-Clause
# For the bats files of the command: load ../node, then load tools
# shellcheck shell=bash disable=SC2154 # testbed is of node.bash, output bats'

bats_require_minimum_version 1.5.0 # run --separate-stderr

node_setup() { on 0 /usr/lib/peervma-testbed/node-setup "$@"; }

# All parts on. Bound anew: the accelerator has another number if it was bound
# while a process kept it open.
node_renew() {
    node_setup accel off
    node_setup all
}

# The line of $output that begins with a pattern has this in it.
line_has() {
    grep -E "^$1" <<<"$output" | grep -F -- "$2"
}

# Standard input is JSON, which $json is from then on in a Perl expression:
# json_holds EXPRESSION
json_holds() {
    perl -MJSON::PP -e '
        my $json = decode_json(join "", <STDIN>);
        exit !eval shift' "$1"
}
