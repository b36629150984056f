/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The regions of a process, sorted by address.
 *
 * One thread at a time may change the map, between peervma_region_map_begin()
 * and peervma_region_map_end(); the caller sees to that. Any number may read it
 * meanwhile, without lock: a sequence number tells a reader that a change
 * interfered. It lies in memory that the kernel wipes in a forked child, where
 * it is an empty map, whatever the parent was doing to it.
 */
#ifndef PEERVMA_REGION_MAP_H
#define PEERVMA_REGION_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "peervma.h"

struct peervma_region_map;

/* A process can have 65,530 mappings unless the administrator allows more. */
#define PEERVMA_REGION_MAP_CAPACITY (1U << 20)

/* 0 or -ENOMEM. Takes address space only; memory as regions come. */
int peervma_region_map_create(struct peervma_region_map **map_p);
void peervma_region_map_destroy(struct peervma_region_map *map);

/*
 * The region that contains `address`. 0, -ENOENT, or -EAGAIN if the map was
 * being changed: ask again where nobody changes it.
 */
int peervma_region_map_find(const struct peervma_region_map *map,
                            uintptr_t address, peervma_region_t *region_p);

/* The first region that ends after `address`. As above. */
int peervma_region_map_next(const struct peervma_region_map *map,
                            uintptr_t address, peervma_region_t *region_p);

size_t peervma_region_map_count(const struct peervma_region_map *map);

/* The following are for the thread that changes the map. */
void peervma_region_map_begin(struct peervma_region_map *map);
void peervma_region_map_end(struct peervma_region_map *map);

/* Is exactly this range a region? */
bool peervma_region_map_has(const struct peervma_region_map *map,
                            uintptr_t base, size_t length);

/*
 * Cut [start, end) out. What is left of a region that it divides keeps its
 * generation. 0 or -ENOMEM; then more is gone than should.
 */
int peervma_region_map_cut(struct peervma_region_map *map, uintptr_t start,
                           uintptr_t end);

/* Put a region in, in place of what overlaps it. 0 or -ENOMEM. */
int peervma_region_map_insert(struct peervma_region_map *map,
                              const peervma_region_t *region);

void peervma_region_map_clear(struct peervma_region_map *map);

/*
 * Fill an empty map quickly: push the regions from low to high, then turn it.
 * In between nothing else may be done with it. 0 or -ENOMEM.
 */
int peervma_region_map_push(struct peervma_region_map *map,
                            const peervma_region_t *region);
void peervma_region_map_turn(struct peervma_region_map *map);

#endif
