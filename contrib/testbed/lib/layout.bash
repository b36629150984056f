# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2034,SC2154 # shared with the other parts
#
# What a node's machine has, and where it is on its PCI buses.

layout=${PEERVMA_TESTBED_LAYOUT:-flat}
# How many accelerators with a NIC each.
case $layout in
flat) layout_ports=1 ;;
ports) layout_ports=2 ;;
*) die "PEERVMA_TESTBED_LAYOUT=$layout: there are flat and ports" ;;
esac

layout_card=virtio-net-pci,romfile=

# layout_private PORT NODE: a NIC of the network between the nodes. The node
# names it by this address.
layout_private() {
    printf '%s,netdev=private%d,mac=52:54:00:77:%02x:%02x' "$layout_card" \
        "$1" "$1" "$2"
}

layout_accel_memory() {
    local file
    file=$(accel_file "$1" "${2#0}")
    printf '%s\n' -object \
        "memory-backend-file,id=accel$2,share=on,size=$accel_size,mem-path=$file"
}

# layout_disks BUS: /dev/vda and /dev/vdb.
layout_disks() {
    printf '%s\n' -device "virtio-blk-pci,drive=system,bus=$1" \
        -device "virtio-blk-pci,drive=project,bus=$1"
}

# All on one bus.
layout_flat() {
    local node=$1
    printf '%s\n' -machine pc,usb=off,vmport=off -smp 2 \
        -device "$(layout_private 0 "$node"),addr=3" \
        -device "$layout_card,netdev=host,mac=$(layout_host_mac "$node"),addr=4"
    layout_accel_memory "$node" 0
    printf '%s\n' -device ivshmem-plain,memdev=accel0,addr=5 \
        -device edu,addr=8 \
        -device nvme,serial=p2pmem,cmb_size_mb=16,addr=9 \
        -device virtio-iommu-pci,addr=0xa \
        -device virtio-gpu-pci,addr=0xb
    layout_disks pci.0
}

layout_host_mac() {
    printf '52:54:00:78:00:%02x' "$1"
}

# layout_cpu CPU MEMORY
layout_cpu() {
    printf '%s\n' -object "memory-backend-ram,id=ram$1,size=$2M" \
        -numa "node,nodeid=$1,cpus=$1,memdev=ram$1"
}

# layout_port NODE PORT: a host bridge of a CPU's own, and a root port to a
# switch with an accelerator and a NIC behind it. The NIC says 100 Gb/s, and
# nothing of a PCIe link, which in QEMU is of the slowest: UCX is to see a
# difference between near and far, as there is with real ones.
layout_port() {
    local node=$1 port=$2
    local slot=$((port * 4)) bus=$((0x40 * (port + 1)))
    layout_accel_memory "$node" "$port"
    printf '%s\n' \
        -device "pxb-pcie,id=cpu$port,bus=pcie.0,bus_nr=$bus,numa_node=$port" \
        -device "pcie-root-port,id=root$port,bus=cpu$port,chassis=$((slot + 1))" \
        -device "x3130-upstream,id=switch$port,bus=root$port" \
        -device "xio3130-downstream,id=accelport$port,bus=switch$port,\
chassis=$((slot + 2)),addr=0" \
        -device "xio3130-downstream,id=nicport$port,bus=switch$port,\
chassis=$((slot + 3)),addr=1" \
        -device "ivshmem-plain,memdev=accel$port,bus=accelport$port" \
        -device "$(layout_private "$port" "$node"),bus=nicport$port,\
speed=100000,duplex=full,x-disable-pcie=on"
}

# Two CPUs, each with half of the memory. Linux finds the host bridge that QEMU
# made last first.
layout_in_ports() {
    local node=$1 memory_mib=$2 port
    printf '%s\n' -machine q35,usb=off,vmport=off,sata=off,smbus=off \
        -smp 2,sockets=2 \
        -device "$layout_card,netdev=host,mac=$(layout_host_mac "$node"),\
bus=pcie.0,addr=4"
    layout_disks pcie.0
    for port in 0 1; do
        layout_cpu "$port" $((memory_mib / 2))
    done
    printf '%s\n' -numa dist,src=0,dst=1,val=21
    for port in 1 0; do
        layout_port "$node" "$port"
    done
}

# layout_arguments NODE MEMORY: QEMU's, a word a line. MEMORY is in MiB.
layout_arguments() {
    case $layout in
    flat) layout_flat "$1" ;;
    ports) layout_in_ports "$1" "$2" ;;
    esac
}
