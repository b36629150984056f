/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libpeervma_alloc.so: places a program's large allocations in accelerator
 * memory. `peervma run --alloc` preloads it. It is a library apart from
 * libpeervma_preload.so, for that one goes into every program that is run: it
 * takes no part in allocation, and needs no driver's interface.
 *
 * The environment says where and what; without it nothing is placed.
 */
#ifndef PEERVMA_ALLOC_ALLOC_H
#define PEERVMA_ALLOC_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* The node of the accelerator. */
#define ALLOC_ENV_NODE "PEERVMA_ALLOC"
/* Bytes; the smallest allocation that is placed. */
#define ALLOC_ENV_MIN "PEERVMA_ALLOC_MIN"
/* "y": the counters at exit, as the UCX plugin prints its own. */
#define ALLOC_ENV_STATS "UCX_PEERVMA_STATS"

#define ALLOC_MIN_DEFAULT 65536

/* The least page of any machine: the alignment that all mappings have. */
#define ALLOC_PAGE ((size_t)4096)

#define ALLOC_EXPORT __attribute__((visibility("default")))

/* May a range that begins here be ours? No for nearly all of libc's. */
static inline int alloc_is_page(const void *ptr)
{
    return ((uintptr_t)ptr & (ALLOC_PAGE - 1)) == 0;
}

#endif
