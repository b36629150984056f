/* SPDX-License-Identifier: BSD-3-Clause */
/* Looking regions up. */
#include "region_map.h"

#include <errno.h>

#include "region_layout.h"

/* False if a change is under way. */
static bool read_begin(const struct peervma_region_map *map,
                       unsigned *sequence_p)
{
    *sequence_p = __atomic_load_n(&map->sequence, __ATOMIC_ACQUIRE);
    return (*sequence_p & 1) == 0;
}

/* True if no change interfered since read_begin(). */
static bool read_end(const struct peervma_region_map *map, unsigned sequence)
{
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return __atomic_load_n(&map->sequence, __ATOMIC_RELAXED) == sequence;
}

size_t peervma_region_map_count(const struct peervma_region_map *map)
{
    return __atomic_load_n(&map->count, __ATOMIC_ACQUIRE);
}

/* Search the levels. */
static inline __attribute__((always_inline)) size_t map_search_levels(
    const struct peervma_region_map *map, uintptr_t address,
    peervma_count_t count_above)
{
    unsigned level = __atomic_load_n(&map->depth, __ATOMIC_RELAXED);
    size_t node = 0, above;

    for (; level > 0; level--) {
        above = count_above(map_level(map, level) + node * PEERVMA_NODE_KEYS,
                            PEERVMA_NODE_KEYS, address);
        node = node * PEERVMA_NODE_KEYS + above - (above != 0);
    }
    return node * PEERVMA_NODE_KEYS +
           count_above(map_keys(map) + node * PEERVMA_NODE_KEYS,
                       PEERVMA_NODE_KEYS, address);
}

/* The index of the highest region that begins at `address` or below. */
static inline __attribute__((always_inline)) size_t map_search_by(
    const struct peervma_region_map *map, uintptr_t address,
    peervma_count_t count_above)
{
    unsigned shift = __atomic_load_n(&map->shift, __ATOMIC_RELAXED);
    uintptr_t top = __atomic_load_n(&map->top, __ATOMIC_RELAXED);
    uintptr_t last = __atomic_load_n(&map->last, __ATOMIC_RELAXED);
    size_t bucket, index, above;

    /* No mapping lies above, and vectors are compared with their sign. */
    address = address < INTPTR_MAX ? address : INTPTR_MAX;
    if (shift != 0) {
        bucket = (address < top ? top - address : 0) >> shift;
        bucket = bucket < last ? bucket : last;
        index = __atomic_load_n(&map_buckets(map)[bucket], __ATOMIC_RELAXED);
        /* It is this one or the next, most often. */
        __builtin_prefetch(map_entries(map) + index);
        above = count_above(map_keys(map) + index, BUCKET_KEYS, address);
        if (__builtin_expect(above < BUCKET_KEYS, 1)) {
            return index + above;
        }
    }
    return map_search_levels(map, address, count_above);
}

size_t peervma_region_map_search(const struct peervma_region_map *map,
                                 uintptr_t address)
{
    return map_search_by(map, address, peervma_count_above);
}

static inline int read_entry(const struct peervma_region_map *map,
                             unsigned sequence, const struct entry *entry,
                             peervma_region_t *region_p)
{
    if (!read_end(map, sequence)) {
        return -EAGAIN;
    }
    entry_to_region(entry, region_p);
    return 0;
}

/* The region that contains `address`, or else the next if `or_next`. */
static inline __attribute__((always_inline)) int map_read_by(
    const struct peervma_region_map *map, uintptr_t address, bool or_next,
    peervma_region_t *region_p, peervma_count_t count_above)
{
    struct entry entry;
    unsigned sequence;
    size_t index;

    if (!read_begin(map, &sequence)) {
        return -EAGAIN;
    }
    index = map_search_by(map, address, count_above);
    if (index < peervma_region_map_count(map)) {
        entry_load(map_entries(map) + index, &entry);
        if (address - entry.words[BASE_WORD] < entry.words[LENGTH_WORD]) {
            return read_entry(map, sequence, &entry, region_p);
        }
    }
    if (or_next && index > 0) {
        entry_load(map_entries(map) + index - 1, &entry);
        return read_entry(map, sequence, &entry, region_p);
    }
    return read_end(map, sequence) ? -ENOENT : -EAGAIN;
}

#ifdef PEERVMA_HAVE_AVX2
PEERVMA_TARGET_AVX2 static int map_read_avx2(
    const struct peervma_region_map *map, uintptr_t address, bool or_next,
    peervma_region_t *region_p)
{
    return map_read_by(map, address, or_next, region_p,
                       peervma_count_above_avx2);
}
#endif

static inline int map_read(const struct peervma_region_map *map,
                           uintptr_t address, bool or_next,
                           peervma_region_t *region_p)
{
#ifdef PEERVMA_HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        return map_read_avx2(map, address, or_next, region_p);
    }
#endif
    return map_read_by(map, address, or_next, region_p, peervma_count_above);
}

int peervma_region_map_find(const struct peervma_region_map *map,
                            uintptr_t address, peervma_region_t *region_p)
{
    return map_read(map, address, false, region_p);
}

int peervma_region_map_next(const struct peervma_region_map *map,
                            uintptr_t address, peervma_region_t *region_p)
{
    return map_read(map, address, true, region_p);
}
