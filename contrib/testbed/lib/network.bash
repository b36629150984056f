# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# How the nodes reach each other, and the host reaches them.

# network_private PORT NODE COUNT: QEMU's end of one of the networks between
# the nodes. Two nodes are joined by one unix socket; node 0 is the hub of
# more. Delayed acknowledgements make TCP sockets ten times slower.
network_private() {
    local port=$1 node=$2 count=$3 peer
    local socket=addr.type=unix,addr.path=$run_folder/net$port
    if ((node > 0)); then
        printf '%s\n' -netdev "stream,id=private$port,server=off,$socket$node"
    elif ((count <= 2)); then
        printf '%s\n' -netdev "stream,id=private$port,server=on,${socket}1"
    else
        printf '%s\n' -netdev "hubport,id=private$port,hubid=$port"
        for ((peer = 1; peer < count; peer++)); do
            printf '%s\n' \
                -netdev "stream,id=peer$port$peer,server=on,$socket$peer" \
                -netdev "hubport,id=hub$port$peer,hubid=$port,\
netdev=peer$port$peer"
        done
    fi
}

# network_arguments NODE COUNT: QEMU's, a word a line.
network_arguments() {
    local port
    for ((port = 0; port < layout_ports; port++)); do
        network_private "$port" "$1" "$2"
    done
    printf '%s\n' \
        -netdev user,id=host,restrict=on,hostfwd=tcp:127.0.0.1:0-:22
}

# network_port NODE: the port of the host that the kernel gave to the node's
# ssh. No other program can have taken it in between.
network_port() {
    local pid sockets
    pid=$(node_pid "$1") || return 1
    sockets=$(find "/proc/$pid/fd" -lname 'socket:*' -printf '%l ' |
        tr -dc '0-9 ')
    awk -v sockets="$sockets" '
        BEGIN {
            count = split(sockets, list, " ")
            for (i = 1; i <= count; i++)
                own[list[i]] = 1
        }
        $2 ~ /^0100007F:/ && $4 == "0A" && $10 in own {
            split($2, address, ":")
            print "0x" address[2]
        }' /proc/net/tcp | xargs printf '%d'
}

# network_configure_ssh COUNT
network_configure_ssh() {
    local node
    install -m 600 "$image_folder/ssh_key" "$instance_folder/ssh_key"
    for ((node = 0; node < $1; node++)); do
        printf 'Host node%d\n    Port %d\n' "$node" "$(network_port "$node")"
    done >"$run_folder/ssh_config"
    cat >>"$run_folder/ssh_config" <<END
Host *
    HostName 127.0.0.1
    IdentityFile $instance_folder/ssh_key
    IdentitiesOnly yes
    BatchMode yes
    StrictHostKeyChecking no
    UserKnownHostsFile /dev/null
    LogLevel ERROR
    ControlPath $run_folder/ssh-%n-%r
END
}

# network_connect COUNT: one ssh connection to each node for each user, which
# all commands then share: a new one takes an emulated CPU a second.
network_connect() {
    local node user
    for ((node = 0; node < $1; node++)); do
        for user in root mpi; do
            detached ssh -F "$run_folder/ssh_config" -l "$user" -M -N -f \
                "node$node" </dev/null >/dev/null 2>&1 ||
                say "$user can't reach node $node yet" &
        done
    done
    wait
}

network_disconnect() {
    local user
    for user in root mpi; do
        if [[ -S $run_folder/ssh-node$1-$user ]]; then
            ssh -F "$run_folder/ssh_config" -l "$user" -O exit "node$1" \
                >/dev/null 2>&1 || true
        fi
    done
}
