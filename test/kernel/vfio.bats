#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# BARs that are mapped through VFIO, on node 0.
load ../node

setup_file() {
    on 0 /usr/lib/peervma-testbed/node-setup accel on
    on 0 /usr/lib/peervma-testbed/node-setup module on
    on 0 modprobe softaccel_importer
}

teardown_file() {
    on 0 modprobe -r softaccel_importer
    # The debug kernel has them built in.
    on 0 modprobe -rq vfio-pci vfio_iommu_type1 || true
    on 0 /usr/lib/peervma-testbed/node-setup accel on
}

@test "VFIO's dma-bufs are found by the mapping, and taken back by VFIO" {
    on 0 modprobe -a vfio-pci vfio_iommu_type1
    # The virtual IOMMU remaps no interrupts; none is asked for.
    on 0 sh -c 'cd /sys/module/vfio_iommu_type1/parameters &&
        echo Y >allow_unsafe_interrupts'
    tap_on 0 kernel_vfio
}
