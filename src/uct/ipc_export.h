/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What this process lets others map: its device mappings that are registered,
 * one export each, however often and in whatever parts UCX registers it.
 */
#ifndef UCT_PEERVMA_IPC_EXPORT_H
#define UCT_PEERVMA_IPC_EXPORT_H

#include <stddef.h>

#include <peervma.h>

#include "ipc_wire.h"

typedef struct uct_peervma_ipc_export uct_peervma_ipc_export_t;

/*
 * The export of the mapping that holds a range. NULL if there is none: no
 * device memory, a range that is not all there, or no memory for it.
 */
uct_peervma_ipc_export_t *uct_peervma_ipc_export_get(peervma_context_t *context,
                                                     const void *address,
                                                     size_t length);
/* NULL is allowed. Peers are told of the last one. */
void uct_peervma_ipc_export_put(uct_peervma_ipc_export_t *export);

/* Fill in a key for it, or for NULL one that nobody can use. */
void uct_peervma_ipc_export_key(const uct_peervma_ipc_export_t *export,
                                uct_peervma_ipc_key_t *key_p);

/*
 * A descriptor of the dma-buf of export `id`, and the mapping's offset in it.
 * -ESTALE: it is no more, or something else is mapped there by now; else as
 * peervma_region_export(). `arg` is the context.
 */
int uct_peervma_ipc_export_open(uint64_t id, uint64_t *offset_p, void *arg);

#endif
