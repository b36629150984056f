/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What was placed and what was not. At exit one line says if anything stayed in
 * host memory, with UCX_PEERVMA_STATS=y also if nothing did.
 */
#ifndef PEERVMA_ALLOC_COUNTERS_H
#define PEERVMA_ALLOC_COUNTERS_H

#include <stddef.h>

/* node: lives as long as the process. */
void counters_start(const char *node);
void counters_reset(void);
void counters_add_device(size_t bytes);
void counters_add_host(size_t bytes);

/* Why an allocation could not be placed, -errno; the first is told. */
void counters_set_reason(int reason);

/* One line to stderr, unless the program has closed or replaced that. */
void counters_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

#endif
