/* SPDX-License-Identifier: BSD-3-Clause */
/* Where device memory is on the machine's buses, for UCX to choose NICs by. */
#ifndef UCT_PEERVMA_PLACE_H
#define UCT_PEERVMA_PLACE_H

#include <stddef.h>

#include <peervma.h>
#include <ucs/sys/topo/base/topo.h>

/* UCS_SYS_DEVICE_ID_UNKNOWN if the memory is on no PCI device. */
ucs_sys_device_t uct_peervma_place(const peervma_region_t *region);

/*
 * A device's name, "renderD128" or "accel0", from the sysfs in `sysfs`. False
 * if it has no such node.
 */
int uct_peervma_place_name(const char *sysfs, const peervma_pci_t *pci,
                           char *name, size_t size);

#endif
