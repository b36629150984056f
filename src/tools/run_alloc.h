/* SPDX-License-Identifier: BSD-3-Clause */
/* The part of `peervma run` that has allocations placed on an accelerator. */
#ifndef PEERVMA_TOOLS_RUN_ALLOC_H
#define PEERVMA_TOOLS_RUN_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

struct run_alloc {
    const char *device; /* what --alloc said; NULL: it was not given */
    size_t min;         /* bytes; 0: --alloc-min was not given */
    char node[64];      /* set by run_alloc_find() */
    char driver[64];
};

/*
 * Read "device" or "device:N", and a number of bytes with K, M or G behind it.
 * False: it is none.
 */
bool run_alloc_parse_device(const char *text, struct run_alloc *alloc);
bool run_alloc_parse_min(const char *text, struct run_alloc *alloc);

/*
 * Find the accelerator and have it give a page. Says in one line to stderr why
 * it can't be used. 0 or -errno.
 */
int run_alloc_find(struct run_alloc *alloc);

/* Set what the library reads, or print it as `peervma run --print` does. */
int run_alloc_apply(const struct run_alloc *alloc);
void run_alloc_print(const struct run_alloc *alloc);

#endif
