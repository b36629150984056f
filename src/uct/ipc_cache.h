/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device memory of other processes, mapped here: each export of each process
 * once, for as long as the owner has it, or until many others were used since.
 */
#ifndef UCT_PEERVMA_IPC_CACHE_H
#define UCT_PEERVMA_IPC_CACHE_H

#include <stdatomic.h>
#include <stddef.h>

#include "ipc_wire.h"

typedef struct uct_peervma_ipc_mapping {
    struct uct_peervma_ipc_mapping *next; /* the cache's own, as those below */
    uct_peervma_ipc_key_t key;
    char *address;      /* of key.length bytes */
    int fd;             /* of the dma-buf */
    atomic_int dropped; /* the owner has unmapped it, or is gone */
    int result; /* 0 once it is mapped, -EINPROGRESS before, or -errno */
    unsigned users;
    uint64_t last_used;
} uct_peervma_ipc_mapping_t;

/*
 * The mapping for a key, made if it is not there; waits for the owner then.
 * -ENXIO: the key is of nothing; else as uct_peervma_ipc_service_request() or
 * mmap(2).
 */
int uct_peervma_ipc_cache_get(const uct_peervma_ipc_key_t *key,
                              uct_peervma_ipc_mapping_t **mapping_p);
void uct_peervma_ipc_cache_put(uct_peervma_ipc_mapping_t *mapping);

/* As of uct_peervma_ipc_service_ops_t. */
void uct_peervma_ipc_cache_drop(const uct_peervma_ipc_token_t *owner,
                                uint64_t id, void *arg);

#endif
