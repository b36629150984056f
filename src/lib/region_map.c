/* SPDX-License-Identifier: BSD-3-Clause */
#include "region_map.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "region_search.h"

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
#define MAX_BUCKETS 131072U /* whole steps of them */
#define BUCKET_KEYS 4U
#define LEVEL_1_KEYS (PEERVMA_REGION_MAP_CAPACITY >> PEERVMA_NODE_SHIFT)
#define BUCKETS_OFFSET (STEP + LEVEL_1_KEYS * sizeof(uintptr_t))
#define KEYS_OFFSET (BUCKETS_OFFSET + MAX_BUCKETS * sizeof(uint32_t))
/* With a step behind, as the keys of a bucket are read BUCKET_KEYS at a time.
 */
#define PLACES (PEERVMA_REGION_MAP_CAPACITY + STEP_REGIONS)
#define ENTRIES_OFFSET (KEYS_OFFSET + PLACES * sizeof(uintptr_t))
#define MAP_BYTES (ENTRIES_OFFSET + PLACES * sizeof(struct entry))

/*
 * At KEYS_OFFSET behind it lie the regions' first addresses, from high to low:
 * the kernel places a mapping below the ones it has, so most go to the end. At
 * ENTRIES_OFFSET lie the regions in the same order.
 *
 * They are found through buckets, equal pieces of the address space between the
 * first and the last key: at BUCKETS_OFFSET lies how many keys are above each.
 * Mappings mostly lie close together, so few are in one. Where they do not, and
 * while a change is being made, they are searched as a tree: level 0 are the
 * keys in nodes of 16, and each level above has the first key of each node
 * below. Unused places are zero. So a key that a reader finds there is, or was,
 * that of a node with pages, and a search is safe at any moment, if not right.
 */
struct peervma_region_map {
    unsigned sequence; /* odd while it is being changed */
    unsigned depth;    /* the level whose first node is all of it */
    unsigned shift;    /* of an address to its bucket; 0: there are none */
    unsigned last;     /* the last bucket */
    uintptr_t top;     /* the first key, from which buckets are counted */
    size_t count;
    size_t usable; /* regions that there are pages for */
    uintptr_t level_4[LEVEL_1_KEYS >> 3 * PEERVMA_NODE_SHIFT]
        __attribute__((aligned(64)));
    uintptr_t level_3[LEVEL_1_KEYS >> 2 * PEERVMA_NODE_SHIFT];
    uintptr_t level_2[LEVEL_1_KEYS >> PEERVMA_NODE_SHIFT];
};

#define LEVELS 5

_Static_assert(sizeof(struct peervma_region_map) <= STEP,
               "it ends before level 1");
_Static_assert(PEERVMA_REGION_MAP_CAPACITY == 1U << LEVELS * PEERVMA_NODE_SHIFT,
               "the topmost level is a node");

static uintptr_t *map_keys(const struct peervma_region_map *map)
{
    return (uintptr_t *)((char *)map + KEYS_OFFSET);
}

static uint32_t *map_buckets(const struct peervma_region_map *map)
{
    return (uint32_t *)((char *)map + BUCKETS_OFFSET);
}

static uintptr_t *map_level(const struct peervma_region_map *map,
                            unsigned level)
{
    switch (level) {
    case 0:
        return map_keys(map);
    case 1:
        return (uintptr_t *)((char *)map + STEP);
    case 2:
        return (uintptr_t *)map->level_2;
    case 3:
        return (uintptr_t *)map->level_3;
    default:
        return (uintptr_t *)map->level_4;
    }
}

static struct entry *map_entries(const struct peervma_region_map *map)
{
    return (struct entry *)((char *)map + ENTRIES_OFFSET);
}

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

static size_t map_search(const struct peervma_region_map *map,
                         uintptr_t address)
{
    return map_search_by(map, address, peervma_count_above);
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
