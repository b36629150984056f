/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The component and memory domain peervma_ipc: device memory of other processes
 * of the node. A domain of its own, for all transports of a domain that can
 * access a memory type are candidates for UCX's copies within a process, and
 * because its remote keys say something, unlike those of "peervma".
 */
#ifndef UCT_PEERVMA_IPC_MD_H
#define UCT_PEERVMA_IPC_MD_H

#include <peervma.h>

#include "abi/component.h"

#define UCT_PEERVMA_IPC_TL "pvma_ipc"

typedef struct {
    uct_md_t super;
    peervma_context_t *context;
} uct_peervma_ipc_md_t;

/* Register with UCX. */
void uct_peervma_ipc_register(void);

#endif
