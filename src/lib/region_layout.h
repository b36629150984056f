/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How the region map lies in memory: for region_map.c, which reads it, and
 * region_change.c, which changes it.
 */
#ifndef PEERVMA_REGION_LAYOUT_H
#define PEERVMA_REGION_LAYOUT_H

#include <string.h>

#include "region_map.h"
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

static inline uintptr_t *map_keys(const struct peervma_region_map *map)
{
    return (uintptr_t *)((char *)map + KEYS_OFFSET);
}

static inline uint32_t *map_buckets(const struct peervma_region_map *map)
{
    return (uint32_t *)((char *)map + BUCKETS_OFFSET);
}

static inline uintptr_t *map_level(const struct peervma_region_map *map,
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

static inline struct entry *map_entries(const struct peervma_region_map *map)
{
    return (struct entry *)((char *)map + ENTRIES_OFFSET);
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

static inline void map_get(const struct peervma_region_map *map, size_t index,
                           peervma_region_t *region_p)
{
    struct entry entry;

    entry_load(map_entries(map) + index, &entry);
    entry_to_region(&entry, region_p);
}

/* The index of the highest region that begins at `address` or below. */
size_t peervma_region_map_search(const struct peervma_region_map *map,
                                 uintptr_t address);

#endif
