/* SPDX-License-Identifier: BSD-3-Clause */
/* The accelerators of a machine, as sysfs shows them. */
#ifndef PEERVMA_DEVICE_ACCELERATORS_H
#define PEERVMA_DEVICE_ACCELERATORS_H

#include <stdbool.h>
#include <stdint.h>

#include "peervma.h"

/* A device with a DRM or accel node. Empty texts: not known. */
struct accelerator {
    char node[64];   /* "/dev/dri/renderD128" */
    char card[64];   /* "/dev/dri/card0", the node of its displays */
    char driver[64]; /* "amdgpu" */
    peervma_pci_t pci;
    int numa_node;        /* -1: none or not known */
    uint64_t largest_bar; /* bytes; 0: not known */
    bool usable;          /* may this user open the node? */
};

typedef void (*accelerator_cb_t)(const struct accelerator *accelerator,
                                 void *arg);

/* Call `cb` for each. Nothing there is no error: 0 or -errno. */
int machine_accelerators(const char *sysfs, accelerator_cb_t cb, void *arg);

/* Is a node meant by this name: its path or the last part of it; NULL: any. */
bool machine_is_node(const char *node, const char *name);

/* "0000:05:00.0" */
#define PCI_TEXT 16
const char *machine_pci_text(const peervma_pci_t *pci, char text[PCI_TEXT]);

#endif
