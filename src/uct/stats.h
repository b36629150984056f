/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Counters of what the plugin did in this process, printed at exit if
 * UCX_PEERVMA_STATS=y. The names are an interface: peervma(7).
 */
#ifndef UCT_PEERVMA_STATS_H
#define UCT_PEERVMA_STATS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    UCT_PEERVMA_STAT_PEERS,          /* other processes with the plugin */
    UCT_PEERVMA_STAT_LOOKUPS,        /* addresses asked for */
    UCT_PEERVMA_STAT_REGIONS,        /* device mappings found or made */
    UCT_PEERVMA_STAT_REGIONS_TRIED,  /* exported and registered for a trial */
    UCT_PEERVMA_STAT_REGIONS_STAGED, /* of them, those that were refused */
    UCT_PEERVMA_STAT_DMABUF_EXPORTS, /* dma-bufs given to UCX */
    UCT_PEERVMA_STAT_DMABUF_REFUSED,
    UCT_PEERVMA_STAT_PUT_SHORT, /* calls */
    UCT_PEERVMA_STAT_PUT_SHORT_BYTES,
    UCT_PEERVMA_STAT_GET_SHORT,
    UCT_PEERVMA_STAT_GET_SHORT_BYTES,
    UCT_PEERVMA_STAT_PUT_ZCOPY,
    UCT_PEERVMA_STAT_PUT_ZCOPY_BYTES,
    UCT_PEERVMA_STAT_GET_ZCOPY,
    UCT_PEERVMA_STAT_GET_ZCOPY_BYTES,
    UCT_PEERVMA_STAT_IPC_EXPORTS, /* dma-bufs given to other processes */
    UCT_PEERVMA_STAT_IPC_REFUSED, /* requests and connections of them */
    UCT_PEERVMA_STAT_IPC_MAPS,    /* made of others' device memory */
    UCT_PEERVMA_STAT_IPC_UNMAPS,
    UCT_PEERVMA_STAT_IPC_HITS, /* keys whose memory was mapped already */
    UCT_PEERVMA_STAT_IPC_BYTES,
    UCT_PEERVMA_STAT_CPU_COPIED_BYTES,
    UCT_PEERVMA_STAT_LAST
} uct_peervma_stat_t;

extern _Atomic uint64_t uct_peervma_stats[UCT_PEERVMA_STAT_LAST];

static inline void uct_peervma_stat_add(uct_peervma_stat_t stat, uint64_t value)
{
    atomic_fetch_add_explicit(&uct_peervma_stats[stat], value,
                              memory_order_relaxed);
}

static inline uint64_t uct_peervma_stat_get(uct_peervma_stat_t stat)
{
    return atomic_load_explicit(&uct_peervma_stats[stat], memory_order_relaxed);
}

/* How device memory is detected: "events" or "query"; static. */
void uct_peervma_stats_set_detection(const char *detection);

/* How quickly the CPU copies, in bytes per second, and who says so: "set",
 * "measured" or "default"; static. */
void uct_peervma_stats_set_speed(const char *source, double to_device,
                                 double from_device);

/* Print the counters when this process, not a child of it, exits. */
void uct_peervma_stats_print_at_exit(void);

/* One line with all counters, without newline; the length as of snprintf(). */
int uct_peervma_stats_format(char *buffer, size_t size);

#endif
