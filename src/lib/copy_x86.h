/* SPDX-License-Identifier: BSD-3-Clause */
/* What the copy engines of x86 share: the fences. */
#ifndef PEERVMA_COPY_X86_H
#define PEERVMA_COPY_X86_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

/* Empties the write-combining buffers. */
static inline void after_store(void)
{
    _mm_sfence();
}

/*
 * Loads of write-combining memory may otherwise run ahead of the load of the
 * flag that says that the device wrote. There is nothing old in the buffers of
 * streaming loads: what an engine loads by them are whole lines.
 */
static inline void before_load(void)
{
    _mm_lfence();
}

#endif
