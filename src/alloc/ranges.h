/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which address ranges were placed: a sorted array under a lock, in memory of
 * its own. Nothing here calls the allocator or any function that is hooked, so
 * that it can be called from within one.
 */
#ifndef PEERVMA_ALLOC_RANGES_H
#define PEERVMA_ALLOC_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uintptr_t start;
    size_t length;
    bool heap;  /* of the malloc family: no part of it is unmapped */
    bool host;  /* a forked child's copy in host memory */
    void *copy; /* while a process forks */
};

/* 0 or -ENOMEM. */
int ranges_add(const struct range *range);

/* The range of the malloc family that begins at `ptr`, if there is one. */
bool ranges_find_heap(const void *ptr, struct range *range_p);

/* The same, and it is one no more. */
bool ranges_take_heap(const void *ptr, struct range *range_p);

/* The range that has all of these bytes in it. */
bool ranges_find_around(const void *address, size_t length,
                        struct range *range_p);

/* What overlaps with these bytes is ours no more, and the rest stays. */
void ranges_cut(const void *address, size_t length);

/* Does any range overlap with these bytes? */
bool ranges_overlap(const void *address, size_t length);

/* For fork(): all ranges, while none changes. */
void ranges_lock(void);
void ranges_unlock(void);
void ranges_foreach(void (*cb)(struct range *range));

#endif
