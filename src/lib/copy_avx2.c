/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine with AVX2: two accesses a block. */
#include "copy_x86.h"

#define TARGET __attribute__((target("avx2")))

typedef struct block {
    __m256i a, b;
} block_t;

static bool usable(void)
{
    return __builtin_cpu_supports("avx2") != 0;
}

TARGET static inline block_t load_host(const char *from)
{
    const __m256i *part = (const __m256i *)from;

    return (block_t){_mm256_loadu_si256(part), _mm256_loadu_si256(part + 1)};
}

TARGET static inline block_t load_device(const char *from)
{
    const __m256i *part = (const __m256i *)from;

    return (block_t){_mm256_stream_load_si256(part),
                     _mm256_stream_load_si256(part + 1)};
}

TARGET static inline void store_host(char *to, block_t block)
{
    __m256i *part = (__m256i *)to;

    _mm256_storeu_si256(part, block.a);
    _mm256_storeu_si256(part + 1, block.b);
}

TARGET static inline void store_device(char *to, block_t block)
{
    __m256i *part = (__m256i *)to;

    _mm256_store_si256(part, block.a);
    _mm256_store_si256(part + 1, block.b);
}

TARGET static inline void stream(char *to, block_t block)
{
    __m256i *part = (__m256i *)to;

    _mm256_stream_si256(part, block.a);
    _mm256_stream_si256(part + 1, block.b);
}

#include "copy_blocks.h"

const struct peervma_copy_engine peervma_copy_avx2 = COPY_ENGINE("avx2");
