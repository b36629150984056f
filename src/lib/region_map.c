/* SPDX-License-Identifier: BSD-3-Clause */
#include "region_map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

/* A region as it is kept, without the reserved fields. */
#define ENTRY_BYTES offsetof(peervma_region_t, reserved)
#define ENTRY_WORDS (ENTRY_BYTES / sizeof(unsigned long))

struct entry {
    unsigned long words[ENTRY_WORDS];
};

#define BASE_WORD (offsetof(peervma_region_t, base) / sizeof(unsigned long))
#define LENGTH_WORD (offsetof(peervma_region_t, length) / sizeof(unsigned long))

_Static_assert(ENTRY_BYTES % sizeof(unsigned long) == 0,
               "an entry is copied in words");

/* Pages are made usable in steps that are whole pages on every machine. */
#define STEP 65536
#define STEP_REGIONS (STEP / sizeof(uintptr_t))
#define KEYS_OFFSET STEP
#define ENTRIES_OFFSET \
    (KEYS_OFFSET + PEERVMA_REGION_MAP_CAPACITY * sizeof(uintptr_t))
#define MAP_BYTES \
    (ENTRIES_OFFSET + PEERVMA_REGION_MAP_CAPACITY * sizeof(struct entry))

/*
 * At KEYS_OFFSET behind it lie the regions' first addresses, from high to low:
 * the kernel places a mapping below the ones it has, so most go to the end. At
 * ENTRIES_OFFSET lie the regions in the same order.
 */
struct peervma_region_map {
    unsigned sequence; /* odd while it is being changed */
    size_t count;
    size_t usable; /* regions that there are pages for */
};

static uintptr_t *map_keys(const struct peervma_region_map *map)
{
    return (uintptr_t *)((char *)map + KEYS_OFFSET);
}

static struct entry *map_entries(const struct peervma_region_map *map)
{
    return (struct entry *)((char *)map + ENTRIES_OFFSET);
}

int peervma_region_map_create(struct peervma_region_map **map_p)
{
    void *map;

    map = mmap(NULL, MAP_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        return -ENOMEM;
    }
    if (madvise(map, MAP_BYTES, MADV_WIPEONFORK) != 0 ||
        mprotect(map, STEP, PROT_READ | PROT_WRITE) != 0) {
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

static int map_reserve(struct peervma_region_map *map, size_t count)
{
    char *keys = (char *)(map_keys(map) + map->usable);
    char *entries = (char *)(map_entries(map) + map->usable);

    if (count <= map->usable) {
        return 0;
    }
    /* A change adds two regions at most, so one step is enough. */
    if (count > PEERVMA_REGION_MAP_CAPACITY ||
        mprotect(keys, STEP, PROT_READ | PROT_WRITE) != 0 ||
        mprotect(entries, STEP_REGIONS * sizeof(struct entry),
                 PROT_READ | PROT_WRITE) != 0) {
        return -ENOMEM;
    }

    map->usable += STEP_REGIONS;
    return 0;
}

/*
 * Word by word, both in and out: a wider load of what was just stored in words
 * would wait for the stores.
 */
static inline void entry_load(const struct entry *source, struct entry *copy)
{
#pragma GCC unroll 16
    for (size_t i = 0; i < ENTRY_WORDS; i++) {
        copy->words[i] = __atomic_load_n(&source->words[i], __ATOMIC_RELAXED);
    }
}

static inline void entry_to_region(const struct entry *entry,
                                   peervma_region_t *region_p)
{
#pragma GCC unroll 16
    for (size_t i = 0; i < ENTRY_WORDS; i++) {
        memcpy((char *)region_p + i * sizeof(entry->words[0]), &entry->words[i],
               sizeof(entry->words[0]));
    }
    memset(region_p->reserved, 0, sizeof(region_p->reserved));
}

static void map_get(const struct peervma_region_map *map, size_t index,
                    peervma_region_t *region_p)
{
    struct entry entry;

    entry_load(map_entries(map) + index, &entry);
    entry_to_region(&entry, region_p);
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

void peervma_region_map_end(struct peervma_region_map *map)
{
    __atomic_store_n(&map->sequence, map->sequence + 1, __ATOMIC_RELEASE);
}

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

/*
 * The index of the highest region that begins at `address` or below. Without a
 * branch that depends on the keys, which nobody could predict.
 */
static size_t map_search(const struct peervma_region_map *map,
                         uintptr_t address)
{
    const uintptr_t *keys = map_keys(map);
    size_t left = peervma_region_map_count(map), half;
    uintptr_t key;

    if (left == 0) {
        return 0;
    }
    for (; left > 1; left -= half) {
        half = left / 2;
        key = __atomic_load_n(&keys[half - 1], __ATOMIC_RELAXED);
        keys += half & -(size_t)(key > address);
    }
    key = __atomic_load_n(keys, __ATOMIC_RELAXED);
    return (size_t)(keys - map_keys(map)) + (key > address);
}

/* The region that contains `address`, or else the next if `or_next`. */
static inline int map_read(const struct peervma_region_map *map,
                           uintptr_t address, bool or_next,
                           peervma_region_t *region_p)
{
    struct entry entry;
    unsigned sequence;
    bool found = false;
    size_t index;

    if (!read_begin(map, &sequence)) {
        return -EAGAIN;
    }
    index = map_search(map, address);
    if (index < peervma_region_map_count(map)) {
        entry_load(map_entries(map) + index, &entry);
        found = address - entry.words[BASE_WORD] < entry.words[LENGTH_WORD];
    }
    if (!found && or_next && index > 0) {
        entry_load(map_entries(map) + index - 1, &entry);
        found = true;
    }
    if (!read_end(map, sequence)) {
        return -EAGAIN;
    }

    if (!found) {
        return -ENOENT;
    }
    entry_to_region(&entry, region_p);
    return 0;
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

bool peervma_region_map_has(const struct peervma_region_map *map,
                            uintptr_t base, size_t length)
{
    size_t index = map_search(map, base);
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
    size_t first = map_search(map, end - 1), behind = first, count = 0;
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
    __atomic_store_n(&map->count, 0, __ATOMIC_RELEASE);
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
}
