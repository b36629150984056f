/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies by the CPU between memory of this process and device memory of
 * another that is mapped here. */
#ifndef UCT_PEERVMA_IPC_COPY_H
#define UCT_PEERVMA_IPC_COPY_H

#include <peervma.h>

#include "ipc_cache.h"

/*
 * Put `local` to the owner's address `remote`, or get it. -ERANGE: either range
 * leaves its mapping; -ESTALE: the owner has unmapped it; -EFAULT: a driver has
 * taken back either memory, so that any part may have been copied.
 */
int uct_peervma_ipc_copy(peervma_context_t *context,
                         const uct_peervma_ipc_mapping_t *mapping,
                         uint64_t remote, char *local, size_t length,
                         int is_put);

/* Where an address in the owner is here; NULL if the mapping has it not. */
char *uct_peervma_ipc_address(const uct_peervma_ipc_mapping_t *mapping,
                              uint64_t remote, size_t length);

#endif
