/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Why something is not as the user wants it, in one line on stderr, once a
 * process for each reason.
 */
#ifndef UCT_PEERVMA_EXPLAIN_H
#define UCT_PEERVMA_EXPLAIN_H

#include <stddef.h>
#include <stdint.h>

#include <peervma.h>

/* The plugin is not used at all. */
void uct_peervma_explain_out(const char *reason);

/* UCX_TLS has this value, and UCX thus no use for the component. */
void uct_peervma_explain_left_out(const char *transports);

/* No mapping can be exported: opening /dev/peervma gave `error` (< 0). */
void uct_peervma_explain_no_export(const peervma_region_t *region, int error,
                                   unsigned reason);

/* This range was refused as a dma-buf. */
void uct_peervma_explain_refused(const void *address, size_t length, int error,
                                 const peervma_refusals_t *refusals);

/* The NIC does not register this mapping. */
void uct_peervma_explain_nic(const peervma_region_t *region, const char *nic,
                             int error);

/* A buffer reaches beyond the mapping that it begins in. */
void uct_peervma_explain_beyond(const void *address, size_t length,
                                const peervma_region_t *region);

/* This piece of such a buffer was to be copied: the process ends. */
void uct_peervma_explain_end(const void *address, size_t length);

/* A buffer's mapping is gone while it is sent or received. */
void uct_peervma_explain_gone(const void *address, size_t length);

/* Device memory of another process of the node cannot be mapped here. */
void uct_peervma_explain_ipc_unreachable(uint64_t address, uint64_t length,
                                         int error);

/* A copy from or to device memory of another process failed. */
void uct_peervma_explain_ipc_failed(uint64_t address, uint64_t length,
                                    int error);

/* dma-bufs were exported, and UCX told of no peer that has the plugin. */
void uct_peervma_explain_alone(void);

/* Processes of the job on these nodes have no plugin. */
void uct_peervma_explain_lacking(const char *nodes);

/* Much was copied by the CPU and UCX never asked for a dma-buf. */
void uct_peervma_explain_staged(const void *address, size_t length);

#endif
