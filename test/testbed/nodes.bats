#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What testbed does with nodes that are up.
# shellcheck disable=SC2154 # variables of node.bash, and bats' own

load ../node

@test "run passes each argument on as it is" {
    local -a words=("a b" "" "*" "\$HOME" "it's" $'two\nlines' "\\" "ä" "-x")
    run on 0 printf '<%s>' "${words[@]}"
    [ "$status" -eq 0 ]
    [ "$output" = "$(printf '<%s>' "${words[@]}")" ]
}

@test "run ends with the command's status" {
    local expected
    for expected in 0 1 7 127; do
        run on 0 bash -c "exit $expected"
        [ "$status" -eq "$expected" ]
    done
}

@test "run passes standard input on, byte for byte" {
    local file=$BATS_TEST_TMPDIR/random
    head -c 300000 /dev/urandom >"$file"
    [ "$(on 0 sha256sum <"$file")" = "$(sha256sum <"$file")" ]
}

@test "run --timeout ends the command on the node, too" {
    run on --timeout 1 0 sleep 4321
    [ "$status" -eq 124 ]
    run on 0 pgrep -x -f "sleep 4321"
    [ "$status" -eq 1 ]
}

@test "each node knows its name and reaches the others as both users" {
    local user
    for user in root mpi; do
        run on --user "$user" 0 ssh node1 hostname
        [ "$output" = node1 ]
        run on --user "$user" 1 ssh node0 hostname
        [ "$output" = node0 ]
    done
}

@test "users may lock memory without limit" {
    run on_user 0 bash -c "ulimit -l"
    [ "$output" = unlimited ]
}

@test "mpirun takes the nodes by turns" {
    run "$testbed" mpirun -np 4 hostname
    [ "$status" -eq 0 ]
    [ "$(sort <<<"$output" | uniq -c | xargs)" = "2 node0 2 node1" ]
}

@test "the accelerator is a PCI device with the memory that status names" {
    local file size
    file=$("$testbed" status | awk '$1 == "node0" { print $NF }')
    size=$(stat -c %s "$file")
    run on 0 cat /sys/bus/pci/devices/0000:00:05.0/vendor
    [ "$output" = 0x1af4 ]
    # resource: a line for each BAR, with first and last address.
    run on 0 sed -n 3p /sys/bus/pci/devices/0000:00:05.0/resource
    read -r first last _ <<<"$output"
    [ $((last - first + 1)) -eq "$size" ]
}

@test "node-setup goes to the state it names, from any other" {
    local state
    for state in off on on stock stock on off off stock on; do
        on 0 /usr/lib/peervma-testbed/node-setup nic "$state"
        run on 0 test -e /sys/class/infiniband/rxe0
        [[ $state == off && $status -eq 1 || $state != off && $status -eq 0 ]]
        run on 0 cat /etc/ld.so.preload
        [[ $state == on && $output == *softroce* ||
            $state != on && $status -ne 0 ]]
    done
}

@test "up with the same nodes says that they are up" {
    run "$testbed" up "$("$testbed" status | wc -l)"
    [ "$status" -eq 0 ]
    [[ $output == *"up already"* ]]
}

# Instance of its own of which nothing may be left.
nothing_left() {
    run pgrep -f "peervma-bats-left-node"
    [ "$status" -eq 1 ]
    [ ! -e "${XDG_RUNTIME_DIR:-/tmp}/peervma-testbed-$UID-bats-left" ]
    [ ! -e "/dev/shm/peervma-testbed-$UID-bats-left" ]
}

@test "an up that fails leaves nothing behind" {
    PEERVMA_TESTBED_NAME=bats-left PEERVMA_TESTBED_MEMORY=3M \
        run "$testbed" up --bare 2
    [ "$status" -eq 1 ]
    nothing_left
}

# node_appears JOB: the job may build the project first.
node_appears() {
    local deadline=$((SECONDS + 1200))
    until pgrep -f "peervma-bats-left-node" >/dev/null; do
        ((SECONDS < deadline))
        kill -0 "$1"
        sleep 0.2
    done
}

@test "an up that is ended leaves nothing behind" {
    local job
    PEERVMA_TESTBED_NAME=bats-left "$testbed" up --bare 1 3>&- \
        2>"$BATS_TEST_TMPDIR/log" &
    job=$!
    node_appears "$job"
    kill -TERM "$job"
    status=0
    wait "$job" || status=$?
    [ "$status" -eq 143 ]
    nothing_left
}

@test "a demo that is ended leaves nothing behind" {
    local job
    mkdir "$BATS_TEST_TMPDIR/tmp"
    TMPDIR=$BATS_TEST_TMPDIR/tmp PEERVMA_TESTBED_NAME=bats-left \
        setsid "${testbed%/testbed/testbed}/demo" 3>&- \
        >"$BATS_TEST_TMPDIR/log" 2>&1 &
    job=$!
    node_appears "$job"
    kill -TERM -- "-$job"
    status=0
    wait "$job" || status=$?
    [ "$status" -eq 143 ]
    nothing_left
    [ -z "$(ls -A "$BATS_TEST_TMPDIR/tmp")" ]
}

# The first QEMU of that name leaves a console with TEXT and is gone.
unlucky_qemu() {
    local bin=$BATS_TEST_TMPDIR/bin
    mkdir -p "$bin"
    cat >"$bin/qemu-system-x86_64" <<END
#!/bin/bash
for argument; do
    case \$argument in
    file,id=console,path=*) console=\${argument##*path=} ;;
    *.pid) pidfile=\$argument ;;
    esac
done
[[ ! -e $bin/done ]] || exec $(command -v qemu-system-x86_64) "\$@"
touch "$bin/done"
printf '%s\n' '$1' >"\$console"
echo 999999999 >"\$pidfile"
END
    chmod +x "$bin/qemu-system-x86_64"
    PATH=$bin:$PATH
}

@test "a node that the emulated CPU let down is booted again" {
    unlucky_qemu '[    2.7] Oops: int3: 0000 [#1] PREEMPT SMP NOPTI'
    PEERVMA_TESTBED_NAME=bats-left run "$testbed" up --bare 1
    [ "$status" -eq 0 ]
    grep -q 'emulated CPU of node 0 failed' <<<"$output"
    PEERVMA_TESTBED_NAME=bats-left "$testbed" down
    nothing_left
}

@test "a node that dies of anything else is not" {
    unlucky_qemu '[    2.7] Kernel panic - not syncing: no root'
    PEERVMA_TESTBED_NAME=bats-left run "$testbed" up --bare 1
    [ "$status" -eq 1 ]
    grep -q 'node 0 died while it booted' <<<"$output"
    nothing_left
}
