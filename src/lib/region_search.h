/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One step of a search: how many of some keys lie above an address. Keys lie
 * from high to low and are filled up with zeroes. They may be changed
 * meanwhile: what comes out then is not used.
 */
#ifndef PEERVMA_REGION_SEARCH_H
#define PEERVMA_REGION_SEARCH_H

#include <stddef.h>
#include <stdint.h>

/* A node is two cache lines of keys. */
#define PEERVMA_NODE_SHIFT 4
#define PEERVMA_NODE_KEYS (1U << PEERVMA_NODE_SHIFT)

/* `keys` are `count` many, a multiple of 4; all are at most INTPTR_MAX. */
typedef size_t (*peervma_count_t)(const uintptr_t *keys, size_t count,
                                  uintptr_t address);

static inline size_t peervma_count_above(const uintptr_t *keys, size_t count,
                                         uintptr_t address)
{
    size_t above = 0, i;

    for (i = 0; i < count; i++) {
        above += __atomic_load_n(&keys[i], __ATOMIC_RELAXED) > address;
    }
    return above;
}

/* The thread sanitizer does not know that vectors are loaded word by word. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#define PEERVMA_HAVE_AVX2 1
#define PEERVMA_TARGET_AVX2 __attribute__((target("avx2,popcnt")))

#include <immintrin.h>

PEERVMA_TARGET_AVX2 static inline size_t peervma_count_above_avx2(
    const uintptr_t *keys, size_t count, uintptr_t address)
{
    const __m256i all = _mm256_set1_epi64x((long long)address);
    const __m256i *vector = (const __m256i *)keys;
    __m256i low, high;
    size_t above = 0;

    for (; count >= 8; count -= 8, vector += 2) {
        low = _mm256_cmpgt_epi64(_mm256_loadu_si256(vector), all);
        high = _mm256_cmpgt_epi64(_mm256_loadu_si256(vector + 1), all);
        low = _mm256_packs_epi32(low, high);
        above += (size_t)__builtin_popcount(
            (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low)));
    }
    if (count > 0) {
        low = _mm256_cmpgt_epi64(_mm256_loadu_si256(vector), all);
        above += (size_t)__builtin_popcount(
            (unsigned)_mm256_movemask_pd(_mm256_castsi256_pd(low)));
    }
    return above;
}
#endif

#endif
