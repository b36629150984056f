/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine with SSE4.1: four accesses a block. */
#include "copy_x86.h"

#define TARGET __attribute__((target("sse4.1")))

typedef struct block {
    __m128i a, b, c, d;
} block_t;

static bool usable(void)
{
    return __builtin_cpu_supports("sse4.1") != 0;
}

TARGET static inline block_t load_host(const char *from)
{
    const __m128i *part = (const __m128i *)from;

    return (block_t){_mm_loadu_si128(part), _mm_loadu_si128(part + 1),
                     _mm_loadu_si128(part + 2), _mm_loadu_si128(part + 3)};
}

TARGET static inline block_t load_device(const char *from)
{
    /* The intrinsic wants it without const, and writes nothing. */
    __m128i *part = (__m128i *)(uintptr_t)from;

    return (block_t){
        _mm_stream_load_si128(part), _mm_stream_load_si128(part + 1),
        _mm_stream_load_si128(part + 2), _mm_stream_load_si128(part + 3)};
}

TARGET static inline void store_host(char *to, block_t block)
{
    __m128i *part = (__m128i *)to;

    _mm_storeu_si128(part, block.a);
    _mm_storeu_si128(part + 1, block.b);
    _mm_storeu_si128(part + 2, block.c);
    _mm_storeu_si128(part + 3, block.d);
}

TARGET static inline void store_device(char *to, block_t block)
{
    __m128i *part = (__m128i *)to;

    _mm_store_si128(part, block.a);
    _mm_store_si128(part + 1, block.b);
    _mm_store_si128(part + 2, block.c);
    _mm_store_si128(part + 3, block.d);
}

TARGET static inline void stream(char *to, block_t block)
{
    __m128i *part = (__m128i *)to;

    _mm_stream_si128(part, block.a);
    _mm_stream_si128(part + 1, block.b);
    _mm_stream_si128(part + 2, block.c);
    _mm_stream_si128(part + 3, block.d);
}

#include "copy_blocks.h"

const struct peervma_copy_engine peervma_copy_sse41 = COPY_ENGINE("sse4.1");
