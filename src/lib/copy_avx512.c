/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine with AVX-512: a block in one access. */
#include "copy_x86.h"

#define TARGET __attribute__((target("avx512f")))

typedef __m512i block_t;

static bool usable(void)
{
    return __builtin_cpu_supports("avx512f") != 0;
}

TARGET static inline block_t load_host(const char *from)
{
    return _mm512_loadu_si512(from);
}

TARGET static inline block_t load_device(const char *from)
{
    /* The intrinsic wants it without const, and writes nothing. */
    return _mm512_stream_load_si512((void *)(uintptr_t)from);
}

TARGET static inline void store_host(char *to, block_t block)
{
    _mm512_storeu_si512(to, block);
}

TARGET static inline void store_device(char *to, block_t block)
{
    _mm512_store_si512(to, block);
}

TARGET static inline void stream(char *to, block_t block)
{
    _mm512_stream_si512((__m512i *)to, block);
}

#include "copy_blocks.h"

const struct peervma_copy_engine peervma_copy_avx512 = COPY_ENGINE("avx512");
