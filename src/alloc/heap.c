/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The malloc family. A small allocation costs one comparison, and so does
 * free(): what is ours begins on a page, which nearly nothing of libc's does.
 */
#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "alloc.h"
#include "peervma.h"
#include "place.h"
#include "ranges.h"
#include "real.h"

#define CALLER __builtin_return_address(0)

static bool is_power_of_2(size_t number)
{
    return number != 0 && (number & (number - 1)) == 0;
}

static void *take(size_t size, size_t alignment, bool zeroed)
{
    return place_take(&(struct place){.length = size,
                                      .alignment = alignment,
                                      .zeroed = zeroed,
                                      .heap = true});
}

static void *malloc_for(size_t size, const void *caller)
{
    void *ptr;

    if (!place_wants(size, caller)) {
        return real.malloc(size);
    }
    ptr = take(size, 0, false);
    return ptr != NULL ? ptr : place_count_host(real.malloc(size), size);
}

ALLOC_EXPORT void *malloc(size_t size)
{
    return size < place_min ? real.malloc(size) : malloc_for(size, CALLER);
}

ALLOC_EXPORT void *calloc(size_t count, size_t size)
{
    size_t total;
    void *ptr;

    if (__builtin_mul_overflow(count, size, &total) ||
        !place_wants(total, CALLER)) {
        return real.calloc(count, size);
    }
    ptr = take(total, 0, true);
    return ptr != NULL ? ptr
                       : place_count_host(real.calloc(count, size), total);
}

/* False: not ours. */
static bool free_ours(void *ptr)
{
    struct range range;

    if (ptr == NULL || real_arena_room(ptr) > 0) {
        return true;
    }
    if (!ranges_take_heap(ptr, &range)) {
        return false;
    }
    place_free(ptr, range.length);
    return true;
}

ALLOC_EXPORT void free(void *ptr)
{
    if (!alloc_is_page(ptr) || !free_ours(ptr)) {
        real.free(ptr);
    }
}

/* A block of ours has room for `length` bytes. */
static void *realloc_ours(void *ptr, size_t length, size_t size,
                          const void *caller)
{
    void *moved;

    if (size == 0) {
        free_ours(ptr);
        return NULL;
    }
    if (size <= length && size > length / 2) {
        return ptr;
    }
    moved = malloc_for(size, caller);
    if (moved == NULL) {
        return size <= length ? ptr : NULL;
    }
    peervma_copy_from_device(moved, ptr, size < length ? size : length);
    free_ours(ptr);
    return moved;
}

/* A block of libc's that becomes large enough moves to the accelerator. */
static void *realloc_grown(void *ptr, size_t size, const void *caller)
{
    size_t length;
    void *moved;

    if (!place_wants(size, caller)) {
        return real.realloc(ptr, size);
    }
    moved = take(size, 0, false);
    if (moved == NULL) {
        return place_count_host(real.realloc(ptr, size), size);
    }
    if (ptr != NULL) {
        length = real.malloc_usable_size(ptr);
        peervma_copy_to_device(moved, ptr, size < length ? size : length);
        real.free(ptr);
    }
    return moved;
}

/* How much room a block of ours has; 0 if it is none. */
static size_t room_of(const void *ptr)
{
    struct range range;
    size_t room;

    if (!alloc_is_page(ptr) || ptr == NULL) {
        return 0;
    }
    room = real_arena_room(ptr);
    if (room == 0 && ranges_find_heap(ptr, &range)) {
        room = range.length;
    }
    return room;
}

static void *realloc_for(void *ptr, size_t size, const void *caller)
{
    size_t room = room_of(ptr);

    if (room > 0) {
        return realloc_ours(ptr, room, size, caller);
    }
    return size < place_min ? real.realloc(ptr, size)
                            : realloc_grown(ptr, size, caller);
}

ALLOC_EXPORT void *realloc(void *ptr, size_t size)
{
    return realloc_for(ptr, size, CALLER);
}

ALLOC_EXPORT void *reallocarray(void *ptr, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc_for(ptr, total, CALLER);
}

ALLOC_EXPORT int posix_memalign(void **ptr_p, size_t alignment, size_t size)
{
    void *ptr;
    int ret;

    /* An alignment that is none is for the real one to refuse. */
    if (!is_power_of_2(alignment) || alignment % sizeof(void *) != 0 ||
        !place_wants(size, CALLER)) {
        return real.posix_memalign(ptr_p, alignment, size);
    }
    ptr = take(size, alignment, false);
    if (ptr != NULL) {
        *ptr_p = ptr;
        return 0;
    }
    ret = real.posix_memalign(ptr_p, alignment, size);
    place_count_host(ret == 0 ? *ptr_p : NULL, size);
    return ret;
}

typedef void *(*aligned_fn_t)(size_t alignment, size_t size);

static void *aligned(size_t alignment, size_t size, const void *caller,
                     aligned_fn_t fallback)
{
    void *ptr;

    if (!is_power_of_2(alignment) || !place_wants(size, caller)) {
        return fallback(alignment, size);
    }
    ptr = take(size, alignment, false);
    return ptr != NULL ? ptr
                       : place_count_host(fallback(alignment, size), size);
}

ALLOC_EXPORT void *aligned_alloc(size_t alignment, size_t size)
{
    return aligned(alignment, size, CALLER, real.aligned_alloc);
}

ALLOC_EXPORT void *memalign(size_t alignment, size_t size)
{
    return aligned(alignment, size, CALLER, real.memalign);
}

ALLOC_EXPORT void *valloc(size_t size)
{
    void *ptr;

    if (!place_wants(size, CALLER)) {
        return real.valloc(size);
    }
    ptr = take(size, (size_t)sysconf(_SC_PAGESIZE), false);
    return ptr != NULL ? ptr : place_count_host(real.valloc(size), size);
}

ALLOC_EXPORT size_t malloc_usable_size(void *ptr)
{
    size_t room = room_of(ptr);

    return room > 0 ? room : real.malloc_usable_size(ptr);
}
