/* SPDX-License-Identifier: BSD-3-Clause */
/* What sysfs says of devices. */
#ifndef PEERVMA_SYSFS_H
#define PEERVMA_SYSFS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "peervma.h"
#include "view.h"

/* "0000:00:04.0", up to a slash or the end. Sets `valid`. */
bool peervma_pci_parse(const char *text, peervma_pci_t *pci_p);

/* The last `count`th component of a path; "" if it has fewer. */
const char *peervma_path_tail(const char *path, int count);

/*
 * The last component of what the link `name` of a character device's sysfs
 * folder leads to ("subsystem", "device/driver"); false if there is none.
 */
bool peervma_sysfs_char_link(const struct peervma_view *view, dev_t device,
                             const char *name, char *target, size_t size);

/* The PCI device that a character device belongs to; !valid if none. */
peervma_pci_t peervma_sysfs_char_pci(const struct peervma_view *view,
                                     dev_t device);

/* A PCI device's NUMA node; -1 if it has none, or is not known. */
int peervma_sysfs_numa_node(const struct peervma_view *view,
                            const peervma_pci_t *pci);

#endif
