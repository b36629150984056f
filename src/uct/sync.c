/* SPDX-License-Identifier: BSD-3-Clause */
#include "sync.h"

void uct_peervma_sync_begin(uct_peervma_sync_t *sync,
                            peervma_context_t *context,
                            const peervma_region_t *region, const void *address,
                            size_t length, unsigned flags)
{
    uint64_t *refused =
        &sync->refused[region->generation % UCT_PEERVMA_SYNC_REFUSED];

    sync->access.fd = -1;
    if ((region->kind != PEERVMA_KIND_DMABUF) ||
        (region->generation == *refused)) {
        return;
    }
    if (peervma_access_begin(context, address, length, flags, &sync->access) !=
        0) {
        /* The copy has to be made nevertheless, and the next ones. */
        sync->access.fd = -1;
        *refused = region->generation;
    }
}

void uct_peervma_sync_end(uct_peervma_sync_t *sync)
{
    if (sync->access.fd >= 0) {
        peervma_access_end(&sync->access);
    }
}
