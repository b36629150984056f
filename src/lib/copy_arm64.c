/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine of arm64: pairs of NEON registers, two accesses a block. */
#include <arm_neon.h>
#include <stdbool.h>

#define TARGET

typedef struct block {
    uint8x16_t a, b, c, d;
} block_t;

static bool usable(void)
{
    return true; /* every arm64 CPU has NEON */
}

/* `_pair` is ldp or ldnp, the pair that is not to be cached. */
#define LOAD(_pair, _block, _from)                                            \
    __asm__ volatile(_pair " %q0, %q1, [%4]\n\t" _pair " %q2, %q3, [%4, #32]" \
                     : "=&w"((_block).a), "=&w"((_block).b),                  \
                       "=&w"((_block).c), "=&w"((_block).d)                   \
                     : "r"(_from)                                             \
                     : "memory")

#define STORE(_pair, _to, _block)                                             \
    __asm__ volatile(_pair " %q0, %q1, [%4]\n\t" _pair " %q2, %q3, [%4, #32]" \
                     :                                                        \
                     : "w"((_block).a), "w"((_block).b), "w"((_block).c),     \
                       "w"((_block).d), "r"(_to)                              \
                     : "memory")

static inline block_t load_host(const char *from)
{
    block_t block;

    LOAD("ldp", block, from);
    return block;
}

static inline block_t load_device(const char *from)
{
    block_t block;

    LOAD("ldnp", block, from);
    return block;
}

static inline void store_host(char *to, block_t block)
{
    STORE("stp", to, block);
}

static inline void store_device(char *to, block_t block)
{
    STORE("stp", to, block);
}

static inline void stream(char *to, block_t block)
{
    STORE("stnp", to, block);
}

/* The outer domain has the devices in it, the one of C's fences need not. */
static void after_store(void)
{
    __asm__ volatile("dmb oshst" : : : "memory");
}

static void before_load(void)
{
    __asm__ volatile("dmb oshld" : : : "memory");
}

#include "copy_blocks.h"

const struct peervma_copy_engine peervma_copy_arm64 = COPY_ENGINE("arm64");
