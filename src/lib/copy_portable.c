/* SPDX-License-Identifier: BSD-3-Clause */
/* The copy engine for any instruction set. */
#include <string.h>

#include "copy.h"

#define TARGET

typedef peervma_copy_vector_t vector_t;
typedef vector_t device_vector_t __attribute__((may_alias));

typedef struct block {
    vector_t a, b, c, d;
} block_t;

_Static_assert(sizeof(block_t) == PEERVMA_COPY_BLOCK, "no padding");

static bool usable(void)
{
    return true;
}

static inline block_t load_host(const char *from)
{
    block_t block;

    memcpy(&block, from, sizeof(block));
    return block;
}

/* volatile: the device is not read twice, nor by other instructions. */
static inline block_t load_device(const char *from)
{
    const volatile device_vector_t *part = (const volatile void *)from;

    return (block_t){part[0], part[1], part[2], part[3]};
}

static inline void store_host(char *to, block_t block)
{
    memcpy(to, &block, sizeof(block));
}

static inline void store_device(char *to, block_t block)
{
    volatile device_vector_t *part = (volatile void *)to;

    part[0] = block.a;
    part[1] = block.b;
    part[2] = block.c;
    part[3] = block.d;
}

static inline void stream(char *to, block_t block)
{
    store_device(to, block);
}

static void after_store(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void before_load(void)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#include "copy_blocks.h"

const struct peervma_copy_engine peervma_copy_portable =
    COPY_ENGINE("portable");
