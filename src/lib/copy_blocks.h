/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions of a copy engine, out of how its instruction set moves one
 * block. Who includes this has defined, all of them inline:
 *
 *     TARGET                        attribute of the instruction set, or
 * nothing block_t                       a block in registers load_host(const
 * char *)       from any address load_device(const char *)     from a block of
 * the device, for once only store_host(char *, block_t)   to any address
 *     store_device(char *, block_t) to a block of the device
 *     stream(char *, block_t)       to any block, past the cache
 *     after_store(), before_load()  see struct peervma_copy_engine
 */
#include "copy.h"

/* One after the other without a branch: loads that miss then overlap. */
#define COPY_1(_load, _store)       \
    do {                            \
        _store(to, _load(from));    \
        to += PEERVMA_COPY_BLOCK;   \
        from += PEERVMA_COPY_BLOCK; \
    } while (0)
#define COPY_2(_load, _store) \
    COPY_1(_load, _store);    \
    COPY_1(_load, _store)
#define COPY_4(_load, _store) \
    COPY_2(_load, _store);    \
    COPY_2(_load, _store)
#define COPY_8(_load, _store) \
    COPY_4(_load, _store);    \
    COPY_4(_load, _store)

#define DEFINE_COPY(_name, _load, _store)                               \
    TARGET static void _name(char *to, const char *from, size_t length) \
    {                                                                   \
        for (; length >= 8 * PEERVMA_COPY_BLOCK;                        \
             length -= 8 * PEERVMA_COPY_BLOCK) {                        \
            COPY_8(_load, _store);                                      \
        }                                                               \
        if (length & (4 * PEERVMA_COPY_BLOCK)) {                        \
            COPY_4(_load, _store);                                      \
        }                                                               \
        if (length & (2 * PEERVMA_COPY_BLOCK)) {                        \
            COPY_2(_load, _store);                                      \
        }                                                               \
        if (length & PEERVMA_COPY_BLOCK) {                              \
            COPY_1(_load, _store);                                      \
        }                                                               \
    }

DEFINE_COPY(copy_store, load_host, store_device)
DEFINE_COPY(copy_store_stream, load_host, stream)
DEFINE_COPY(copy_load, load_device, store_host)
DEFINE_COPY(copy_load_stream, load_device, stream)

#define COPY_ENGINE(_name)                                           \
    {                                                                \
        .name = _name, .usable = usable, .store = copy_store,        \
        .store_stream = copy_store_stream, .load = copy_load,        \
        .load_stream = copy_load_stream, .after_store = after_store, \
        .before_load = before_load                                   \
    }
