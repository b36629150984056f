/* SPDX-License-Identifier: BSD-3-Clause */
/* Making the region map, and changing it. */
#include "region_map.h"

#include <errno.h>
#include <sys/mman.h>

#include "region_layout.h"

static int map_reserve(struct peervma_region_map *map, size_t count)
{
    char *keys = (char *)(map_keys(map) + map->usable);
    char *entries = (char *)(map_entries(map) + map->usable);

    if (count > PEERVMA_REGION_MAP_CAPACITY) {
        return -ENOMEM;
    }
    if (count + BUCKET_KEYS <= map->usable) {
        return 0;
    }
    /* A change adds two regions at most, so one step is enough. */
    if (mprotect(keys, STEP, PROT_READ | PROT_WRITE) != 0 ||
        mprotect(entries, STEP_REGIONS * sizeof(struct entry),
                 PROT_READ | PROT_WRITE) != 0) {
        return -ENOMEM;
    }

    map->usable += STEP_REGIONS;
    return 0;
}

int peervma_region_map_create(struct peervma_region_map **map_p)
{
    void *map;

    map = mmap(NULL, MAP_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return -ENOMEM;
    }
    if (madvise(map, MAP_BYTES, MADV_WIPEONFORK) != 0 ||
        mprotect(map, KEYS_OFFSET, PROT_READ | PROT_WRITE) != 0 ||
        map_reserve(map, 0) != 0) { /* a search reads a node of keys */
        munmap(map, MAP_BYTES);
        return -ENOMEM;
    }

    *map_p = map;
    return 0;
}

void peervma_region_map_destroy(struct peervma_region_map *map)
{
    if (map != NULL) {
        munmap(map, MAP_BYTES);
    }
}

static void map_put_entry(struct peervma_region_map *map, size_t index,
                          uintptr_t key, const struct entry *entry)
{
    struct entry *target = map_entries(map) + index;
    size_t i;

    __atomic_store_n(map_keys(map) + index, key, __ATOMIC_RELAXED);
    for (i = 0; i < ENTRY_WORDS; i++) {
        __atomic_store_n(&target->words[i], entry->words[i], __ATOMIC_RELAXED);
    }
}

static void map_put(struct peervma_region_map *map, size_t index,
                    const peervma_region_t *region)
{
    struct entry entry;

    memcpy(&entry, region, sizeof(entry));
    map_put_entry(map, index, region->base, &entry);
}

static void map_move(struct peervma_region_map *map, size_t to, size_t from)
{
    map_put_entry(map, to, map_keys(map)[from], map_entries(map) + from);
}

void peervma_region_map_begin(struct peervma_region_map *map)
{
    __atomic_store_n(&map->sequence, map->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

/*
 * Bring the levels up to date where keys from `first` on have changed; the
 * buckets are made anew at the end of all changes.
 */
static void map_index(struct peervma_region_map *map, size_t first,
                      size_t count_before)
{
    size_t count = map->count, end, i;
    unsigned level, shift, depth = 0;
    uintptr_t *keys;

    end = count > count_before ? count : count_before;
    for (i = count; i < end; i++) {
        __atomic_store_n(map_keys(map) + i, 0, __ATOMIC_RELAXED);
    }
    for (level = 1; level < LEVELS; level++) {
        shift = level * PEERVMA_NODE_SHIFT;
        keys = map_level(map, level);
        i = (first + (1UL << shift) - 1) >> shift;
        for (; i << shift < end; i++) {
            __atomic_store_n(&keys[i], map_keys(map)[i << shift],
                             __ATOMIC_RELAXED);
        }
        if (count > 1UL << shift) {
            depth = level;
        }
    }
    __atomic_store_n(&map->depth, depth, __ATOMIC_RELAXED);
    __atomic_store_n(&map->shift, 0, __ATOMIC_RELAXED);
}

/* Where one node is not all: about as many buckets as regions. */
static void map_make_buckets(struct peervma_region_map *map)
{
    const uintptr_t *keys = map_keys(map);
    size_t count = map->count, bucket = 0, i;
    unsigned shift = 1, buckets = PEERVMA_NODE_KEYS;
    uintptr_t span;

    if (count <= PEERVMA_NODE_KEYS) {
        return;
    }
    while (buckets < MAX_BUCKETS && buckets < count) {
        buckets *= 2;
    }
    span = keys[0] - keys[count - 1];
    while (span >> shift >= buckets) {
        shift++;
    }
    for (i = 0; i < count; i++) {
        for (; bucket <= (keys[0] - keys[i]) >> shift; bucket++) {
            __atomic_store_n(&map_buckets(map)[bucket], (uint32_t)i,
                             __ATOMIC_RELAXED);
        }
    }
    __atomic_store_n(&map->top, keys[0], __ATOMIC_RELAXED);
    __atomic_store_n(&map->last, (unsigned)bucket - 1, __ATOMIC_RELAXED);
    __atomic_store_n(&map->shift, shift, __ATOMIC_RELAXED);
}

void peervma_region_map_end(struct peervma_region_map *map)
{
    if (map->shift == 0) {
        map_make_buckets(map);
    }
    __atomic_store_n(&map->sequence, map->sequence + 1, __ATOMIC_RELEASE);
}

bool peervma_region_map_has(const struct peervma_region_map *map,
                            uintptr_t base, size_t length)
{
    size_t index = peervma_region_map_search(map, base);
    peervma_region_t region;

    if (index == map->count) {
        return false;
    }
    map_get(map, index, &region);
    return region.base == base && region.length == length;
}

/* Put `added` regions in place of the `removed` ones that begin at `at`. */
static int map_splice(struct peervma_region_map *map, size_t at, size_t removed,
                      const peervma_region_t *regions, size_t added)
{
    size_t count = map->count, behind = at + removed, i;
    int ret;

    ret = map_reserve(map, count - removed + added);
    if (ret != 0) {
        added = 0;
    }
    if (removed == 0 && added == 0) {
        return ret;
    }

    if (added < removed) {
        for (i = behind; i < count; i++) {
            map_move(map, i - removed + added, i);
        }
    } else if (added > removed) {
        for (i = count; i > behind; i--) {
            map_move(map, i - 1 - removed + added, i - 1);
        }
    }
    for (i = 0; i < added; i++) {
        map_put(map, at + i, &regions[i]);
    }
    __atomic_store_n(&map->count, count - removed + added, __ATOMIC_RELEASE);
    map_index(map, at, count);
    return ret;
}

/* The part of a region from `start` on. */
static void region_trim(peervma_region_t *region, uintptr_t start)
{
    size_t cut = start - region->base;

    if (region->object_size != 0) {
        region->object_offset += cut;
    }
    region->base = start;
    region->length -= cut;
}

/* Replace whatever is in [start, end) by `region`, or by nothing if NULL. */
static int map_replace(struct peervma_region_map *map, uintptr_t start,
                       uintptr_t end, const peervma_region_t *region)
{
    size_t first = peervma_region_map_search(map, end - 1), behind = first,
           count = 0;
    peervma_region_t part, parts[3];

    for (; behind < map->count; behind++) {
        map_get(map, behind, &part);
        if (part.base + part.length <= start) {
            break;
        }
        if (behind == first && part.base + part.length > end) {
            parts[count] = part;
            region_trim(&parts[count++], end);
        }
    }
    if (region != NULL) {
        parts[count++] = *region;
    }
    if (behind > first) {
        map_get(map, behind - 1, &part);
        if (part.base < start) {
            part.length = start - part.base;
            parts[count++] = part;
        }
    }
    return map_splice(map, first, behind - first, parts, count);
}

int peervma_region_map_cut(struct peervma_region_map *map, uintptr_t start,
                           uintptr_t end)
{
    return start < end ? map_replace(map, start, end, NULL) : 0;
}

int peervma_region_map_insert(struct peervma_region_map *map,
                              const peervma_region_t *region)
{
    return map_replace(map, region->base, region->base + region->length,
                       region);
}

void peervma_region_map_clear(struct peervma_region_map *map)
{
    size_t count = map->count;

    __atomic_store_n(&map->count, 0, __ATOMIC_RELEASE);
    map_index(map, 0, count);
}

int peervma_region_map_push(struct peervma_region_map *map,
                            const peervma_region_t *region)
{
    return map_splice(map, map->count, 0, region, 1);
}

void peervma_region_map_turn(struct peervma_region_map *map)
{
    peervma_region_t low, high;
    size_t i, j;

    for (i = 0, j = map->count; i + 1 < j; i++) {
        j--;
        map_get(map, i, &low);
        map_get(map, j, &high);
        map_put(map, i, &high);
        map_put(map, j, &low);
    }
    map_index(map, 0, map->count);
}
