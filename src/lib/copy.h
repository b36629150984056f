/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies by the CPU between host memory and device memory. An engine is one
 * instruction set's way to move whole blocks; copy.c does the rest.
 */
#ifndef PEERVMA_COPY_H
#define PEERVMA_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One instruction moves it where the CPU has vectors at all. */
typedef uint64_t peervma_copy_vector_t __attribute__((vector_size(16)));

/* A write-combining buffer, and what a bus carries in one transaction. */
#define PEERVMA_COPY_BLOCK ((size_t)64)

/* Copies `length` bytes, a multiple of a block. */
typedef void (*peervma_copy_blocks_t)(char *to, const char *from,
                                      size_t length);

/* The device side is aligned to a block, the host side need not be. */
struct peervma_copy_engine {
    const char *name;
    bool (*usable)(void);               /* on this CPU */
    peervma_copy_blocks_t store;        /* to the device */
    peervma_copy_blocks_t store_stream; /* the same past the cache */
    peervma_copy_blocks_t load;         /* from the device */
    /* The same past the cache; the host side is aligned to a block, too. */
    peervma_copy_blocks_t load_stream;
    void (*after_store)(void); /* later stores stay behind the earlier ones */
    void (*before_load)(void); /* later loads stay behind the earlier ones */
};

extern const struct peervma_copy_engine peervma_copy_portable;
#if defined(__x86_64__)
extern const struct peervma_copy_engine peervma_copy_sse41;
extern const struct peervma_copy_engine peervma_copy_avx2;
extern const struct peervma_copy_engine peervma_copy_avx512;
#elif defined(__aarch64__)
extern const struct peervma_copy_engine peervma_copy_arm64;
#endif

/* The best comes first, the portable one last; then NULL. */
extern const struct peervma_copy_engine *const peervma_copy_engines[];

/* peervma_copy_to_device() and peervma_copy_from_device() by one engine. */
void peervma_copy_store(const struct peervma_copy_engine *engine, void *device,
                        const void *host, size_t length);
void peervma_copy_load(const struct peervma_copy_engine *engine, void *host,
                       const void *device, size_t length);

#endif
