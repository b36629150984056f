/* SPDX-License-Identifier: BSD-3-Clause */
/* What is placed in accelerator memory, and what became of it. */
#ifndef PEERVMA_ALLOC_PLACE_H
#define PEERVMA_ALLOC_PLACE_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes; smaller allocations are none of ours. SIZE_MAX: nothing is placed. */
extern size_t place_min;

struct place {
    size_t length;    /* bytes */
    size_t alignment; /* a power of two; 0: whatever a mapping has */
    bool zeroed;
    bool heap; /* of the malloc family */
};

/*
 * Is an allocation of this length, asked for from the code at `caller`, one to
 * be placed? Not where transports allocate for themselves: they hand such
 * memory to a kernel that pins its pages, and device memory has none.
 */
bool place_wants(size_t length, const void *caller);

/*
 * Memory on the accelerator, in a range of its own in ranges.h. NULL if there
 * is none. errno stays as it is.
 */
void *place_take(const struct place *place);

/* Give back what ranges_take_heap() took out. errno stays as it is. */
void place_free(void *ptr, size_t length);

/* An allocation that place_take() had no room for went to host memory, unless
 * `ptr` is NULL. Returns `ptr`. */
void *place_count_host(void *ptr, size_t length);

/* In the child of a fork(): nothing was placed yet. */
void place_lock(void);
void place_unlock(void);
void place_forget(void);

#endif
