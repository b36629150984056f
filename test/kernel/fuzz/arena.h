/* SPDX-License-Identifier: BSD-3-Clause */
/* Address space that is mapped, unmapped, protected and moved at random. */
#ifndef ARENA_H
#define ARENA_H

#include "fuzz.h"

/* The pages [first, end) of the VMA that page `at` of the own arena is in. */
typedef struct span {
    unsigned first;
    unsigned end;
} span_t;

span_t arena_vma(const worker_t *worker, unsigned at);

/* Change the own arena and its record; the shared arena. */
void arena_change(worker_t *worker);
void shared_arena_change(worker_t *worker);

/* Unmap all of the own arena, or all mappings of an object in it. */
void arena_clear(worker_t *worker);
void arena_forget(worker_t *worker, const object_t *object);

#endif
