# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# The nodes of this instance: QEMU processes with their disks and devices.

accel_size=${PEERVMA_TESTBED_MEMORY:-256M}
project_disk=$instance_folder/project.tar

# How many times as long as Debian's kernel this one may take: the debug kernel's
# instruments look at each allocation and lock.
slowness=1
[[ $kernel_kind == image ]] || slowness=3

# Under emulation two CPUs a node take a third more of the host's than one
# does, but races need two. PCLMULQDQ is emulated bit by bit, and Soft-RoCE
# takes each packet's checksum with it, where the CPU has it.
nodes_emulate() {
    node_cpu=(-accel "tcg,thread=multi" -cpu "max,pclmulqdq=off")
    boot_seconds=$((300 * slowness))
}

# A /dev/kvm without hardware behind it (PVM's) runs only kernels made for it.
if [[ -r /dev/kvm && -w /dev/kvm ]] &&
    grep -qwE 'vmx|svm' /proc/cpuinfo; then
    node_cpu=(-accel kvm -cpu host)
    boot_seconds=$((90 * slowness))
else
    nodes_emulate
fi

node_console() {
    printf '%s/node%d.console' "$instance_folder" "$1"
}

# node_pid NODE: its process, if that lives and is really this node's.
node_pid() {
    local pid file=$run_folder/node$1.pid
    [[ -s $file ]] || return 1
    pid=$(<"$file")
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qxF "$file" ||
        return 1
    printf '%s' "$pid"
}

nodes_alive() {
    local node
    for node in 0 1 2 3; do
        if node_pid "$node" >/dev/null; then
            printf '%d\n' "$node"
        fi
    done
}

# accel_folder COUNT: where the files behind the accelerators' memories go.
# On a disk the host would write back what the nodes do there.
accel_folder() {
    local bytes free
    bytes=$(numfmt --from=iec "$accel_size") ||
        die "PEERVMA_TESTBED_MEMORY=$accel_size is no size like 256M"
    free=$(df -B 1 --output=avail /dev/shm 2>/dev/null | tail -n 1)
    if [[ -w /dev/shm ]] && ((free > bytes * $1 * layout_ports)); then
        printf '/dev/shm/%s' "${run_folder##*/}"
    else
        printf '%s' "$instance_folder"
    fi
}

# accel_file NODE [PORT]
accel_file() {
    printf '%s/accel%d%s.mem' "$(<"$run_folder/accel_folder")" "$1" "${2:+.$2}"
}

# Sets memory_mib, kernel_arguments for QEMU, and kernel_command_line. All that
# the debug kernel needs for its root is built in. KASAN takes an eighth of the
# memory, and the other instruments keep a stack of each allocation and lock.
# Not in kernel.bash, for whose hash the kernel is built.
node_kernel() {
    if [[ $kernel_kind == image ]]; then
        memory_mib=1536
        kernel_arguments=(-kernel "$image_folder/vmlinuz"
            -initrd "$image_folder/initrd")
        kernel_command_line=
    else
        memory_mib=3072
        kernel_arguments=(-kernel "$kernel_folder/bzImage")
        kernel_command_line="root=/dev/vda rw preempt=full"
    fi
}

# node_start NODE COUNT: 2 if it should be tried again.
node_start() {
    local node=$1 disk=$instance_folder/node$1.qcow2
    local memory_mib kernel_command_line
    local -a network devices kernel_arguments
    node_kernel
    mapfile -t network < <(network_arguments "$node" "$2")
    mapfile -t devices < <(layout_arguments "$node" "$memory_mib")
    qemu-img create -q -f qcow2 -F raw -b "$image_folder/root.img" "$disk"
    detached qemu-system-x86_64 -name "peervma-$instance_name-node$node" \
        -nodefaults -no-user-config -no-reboot -display none \
        "${node_cpu[@]}" -m "${memory_mib}M" "${kernel_arguments[@]}" \
        -append "console=ttyS0 loglevel=7 panic=-1 mitigations=off audit=0 \
lsm= rcupdate.rcu_cpu_stall_timeout=60 iommu.passthrough=1 TERM=dumb \
systemd.show_status=no testbed.node=$node testbed.ports=$layout_ports \
$kernel_command_line" \
        -chardev "file,id=console,path=$(node_console "$node")" \
        -serial chardev:console \
        -drive "if=none,id=system,format=qcow2,cache=unsafe,file=$disk" \
        -drive "if=none,id=project,format=raw,readonly=on,\
file=$project_disk" \
        "${network[@]}" "${devices[@]}" \
        -daemonize -pidfile "$run_folder/node$node.pid" || {
        [[ ${node_cpu[1]} == kvm ]] || die "QEMU does not start node $node"
        progress "KVM does not work here, as QEMU says above: emulating"
        nodes_emulate
        return 2
    }
}

# An emulated CPU may still run the breakpoint that a kernel which patches its
# own code has removed already: one boot in some forty with QEMU 7.2.
node_was_unlucky() {
    [[ ${node_cpu[1]} == tcg* ]] &&
        grep -q 'Oops: int3: 0000' "$(node_console "$1")"
}

# node_is_ready NODE: says so on its console; ends the script if it never will,
# and is 2 if it should be tried again.
node_is_ready() {
    local console says="peervma-testbed: node $1" why
    console=$(node_console "$1")
    if grep -qF "$says is ready" "$console" 2>/dev/null; then
        return 0
    elif grep -qF "$says failed" "$console" 2>/dev/null; then
        why="could not set itself up"
    elif ! node_pid "$1" >/dev/null; then
        why="died while it booted"
        if node_was_unlucky "$1"; then
            progress "the emulated CPU of node $1 failed"
            return 2
        fi
    elif ((SECONDS > boot_deadline)); then
        why="is not ready after $boot_seconds s"
    else
        return 1
    fi
    tail -n 15 "$console" >&2 || true
    die "node $1 $why"
}

# nodes_wait COUNT: 2 if a node should be tried again.
nodes_wait() {
    local node result ready=" " boot_deadline=$((SECONDS + boot_seconds))
    while ((${#ready} < 1 + 2 * $1)); do
        for ((node = 0; node < $1; node++)); do
            [[ $ready != *" $node "* ]] || continue
            result=0
            node_is_ready "$node" || result=$?
            case $result in
            0)
                ready+="$node "
                progress "node $node is ready"
                ;;
            2) return 2 ;;
            esac
        done
        sleep 0.2
    done
}

# nodes_boot COUNT: 2 if all should be tried again.
nodes_boot() {
    local node
    # Also those of nodes that are not up this time.
    rm -f "$instance_folder"/node?.console
    for ((node = 0; node < $1; node++)); do
        node_start "$node" "$1" || return
    done
    network_configure_ssh "$1"
    nodes_wait "$1"
}

# What this instance consists of, to tell whether it is up already.
nodes_state() {
    printf '%s %s %s %s ' "$1" "$node_key" "$accel_size" "$layout"
    sha256sum <"$project_archive"
}

nodes_are_up() {
    local state=$run_folder/state
    [[ -e $state && $(<"$state") == "$(nodes_state "$1")" ]] &&
        [[ $(nodes_alive | wc -l) == "$1" ]]
}

nodes_make_folders() {
    mkdir -p "$instance_folder"
    mkdir -p "$run_folder"
    chmod 700 "$run_folder" 2>/dev/null || true
    [[ -O $run_folder && ! -L $run_folder ]] ||
        die "$run_folder belongs to somebody else"
    accel_folder "$1" >"$run_folder/accel_folder"
    mkdir -p "$(<"$run_folder/accel_folder")"
}

# nodes_up COUNT: all of them, or none.
nodes_up() {
    local count=$1 node descriptor tries=3
    mkdir -p "$instance_folder"
    lock descriptor "$instance_folder/lock" "starts these nodes"
    if nodes_are_up "$count"; then
        say "$count up already"
        return
    fi
    nodes_down
    trap nodes_down EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    nodes_make_folders "$count"
    cp "$project_archive" "$project_disk"
    progress "booting $count with ${node_cpu[1]}"
    until nodes_boot "$count"; do
        ((--tries > 0)) || die "the emulated CPU failed three times: use KVM"
        progress "booting again"
        for ((node = 0; node < count; node++)); do
            node_stop "$node"
        done
    done
    network_connect "$count"
    nodes_state "$count" >"$run_folder/state"
    trap - EXIT INT TERM HUP
    progress "up"
    unlock "$descriptor"
}

node_stop() {
    local pid tries=100
    pid=$(node_pid "$1") || return 0
    kill "$pid" 2>/dev/null || true
    while [[ -e /proc/$pid ]]; do
        ((tries-- > 0)) || kill -KILL "$pid" 2>/dev/null || true
        sleep 0.05
    done
}

nodes_down() {
    local node
    for node in 0 1 2 3; do
        network_disconnect "$node"
        node_stop "$node"
    done
    if [[ -e $run_folder/accel_folder ]]; then
        rm -f "$(<"$run_folder/accel_folder")"/accel?{,.1}.mem
        rmdir --ignore-fail-on-non-empty "$(<"$run_folder/accel_folder")"
    fi
    if [[ -O $run_folder ]]; then
        rm -rf "$run_folder"
    fi
    rm -f "$instance_folder"/node?.qcow2 "$instance_folder/ssh_key" \
        "$project_disk"
}

nodes_status() {
    local node pid file
    [[ -n $(nodes_alive) ]] || die "no node of instance $instance_name is up"
    for node in $(nodes_alive); do
        pid=$(node_pid "$node")
        printf 'node%d  pid %d  ssh port %d  console %s  accelerator' \
            "$node" "$pid" "$(network_port "$node")" "$(node_console "$node")"
        for file in "$(accel_file "$node")" "$(accel_file "$node" 1)"; do
            [[ ! -e $file ]] || printf ' %s' "$file"
        done
        printf '\n'
    done
}

nodes_push() {
    local node
    image_build
    kernel_build
    project_build
    [[ -n $(nodes_alive) ]] || die "no node is up"
    grep -qF " $node_key " "$run_folder/state" ||
        die "the nodes are of another suite, kernel or image: boot them anew"
    for node in $(nodes_alive); do
        remote root 0 "$node" tar -x -C / --keep-directory-symlink \
            --no-overwrite-dir <"$project_archive"
        remote root 0 "$node" udevadm control --reload
        say "node $node has it; modules in use stay until node-setup" \
            "unloads them"
    done
}
