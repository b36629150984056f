/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_SETTINGS_NICS_H
#define PEERVMA_SETTINGS_NICS_H

#include <stdbool.h>

#define PEERVMA_NICS_NAMES_MAX 96

/** The RDMA NICs of a machine, by what UCX needs to be told about them. */
typedef struct peervma_nics {
    bool hardware; /**< there is one that sits on a bus */
    /** What UCX calls the Soft-RoCE NICs and their Ethernet devices,
     *  "rxe0:1,eth0"; empty: there is none. */
    char soft_roce[PEERVMA_NICS_NAMES_MAX];
} peervma_nics_t;

/** Look at <root>/sys/class/infiniband. */
void peervma_nics_look(const char *root, peervma_nics_t *nics_p);

#endif
