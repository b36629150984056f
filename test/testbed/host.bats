#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
#
# What testbed does on the host alone, with a cache and an instance of its own.

setup() {
    testbed=$BATS_TEST_DIRNAME/../../contrib/testbed/testbed
    export PEERVMA_CACHE=$BATS_TEST_TMPDIR/cache
    export XDG_RUNTIME_DIR=$BATS_TEST_TMPDIR/run
    export PEERVMA_TESTBED_NAME=bats
    run_folder=$XDG_RUNTIME_DIR/peervma-testbed-$UID-bats
    mkdir -p "$PEERVMA_CACHE/instance-bats" "$XDG_RUNTIME_DIR"
}

# Make LINE all that node 0 printed.
console() {
    printf '%s\n' "$1" >"$PEERVMA_CACHE/instance-bats/node0.console"
}

@test "--help names each command" {
    run "$testbed" --help
    [ "$status" -eq 0 ]
    for command in build up run mpirun push make log check-log status down \
        --suite --debug-kernel; do
        grep -q -- "^  $command " <<<"$output"
    done
}

@test "demo, check and bench tell their usage, and refuse all else" {
    local command contrib=${testbed%/testbed/testbed}
    for command in demo check bench; do
        run "$contrib/$command" --help
        [ "$status" -eq 0 ]
        [[ ${lines[0]} == "usage: contrib/$command "* ]]
        run "$contrib/$command" --what
        [ "$status" -eq 2 ]
        [[ $output == "usage: contrib/$command "* ]]
    done
}

@test "wrong arguments end with status 2 and a reason" {
    local arguments
    for arguments in "" bogus "up 0" "up 5" "up 2 3" "up --what" "run" \
        "run 0" "run 4 true" "run --what 0 true" "run --timeout" \
        "run --timeout soon 0 true" "log 9" "status now" "down 1" \
        "--suite" "build --suite" "--suite sid" "--debug-kernel bogus"; do
        # shellcheck disable=SC2086 # words
        run "$testbed" $arguments
        echo "testbed $arguments: $status, ${lines[0]}"
        [ "$status" -eq 2 ]
        [[ ${lines[0]} == "testbed: "?* ]]
    done
}

@test "a name that is no name for a file is refused" {
    PEERVMA_TESTBED_NAME=a/b run "$testbed" status
    [ "$status" -eq 1 ]
    [[ $output == *PEERVMA_TESTBED_NAME* ]]
}

@test "a suite or kernel that is none is refused" {
    run "$testbed" --suite Debian_13 status
    [ "$status" -eq 1 ]
    [[ $output == *Debian_13* ]]
    PEERVMA_TESTBED_KERNEL=mine run "$testbed" status
    [ "$status" -eq 1 ]
    [[ $output == *PEERVMA_TESTBED_KERNEL=mine* ]]
}

@test "a layout that is none is refused" {
    PEERVMA_TESTBED_LAYOUT=round run "$testbed" status
    [ "$status" -eq 1 ]
    [[ $output == *PEERVMA_TESTBED_LAYOUT=round* ]]
}

# keys OPTION...: what image, nodes and debug kernel of these options are
# named after.
keys() {
    # shellcheck source=/dev/null
    PEERVMA_TESTBED_SUITE=$1 PEERVMA_TESTBED_KERNEL=$2 bash -c '
        testbed_folder=$1
        for part in common debian image kernel; do
            . "$testbed_folder/lib/$part.bash"
        done
        echo "$image_key $node_key $kernel_key"' keys "${testbed%/*}"
}

@test "each suite and kernel has images, builds and nodes of its own" {
    local -a trixie sid debug
    read -r -a trixie < <(keys "" "")
    read -r -a sid < <(keys sid image)
    read -r -a debug < <(keys trixie debug)
    [ "${trixie[0]}" != "${sid[0]}" ]
    [ "${trixie[2]}" != "${sid[2]}" ]
    [ "${trixie[0]}" = "${debug[0]}" ]
    [ "${trixie[1]}" = "${trixie[0]}" ]
    [ "${debug[1]}" != "${debug[0]}" ]
}

@test "with no node up, status and run say so and fail" {
    run "$testbed" status
    [ "$status" -eq 1 ]
    [[ $output == *"no node"* ]]
    run "$testbed" run 0 true
    [ "$status" -eq 1 ]
    [[ $output == *"node 0 is not up"* ]]
    run "$testbed" mpirun true
    [ "$status" -eq 1 ]
}

@test "down with nothing up succeeds and leaves no run folder" {
    mkdir "$run_folder"
    run "$testbed" down
    [ "$status" -eq 0 ]
    [ ! -e "$run_folder" ]
}

@test "a process that took over a node's id is left alone" {
    mkdir "$run_folder"
    sleep 60 3>&- &
    echo $! >"$run_folder/node0.pid"
    run "$testbed" status
    [ "$status" -eq 1 ]
    run "$testbed" down
    [ "$status" -eq 0 ]
    kill $!
}

@test "check-log fails if there is no log" {
    run "$testbed" check-log
    [ "$status" -eq 1 ]
}

@test "check-log passes what a good boot prints" {
    console "$(cat "$BATS_TEST_DIRNAME/good-console")"
    run "$testbed" check-log
    echo "$output"
    [ "$status" -eq 0 ]
}

@test "check-log fails on each line of a kernel that complains" {
    local line
    while read -r line; do
        console "[    1.000000] $line"
        run "$testbed" check-log
        echo "$line: $status"
        [ "$status" -eq 1 ]
        [[ $output == *"node0: line 1:"*"$line"* ]]
    done <"$BATS_TEST_DIRNAME/complaints"
}

@test "check-log passes a boot that waits for its devices, and nothing else" {
    local wait='INFO: task swapper/0:1 blocked for more than 120 seconds.
Call Trace:
 <TASK>
 deferred_probe_initcall+0x38/0xd0
 </TASK>'
    console "$wait"
    run "$testbed" check-log
    [ "$status" -eq 0 ]
    console "${wait/deferred_probe/BUG: KASAN: deferred_probe}"
    run "$testbed" check-log
    [ "$status" -eq 1 ]
    console "$wait"$'\nINFO: task rmmod:700 blocked for more than 120 seconds.'
    run "$testbed" check-log
    [ "$status" -eq 1 ]
    console "${wait/swapper\/0:1/rmmod:700}"
    run "$testbed" check-log
    [ "$status" -eq 1 ]
}

@test "log prints a node's console, or all with their names" {
    console "hello"
    run "$testbed" log 0
    [ "$output" = "hello" ]
    run "$testbed" log
    [ "$output" = "node0: hello" ]
    run "$testbed" log 1
    [ "$status" -eq 1 ]
}

@test "host-packages names a package that is missing" {
    run "${testbed%/*}/host-packages" --check no-such-package
    [ "$status" -eq 1 ]
    [[ $output == *"no-such-package"* ]]
}

# list FOLDER: the files of the source that would be built.
list() {
    # shellcheck source=/dev/null
    bash -o pipefail -c 'testbed_folder=$1 image_key=k kernel_kind=image
        . "$2/lib/common.bash"
        . "$2/lib/project.bash"
        project_list | tr "\0" "\n"' \
        list "$1/contrib/testbed" "${testbed%/*}"
}

@test "of a git checkout, what it ignores is not built" {
    local source=$BATS_TEST_TMPDIR/source
    mkdir -p "$source/contrib/testbed"
    git -C "$source" init -q
    echo '*.o' >"$source/.gitignore"
    touch "$source/new.c" "$source/old.o"
    run list "$source"
    [ "$status" -eq 0 ]
    [ "$output" = "$(printf '%s\n' .gitignore new.c)" ]
}

@test "of a release, all is built, unless it was configured in place" {
    local source=$BATS_TEST_TMPDIR/source
    mkdir -p "$source/contrib/testbed"
    touch "$source/new.c"
    run list "$source"
    [ "$output" = new.c ]
    touch "$source/config.status"
    run list "$source"
    [ "$status" -ne 0 ]
    [[ $output == *"make distclean"* ]]
}

# fake COMMAND LINE...: a command of that name that prints the lines.
fake() {
    local command=$BATS_TEST_TMPDIR/bin/$1
    shift
    mkdir -p "${command%/*}"
    { printf '#!/bin/sh\ncat <<END\n' && printf '%s\n' "$@" END; } >"$command"
    chmod +x "$command"
    PATH=${command%/*}:$PATH
}

@test "a machine of another architecture is told so, in one line" {
    fake uname aarch64
    run "$testbed" build
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"this machine is aarch64"* ]]
}

@test "too little space is told before anything is made, in one line" {
    fake df Avail 100
    run "$testbed" build
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    [[ $output == *"100 MiB free"*"make room, or set PEERVMA_CACHE"* ]]
    [ -z "$(find "$PEERVMA_CACHE" -name 'image-*')" ]
}

# boot ACCELERATOR: begin to boot a node with it, and say what becomes of that.
boot() {
    mkdir -p "$run_folder"
    # shellcheck source=/dev/null
    bash -c 'testbed_folder=$1 image_folder=/ project_archive=/
        . "$1/lib/common.bash"
        . "$1/lib/layout.bash"
        . "$1/lib/nodes.bash"
        kernel_prepare() { kernel_arguments=() kernel_command_line=; }
        network_arguments() { :; }
        network_configure_ssh() { :; }
        nodes_wait() { :; }
        echo "$run_folder" >"$run_folder/accel_folder"
        node_cpu=(-accel "$2")
        result=0
        nodes_boot 1 || result=$?
        echo "$result ${node_cpu[1]}"' boot "${testbed%/*}" "$1"
}

@test "where KVM does not work, nodes are emulated, and it is said" {
    fake qemu-img
    fake qemu-system-x86_64
    run boot kvm
    [ "$output" = "0 kvm" ]
    printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bin/qemu-system-x86_64"
    run boot kvm
    echo "$output"
    [[ $output == *"KVM does not work here"*$'\n'"2 tcg,thread=multi" ]]
    run boot tcg
    [ "$status" -eq 1 ]
    [[ $output == *"QEMU does not start node 0"* ]]
}

@test "no network is told as such" {
    # Nothing listens on that port.
    export http_proxy=http://127.0.0.1:9
    run "$testbed" build
    [ "$status" -eq 1 ]
    [[ $output == *"archive can't be reached"* ]]
}
