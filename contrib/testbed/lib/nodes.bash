# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The nodes of this instance: QEMU processes, their disks, their network.

memory=${PEERVMA_TESTBED_MEMORY:-256M}
node_ram=1536M
boot_seconds=180

node_console() {
    printf '%s/node%d.console' "$instance_folder" "$1"
}

# node_pid NODE: the process, if it is alive and really that node.
node_pid() {
    local pid pidfile=$run_folder/node$1.pid
    [[ -s $pidfile ]] || return 1
    pid=$(<"$pidfile")
    tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" |
        grep -qxF "$pidfile" || return 1
    printf '%s' "$pid"
}

# The numbers of the nodes that are alive.
nodes_alive() {
    local node
    for node in 0 1 2 3; do
        if node_pid "$node" >/dev/null; then
            printf '%d\n' "$node"
        fi
    done
}

accel_file() {
    printf '%s/accel%d.mem' "$run_folder" "$1"
}

# network_arguments NODE COUNT: the nodes' own network. Two are joined by
# one unix socket; node 0 is the hub of more.
network_arguments() {
    local node=$1 count=$2 peer
    local socket=$run_folder/net
    if ((node > 0)); then
        echo "-netdev stream,id=private,server=off,addr.type=unix,addr.path=$socket$node"
    elif ((count <= 2)); then
        echo "-netdev stream,id=private,server=on,addr.type=unix,addr.path=${socket}1"
    else
        echo "-netdev hubport,id=private,hubid=0"
        for ((peer = 1; peer < count; peer++)); do
            echo "-netdev stream,id=peer$peer,server=on,addr.type=unix,addr.path=$socket$peer"
            echo "-netdev hubport,id=hub$peer,hubid=0,netdev=peer$peer"
        done
    fi
}

node_start() {
    local node=$1 count=$2 accel
    local -a network acceleration=(-accel tcg,thread=multi -cpu max)
    if [[ -r /dev/kvm && -w /dev/kvm ]]; then
        acceleration=(-accel kvm -cpu host)
    fi
    read -r -a network < <(network_arguments "$node" "$count" | xargs)
    accel=$(accel_file "$node")
    qemu-img create -q -f qcow2 -F raw -b "$image_folder/root.img" \
        "$instance_folder/node$node.qcow2"
    rm -f "$accel"
    qemu-system-x86_64 -name "peervma-$instance_name-node$node" \
        -nodefaults -no-user-config -no-reboot -display none \
        -machine pc,usb=off,vmport=off "${acceleration[@]}" \
        -smp 2 -m "$node_ram" \
        -kernel "$image_folder/vmlinuz" -initrd "$image_folder/initrd" \
        -append "console=ttyS0 loglevel=7 mitigations=off audit=0 lsm= \
panic=-1 rcupdate.rcu_cpu_stall_timeout=60 systemd.show_status=no \
peervma.node=$node" \
        -chardev "file,id=console,path=$(node_console "$node")" \
        -serial chardev:console \
        -drive "if=virtio,format=qcow2,cache=unsafe,file=$instance_folder/node$node.qcow2" \
        -drive "if=virtio,format=raw,readonly=on,file=$instance_folder/stage.tar" \
        "${network[@]}" \
        -device "virtio-net-pci,netdev=private,addr=3,romfile=,mac=52:54:00:77:00:0$node" \
        -netdev user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:0-:22 \
        -device "virtio-net-pci,netdev=host,addr=4,romfile=" \
        -object "memory-backend-file,id=accel,share=on,size=$memory,mem-path=$accel" \
        -device ivshmem-plain,memdev=accel,addr=5 \
        -device virtio-rng-pci,addr=6 \
        -daemonize -pidfile "$run_folder/node$node.pid"
}

# node_port NODE: the port that the kernel chose for the node's ssh.
node_port() {
    local pid inodes
    pid=$(node_pid "$1") || return 1
    inodes=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l\n' |
        tr -dc '0-9\n')
    awk -v inodes="$inodes" '
        BEGIN { split(inodes, list, "\n"); for (i in list) own[list[i]] = 1 }
        $4 == "0A" && $2 ~ /^0100007F:/ && $10 in own {
            split($2, address, ":"); print "0x" address[2] }' /proc/net/tcp |
        xargs printf '%d'
}

ssh_configure() {
    local node
    cp "$image_folder/ssh_key" "$instance_folder/ssh_key"
    for node in $(nodes_alive); do
        cat <<END
Host node$node
    HostName 127.0.0.1
    Port $(node_port "$node")
END
    done >"$run_folder/ssh_config"
    cat >>"$run_folder/ssh_config" <<END
Host *
    IdentityFile $instance_folder/ssh_key
    IdentitiesOnly yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    BatchMode yes
    ControlMaster auto
    ControlPersist 3600
    ControlPath $run_folder/ssh-%n-%r
END
}

# node_wait NODE: until the node says on its console that it is ready.
node_wait() {
    local console
    console=$(node_console "$1")
    until grep -q "peervma-testbed: node $1 is ready" "$console" 2>/dev/null
    do
        if ! node_pid "$1" >/dev/null; then
            tail -n 15 "$console" >&2
            die "node $1 died while it booted"
        fi
        if ((SECONDS - boot_start > boot_seconds)); then
            tail -n 15 "$console" >&2
            die "node $1 was not ready after $boot_seconds s"
        fi
        sleep 0.2
    done
    progress "node $1 is ready"
}

nodes_up() {
    local count=$1 node
    boot_start=$SECONDS
    mkdir -p -m 700 "$run_folder" "$instance_folder"
    trap nodes_down EXIT
    trap 'exit 130' INT TERM
    cp "$project_archive" "$instance_folder/stage.tar"
    progress "booting $count nodes"
    for ((node = 0; node < count; node++)); do
        rm -f "$(node_console "$node")"
        node_start "$node" "$count"
    done
    ssh_configure
    for ((node = 0; node < count; node++)); do
        node_wait "$node"
    done
    trap - EXIT INT TERM
}

nodes_down() {
    local node pid
    for node in 0 1 2 3; do
        [[ -S $run_folder/ssh-node$node-root ]] &&
            ssh -F "$run_folder/ssh_config" -O exit "node$node" 2>/dev/null
        if pid=$(node_pid "$node"); then
            kill "$pid"
            while [[ -e /proc/$pid ]]; do sleep 0.1; done
        fi
    done
    rm -rf "$run_folder" "$instance_folder"/*.qcow2 \
        "$instance_folder/stage.tar"
}
