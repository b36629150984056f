/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies by the CPU between memory of this process and device memory of
 * another that is mapped here. */
#ifndef UCT_PEERVMA_IPC_COPY_H
#define UCT_PEERVMA_IPC_COPY_H

#include <peervma.h>

#include "ipc_cache.h"

/*
 * `remote` is an address in the owner. -ERANGE: it or the local range leaves
 * its mapping; -ESTALE: the owner has unmapped it; -EFAULT: a driver has taken
 * back either memory, so that any part may have been copied.
 */
int uct_peervma_ipc_put(peervma_context_t *context,
                        uct_peervma_ipc_mapping_t *mapping, uint64_t remote,
                        const void *local, size_t length);
int uct_peervma_ipc_get(peervma_context_t *context,
                        uct_peervma_ipc_mapping_t *mapping, uint64_t remote,
                        void *local, size_t length);

/* Where an address in the owner is here; NULL if the mapping has it not. */
char *uct_peervma_ipc_address(const uct_peervma_ipc_mapping_t *mapping,
                              uint64_t remote, size_t length);

#endif
