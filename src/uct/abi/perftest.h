/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ucx_perftest's table of allocators, ucx_perf_mem_type_allocators[], which has
 * a place for each memory type of its UCX. Without UCX's headers: the shim of
 * `peervma run` is built without UCX.
 */
#ifndef UCT_PEERVMA_ABI_PERFTEST_H
#define UCT_PEERVMA_ABI_PERFTEST_H

#include <stddef.h>

#define UCX_PERF_ZE_DEVICE 7 /* UCS_MEMORY_TYPE_ZE_DEVICE */

typedef struct {
    int mem_type;
    int (*init)(void *perf);
    int (*uct_alloc)(const void *perf, size_t length, unsigned flags,
                     void *memory_p);
    void (*uct_free)(const void *perf, void *memory);
    void (*copy)(void *to, int to_type, const void *from, int from_type,
                 size_t length);
    void *(*set)(void *memory, int value, size_t length);
} ucx_perf_allocator_t;

_Static_assert(sizeof(ucx_perf_allocator_t) == 48, "UCX layout");

#endif
