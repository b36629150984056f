#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-3-Clause
# BARs that are mapped through VFIO, on node 0.
load ../node

setup_file() {
    on 0 /usr/lib/peervma-testbed/node-setup accel on
    on 0 /usr/lib/peervma-testbed/node-setup module on
    on 0 modprobe softaccel_importer
}

# Devices that a killed program left to VFIO go back to their own drivers.
give_back='
    for device in /sys/bus/pci/devices/*; do
        grep -qx vfio-pci "$device/driver_override" || continue
        echo >"$device/driver_override"
        [ ! -e "$device/driver" ] ||
            echo "${device##*/}" >"$device/driver/unbind"
        echo "${device##*/}" >/sys/bus/pci/drivers_probe
    done
'

teardown_file() {
    on 0 modprobe -r softaccel_importer
    on 0 sh -c "$give_back"
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
