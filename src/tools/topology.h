/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies between two PCI devices, as far as sysfs tells: what decides
 * whether one may reach the other's memory, and how fast.
 */
#ifndef PEERVMA_TOOLS_TOPOLOGY_H
#define PEERVMA_TOOLS_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

#include "peervma.h"

enum topology_path {
    TOPOLOGY_UNKNOWN,     /* one is no PCI device, or sysfs has it not */
    TOPOLOGY_BRIDGE,      /* below one bridge: a switch or a root port */
    TOPOLOGY_HOST_BRIDGE, /* through the CPU's host bridge */
    TOPOLOGY_FAR,         /* through two host bridges */
};

struct topology {
    enum topology_path path;
    int hops;        /* bridges on the way and both ends, as the kernel's p2pdma
                        counts; 0 for the same device */
    bool translated; /* an IOMMU translates the addresses of either */
    int acs_redirect; /* a bridge on the way sends peer-to-peer traffic up to
                         the CPU; -1: only root may see that */
};

void topology_look(const char *sysfs, const peervma_pci_t *a,
                   const peervma_pci_t *b, struct topology *topology_p);

/*
 * What of it may be in the way of peer-to-peer, and what to do; a static text.
 * NULL: nothing known.
 */
const char *topology_obstacle(const struct topology *topology);

/* "below one bridge", ...; static. */
const char *topology_text(const struct topology *topology);

/* "bridge", "host-bridge", "host-bridges", in a table; NULL: not known. */
const char *topology_name(const struct topology *topology);

/*
 * The largest size, in bytes, that a BAR of the device could be made; 0: they
 * cannot be resized. (The file has a bit N for 2^N MiB.)
 */
uint64_t topology_largest_bar(const char *sysfs, const peervma_pci_t *pci);

#endif
