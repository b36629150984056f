/* SPDX-License-Identifier: BSD-3-Clause */
#include "beyond.h"

#include <pthread.h>
#include <stdatomic.h>

/* More wrong requests than these are not under way in one process. */
#define MAX_RANGES 64

typedef struct {
    uintptr_t start;
    uintptr_t end; /* 0: not in use */
} range_t;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static range_t ranges[MAX_RANGES];
static unsigned next;
static atomic_int any; /* nothing was ever forbidden in a proper program */

void uct_peervma_beyond_add(const void *address, size_t length, uintptr_t end)
{
    pthread_mutex_lock(&lock);
    ranges[next].start = end;
    ranges[next].end = (uintptr_t)address + length;
    next = (next + 1) % MAX_RANGES;
    any = 1;
    pthread_mutex_unlock(&lock);
}

/* How many ranges overlap this one; they are dropped if `drop`. */
static unsigned find(uintptr_t start, uintptr_t end, int drop)
{
    unsigned found = 0, i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < MAX_RANGES; ++i) {
        if ((start < ranges[i].end) && (ranges[i].start < end)) {
            ++found;
            if (drop) {
                ranges[i].start = ranges[i].end = 0;
            }
        }
    }
    pthread_mutex_unlock(&lock);
    return found;
}

void uct_peervma_beyond_drop(const void *address, size_t length)
{
    if (atomic_load(&any)) {
        find((uintptr_t)address, (uintptr_t)address + length, 1);
    }
}

int uct_peervma_beyond_hit(const void *address, size_t length)
{
    return atomic_load(&any) &&
           (find((uintptr_t)address, (uintptr_t)address + length, 0) > 0);
}
