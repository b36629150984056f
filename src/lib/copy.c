/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Device memory may be mapped write-combining or uncached, and a load from it
 * is a round trip over the bus. So each byte of it is accessed once, naturally
 * aligned and as wide as can be: up to the first block by parts, whole blocks
 * by the engine of the CPU, the rest by parts.
 */
#include "copy.h"

#include <stdint.h>
#include <string.h>

#include "peervma.h"

#define BLOCK PEERVMA_COPY_BLOCK

/*
 * The shortest copy for which it pays to store past the cache, where memory is
 * cached at all: shorter ones wait longer at the fence than they save. Stores
 * to write-combining memory are joined to blocks and pass by it in any case.
 */
#define STREAM ((size_t)4096)

/*
 * What is loaded at a time where the sides are aligned unlike: so little that
 * the next loads begin while it is stored.
 */
#define STAGE (8 * BLOCK)

typedef peervma_copy_vector_t vector_t;

#define WIDEST sizeof(vector_t)

/*
 * One device access of a whole type: volatile keeps the compiler from splitting
 * or joining it, memcpy allows any alignment on the host side.
 */
#define DEFINE_ACCESS(_type)                                         \
    typedef _type device_##_type __attribute__((may_alias));         \
    static inline void store_##_type(char *device, const char *host) \
    {                                                                \
        _type value;                                                 \
        memcpy(&value, host, sizeof(value));                         \
        *(volatile device_##_type *)device = value;                  \
    }                                                                \
    static inline void load_##_type(char *host, const char *device)  \
    {                                                                \
        _type value = *(const volatile device_##_type *)device;      \
        memcpy(host, &value, sizeof(value));                         \
    }

DEFINE_ACCESS(uint8_t)
DEFINE_ACCESS(uint16_t)
DEFINE_ACCESS(uint32_t)
DEFINE_ACCESS(uint64_t)
DEFINE_ACCESS(vector_t)

/* The largest power of two up to WIDEST that fits and `device` is aligned to.
 */
static inline size_t step_length(const char *device, size_t length)
{
    size_t aligned = (uintptr_t)device | WIDEST;
    size_t step = aligned & -aligned;

    while (step > length) {
        step /= 2;
    }
    return step;
}

static void store_parts(char *device, const char *host, size_t length)
{
    size_t step;

    for (; length > 0; device += step, host += step, length -= step) {
        step = step_length(device, length);
        switch (step) {
        case sizeof(vector_t):
            store_vector_t(device, host);
            break;
        case sizeof(uint64_t):
            store_uint64_t(device, host);
            break;
        case sizeof(uint32_t):
            store_uint32_t(device, host);
            break;
        case sizeof(uint16_t):
            store_uint16_t(device, host);
            break;
        default:
            store_uint8_t(device, host);
            break;
        }
    }
}

static void load_parts(char *host, const char *device, size_t length)
{
    size_t step;

    for (; length > 0; device += step, host += step, length -= step) {
        step = step_length(device, length);
        switch (step) {
        case sizeof(vector_t):
            load_vector_t(host, device);
            break;
        case sizeof(uint64_t):
            load_uint64_t(host, device);
            break;
        case sizeof(uint32_t):
            load_uint32_t(host, device);
            break;
        case sizeof(uint16_t):
            load_uint16_t(host, device);
            break;
        default:
            load_uint8_t(host, device);
            break;
        }
    }
}

/* The bytes before the first block of the device. */
static size_t head_length(const char *device, size_t length)
{
    size_t head = -(uintptr_t)device % BLOCK;

    return head < length ? head : length;
}

void peervma_copy_store(const struct peervma_copy_engine *engine, void *device,
                        const void *host, size_t length)
{
    size_t head = head_length(device, length);
    size_t body = (length - head) / BLOCK * BLOCK, done = head + body;
    const char *from = host;
    char *to = device;

    store_parts(to, from, head);
    if (length < STREAM) {
        engine->store(to + head, from + head, body);
    } else {
        engine->store_stream(to + head, from + head, body);
    }
    store_parts(to + done, from + done, length - done);
    engine->after_store();
}

/*
 * To a host side that is not aligned to a block: what passes by the cache must
 * be whole blocks there, too. So blocks of the device lie in the cache for a
 * moment, and those of the host are cut out of them.
 */
static void load_shifted(const struct peervma_copy_engine *engine, char *to,
                         const char *from, size_t length)
{
    __attribute__((aligned(BLOCK))) char stage[BLOCK + STAGE];
    char *const filled = stage + BLOCK; /* bytes left over lie before it */
    size_t head = head_length(to, length), left = 0, part, ready;
    const char *first;

    for (; length > 0; from += part, length -= part) {
        part = length < STAGE ? length : STAGE;
        engine->load(filled, from, part);
        memcpy(to, filled, head);
        to += head;
        first = filled - left + head;
        ready = (left + part - head) / BLOCK * BLOCK;
        engine->store_stream(to, first, ready);
        to += ready;
        left = left + part - head - ready;
        memcpy(filled - left, first + ready, left);
        head = 0;
    }
    memcpy(to, filled - left, left);
}

void peervma_copy_load(const struct peervma_copy_engine *engine, void *host,
                       const void *device, size_t length)
{
    size_t head = head_length(device, length);
    size_t body = (length - head) / BLOCK * BLOCK, done = head + body;
    const char *from = device;
    char *to = host;

    engine->before_load();
    load_parts(to, from, head);
    if (length < STREAM) {
        engine->load(to + head, from + head, body);
    } else if ((uintptr_t)(to + head) % BLOCK != 0) {
        load_shifted(engine, to + head, from + head, body);
        engine->after_store();
    } else {
        engine->load_stream(to + head, from + head, body);
        engine->after_store();
    }
    load_parts(to + done, from + done, length - done);
}

const struct peervma_copy_engine *const peervma_copy_engines[] = {
#if defined(__x86_64__)
    &peervma_copy_avx512,   &peervma_copy_avx2,
    &peervma_copy_sse41,
#elif defined(__aarch64__)
    &peervma_copy_arm64,
#endif
    &peervma_copy_portable, NULL,
};

/* Chosen once. Threads that do so at the same time choose the same. */
static const struct peervma_copy_engine *best_engine(void)
{
    static const struct peervma_copy_engine *best;
    const struct peervma_copy_engine *engine =
        __atomic_load_n(&best, __ATOMIC_RELAXED);
    unsigned i;

    if (engine == NULL) {
        for (i = 0; !peervma_copy_engines[i]->usable(); i++) {
        }
        engine = peervma_copy_engines[i];
        __atomic_store_n(&best, engine, __ATOMIC_RELAXED);
    }
    return engine;
}

void peervma_copy_to_device(void *device, const void *host, size_t length)
{
    peervma_copy_store(best_engine(), device, host, length);
}

void peervma_copy_from_device(void *host, const void *device, size_t length)
{
    peervma_copy_load(best_engine(), host, device, length);
}
