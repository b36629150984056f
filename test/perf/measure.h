/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TEST_PERF_MEASURE_H
#define PEERVMA_TEST_PERF_MEASURE_H

#include <stdint.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* The same numbers in each run. */
static inline uint64_t next_random(void)
{
    static uint64_t x = 88172645463325252;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return x;
}

#endif
