/* SPDX-License-Identifier: BSD-3-Clause */
#include "ranges.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"

static struct {
    pthread_mutex_t lock;
    struct range *ranges; /* none overlaps with another */
    size_t room;
    _Atomic size_t count; /* read without the lock: is there anything? */
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool is_empty(void)
{
    return atomic_load_explicit(&table.count, memory_order_acquire) == 0;
}

static uintptr_t end_of(const struct range *range)
{
    return range->start + range->length;
}

void ranges_lock(void)
{
    pthread_mutex_lock(&table.lock);
}

void ranges_unlock(void)
{
    pthread_mutex_unlock(&table.lock);
}

void ranges_foreach(void (*cb)(struct range *range))
{
    size_t i;

    for (i = 0; i < table.count; i++) {
        cb(&table.ranges[i]);
    }
}

/* Room for one more. mremap() itself may be hooked, and is ours. */
static int make_room(void)
{
    size_t bytes = table.room * sizeof(struct range);
    size_t more = bytes == 0 ? 16 * ALLOC_PAGE : 2 * bytes;
    void *ranges;

    if (table.count < table.room) {
        return 0;
    }
    if (bytes == 0) {
        ranges = (void *)syscall(SYS_mmap, NULL, more, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    } else {
        ranges = (void *)syscall(SYS_mremap, table.ranges, bytes, more,
                                 MREMAP_MAYMOVE);
    }
    if (ranges == MAP_FAILED) {
        return -ENOMEM;
    }
    table.ranges = ranges;
    table.room = more / sizeof(struct range);
    return 0;
}

/* The index of the first range that ends after `address`. */
static size_t first_after(uintptr_t address)
{
    size_t low = 0, high = table.count, middle;

    while (low < high) {
        middle = low + (high - low) / 2;
        if (end_of(&table.ranges[middle]) > address) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static int insert(size_t index, const struct range *range)
{
    int ret = make_room();

    if (ret == 0) {
        memmove(&table.ranges[index + 1], &table.ranges[index],
                (table.count - index) * sizeof(*range));
        table.ranges[index] = *range;
        table.count++;
    }
    return ret;
}

static void erase(size_t index)
{
    table.count--;
    memmove(&table.ranges[index], &table.ranges[index + 1],
            (table.count - index) * sizeof(struct range));
}

int ranges_add(const struct range *range)
{
    int ret;

    ranges_lock();
    ret = insert(first_after(range->start), range);
    ranges_unlock();
    return ret;
}

static bool find_heap(const void *ptr, struct range *range_p, bool take)
{
    uintptr_t start = (uintptr_t)ptr;
    bool found;
    size_t i;

    if (is_empty()) {
        return false;
    }
    ranges_lock();
    i = first_after(start);
    found = i < table.count && table.ranges[i].start == start &&
            table.ranges[i].heap;
    if (found) {
        *range_p = table.ranges[i];
        if (take) {
            erase(i);
        }
    }
    ranges_unlock();
    return found;
}

bool ranges_find_heap(const void *ptr, struct range *range_p)
{
    return find_heap(ptr, range_p, false);
}

bool ranges_take_heap(const void *ptr, struct range *range_p)
{
    return find_heap(ptr, range_p, true);
}

bool ranges_find_around(const void *address, size_t length,
                        struct range *range_p)
{
    uintptr_t start = (uintptr_t)address;
    bool found;
    size_t i;

    if (is_empty()) {
        return false;
    }
    ranges_lock();
    i = first_after(start);
    found = i < table.count && table.ranges[i].start <= start &&
            end_of(&table.ranges[i]) - start >= length;
    if (found) {
        *range_p = table.ranges[i];
    }
    ranges_unlock();
    return found;
}

bool ranges_overlap(const void *address, size_t length)
{
    uintptr_t start = (uintptr_t)address;
    bool found;
    size_t i;

    if (is_empty()) {
        return false;
    }
    ranges_lock();
    i = first_after(start);
    found = i < table.count && table.ranges[i].start < start + length;
    ranges_unlock();
    return found;
}

/* Cut [start, end) out of one range. Returns how many ranges are left of it. */
static size_t cut_one(size_t index, uintptr_t start, uintptr_t end)
{
    struct range *range = &table.ranges[index];
    struct range tail = *range;

    if (start <= range->start && end >= end_of(range)) {
        erase(index);
        return 0;
    }
    if (start <= range->start) {
        range->length = end_of(range) - end;
        range->start = end;
        return 1;
    }
    tail.start = end;
    tail.length = end < end_of(range) ? end_of(range) - end : 0;
    range->length = start - range->start;
    /* Without room for it the tail is a mapping like any other. */
    if (tail.length == 0 || insert(index + 1, &tail) != 0) {
        return 1;
    }
    return 2;
}

void ranges_cut(const void *address, size_t length)
{
    uintptr_t start = (uintptr_t)address;
    uintptr_t end = start + ((length + ALLOC_PAGE - 1) & ~(ALLOC_PAGE - 1));
    size_t i;

    if (is_empty()) {
        return;
    }
    ranges_lock();
    i = first_after(start);
    while (i < table.count && table.ranges[i].start < end) {
        i += cut_one(i, start, end);
    }
    ranges_unlock();
}
