/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The kernel asks for DMA_BUF_IOCTL_SYNC around the CPU's accesses to a mapped
 * dma-buf. Whether its exporter does anything then cannot be known, so each
 * copy of such memory asks. Mappings of a device's own node or BAR take none.
 */
#ifndef UCT_PEERVMA_SYNC_H
#define UCT_PEERVMA_SYNC_H

#include <stdint.h>

#include <peervma.h>

#define UCT_PEERVMA_SYNC_REFUSED 16

typedef struct {
    /* Generations of mappings whose dma-buf is not to be had, each at its place
     * of so many. */
    uint64_t refused[UCT_PEERVMA_SYNC_REFUSED];
    peervma_access_t access; /* the one under way */
} uct_peervma_sync_t;

/* `region` is where the bytes lie; `flags` are PEERVMA_ACCESS_*. */
void uct_peervma_sync_begin(uct_peervma_sync_t *sync,
                            peervma_context_t *context,
                            const peervma_region_t *region, const void *address,
                            size_t length, unsigned flags);

void uct_peervma_sync_end(uct_peervma_sync_t *sync);

#endif
