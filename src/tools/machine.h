/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of a machine, as sysfs shows them. */
#ifndef PEERVMA_TOOLS_MACHINE_H
#define PEERVMA_TOOLS_MACHINE_H

#include "accelerators.h"

struct nic {
    char name[64];   /* "mlx5_0" */
    char driver[64]; /* "mlx5_core" */
    char netdev[64];
    char state[32]; /* of port 1, "ACTIVE" */
    char link[32];  /* of port 1, "Ethernet" */
    char node[64];  /* "/dev/infiniband/uverbs0" */
    peervma_pci_t pci;
    int numa_node;    /* -1: none or not known */
    bool is_software; /* its DMA is the CPU's own copying */
};

typedef void (*nic_cb_t)(const struct nic *nic, void *arg);

/* Call `cb` for each. Nothing there is no error: 0 or -errno. */
int machine_nics(const char *sysfs, nic_cb_t cb, void *arg);

/*
 * Can memory regions of dma-bufs be registered with a NIC? 0: yes. Else -errno:
 * -EOPNOTSUPP: its driver cannot; -ENOSYS: this program was built without
 * libibverbs; others: it could not be tried.
 */
int nic_probe_dmabuf(const char *name);

#endif
