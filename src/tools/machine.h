/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of a machine, as sysfs shows them. */
#ifndef PEERVMA_TOOLS_MACHINE_H
#define PEERVMA_TOOLS_MACHINE_H

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

struct nic {
    char name[64];   /* "mlx5_0" */
    char driver[64]; /* "mlx5_core" */
    char netdev[64];
    char state[32]; /* of port 1, "ACTIVE" */
    char link[32];  /* of port 1, "Ethernet" */
    char node[64];  /* "/dev/infiniband/uverbs0" */
    peervma_pci_t pci;
};

typedef void (*accelerator_cb_t)(const struct accelerator *accelerator,
                                 void *arg);
typedef void (*nic_cb_t)(const struct nic *nic, void *arg);

/* Call `cb` for each. Nothing there is no error: 0 or -errno. */
int machine_accelerators(const char *sysfs, accelerator_cb_t cb, void *arg);
int machine_nics(const char *sysfs, nic_cb_t cb, void *arg);

/* Is a node meant by this name: its path or the last part of it; NULL: any. */
bool machine_is_node(const char *node, const char *name);

/* "0000:05:00.0" */
#define PCI_TEXT 16
const char *machine_pci_text(const peervma_pci_t *pci, char text[PCI_TEXT]);

/*
 * Can memory regions of dma-bufs be registered with a NIC? 0: yes. Else -errno:
 * -EOPNOTSUPP: its driver cannot; -ENOSYS: this program was built without
 * libibverbs; others: it could not be tried.
 */
int nic_probe_dmabuf(const char *name);

#endif
