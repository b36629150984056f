/* SPDX-License-Identifier: BSD-3-Clause */
#include "beyond.h"

#include <pthread.h>
#include <stdatomic.h>

/* More wrong requests than these are not under way in one process. */
#define MAX_RANGES 64

typedef struct {
    uintptr_t first; /* of the request */
    uintptr_t start; /* of what lies behind the mapping */
    uintptr_t end;   /* 0: not in use */
    int is_begun;
} range_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static range_t ranges[MAX_RANGES];
static unsigned next;
static atomic_int any; /* nothing was ever wrong in a proper program */

/* NULL: none. */
static range_t *find(uintptr_t first, uintptr_t end)
{
    unsigned i;

    for (i = 0; i < MAX_RANGES; ++i) {
        if ((ranges[i].first == first) && (ranges[i].end == end)) {
            return &ranges[i];
        }
    }
    return NULL;
}

void uct_peervma_beyond_add(const void *address, size_t length, uintptr_t end)
{
    range_t range = {.first = (uintptr_t)address,
                     .start = end,
                     .end = (uintptr_t)address + length};

    pthread_mutex_lock(&lock);
    if (find(range.first, range.end) == NULL) {
        ranges[next] = range;
        next = (next + 1) % MAX_RANGES;
        any = 1;
    }
    pthread_mutex_unlock(&lock);
}

void uct_peervma_beyond_take_back(const void *address, size_t length)
{
    range_t *range;

    pthread_mutex_lock(&lock);
    range = find((uintptr_t)address, (uintptr_t)address + length);
    if ((range != NULL) && !range->is_begun) {
        *range = (range_t){.end = 0};
    }
    pthread_mutex_unlock(&lock);
}

static int overlap(uintptr_t start, uintptr_t end, uintptr_t other_start,
                   uintptr_t other_end)
{
    return (start < other_end) && (other_start < end);
}

static void drop(uintptr_t start, uintptr_t end)
{
    unsigned i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < MAX_RANGES; ++i) {
        if (overlap(start, end, ranges[i].start, ranges[i].end)) {
            ranges[i] = (range_t){.end = 0};
        }
    }
    pthread_mutex_unlock(&lock);
}

void uct_peervma_beyond_drop(const void *address, size_t length)
{
    if (atomic_load(&any)) {
        drop((uintptr_t)address, (uintptr_t)address + length);
    }
}

static int hit(uintptr_t start, uintptr_t end)
{
    int is_hit = 0;
    unsigned i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < MAX_RANGES; ++i) {
        if (overlap(start, end, ranges[i].first, ranges[i].start)) {
            ranges[i].is_begun = 1;
        }
        is_hit |= ranges[i].is_begun &&
                  overlap(start, end, ranges[i].start, ranges[i].end);
    }
    pthread_mutex_unlock(&lock);
    return is_hit;
}

int uct_peervma_beyond_hit(const void *address, size_t length)
{
    return atomic_load(&any) &&
           hit((uintptr_t)address, (uintptr_t)address + length);
}
