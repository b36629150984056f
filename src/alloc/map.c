/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Anonymous private mappings. What stands in for one has to behave like one:
 * it grows, and loses its contents when it is told to.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "alloc.h"
#include "peervma.h"
#include "place.h"
#include "ranges.h"
#include "real.h"

#define CALLER __builtin_return_address(0)

/*
 * Only what is surely meant for data at any address: not address space that is
 * kept for later (PROT_NONE, MAP_NORESERVE), no stacks, no huge pages.
 */
static bool is_plain(const void *address, int protection, int flags)
{
    return address == NULL && protection == (PROT_READ | PROT_WRITE) &&
           (flags & ~MAP_POPULATE) == (MAP_PRIVATE | MAP_ANONYMOUS);
}

static size_t whole_pages(size_t length)
{
    return (length + ALLOC_PAGE - 1) & ~(ALLOC_PAGE - 1);
}

static void *take(size_t length)
{
    return place_take(&(struct place){.length = length, .zeroed = true});
}

/* `address`: NULL, or what it replaces. */
static void *map_host(void *address, size_t length)
{
    int fixed = address != NULL ? MAP_FIXED : 0;
    void *ptr;

    if (address != NULL) {
        ranges_cut(address, length);
    }
    ptr = real.mmap(address, length, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | fixed, -1, 0);
    place_count_host(ptr != MAP_FAILED ? ptr : NULL, length);
    return ptr;
}

static void *mmap_for(void *address, size_t length, int protection, int flags,
                      int fd, off_t offset, const void *caller)
{
    void *ptr;

    if (is_plain(address, protection, flags) && place_wants(length, caller)) {
        ptr = take(length);
        return ptr != NULL ? ptr : map_host(NULL, length);
    }
    /* Not MAP_FIXED_NOREPLACE, which replaces nothing. */
    if ((flags & MAP_FIXED) && alloc_is_page(address)) {
        ranges_cut(address, length);
    }
    return real.mmap(address, length, protection, flags, fd, offset);
}

ALLOC_EXPORT void *mmap(void *address, size_t length, int protection, int flags,
                        int fd, off_t offset)
{
    return mmap_for(address, length, protection, flags, fd, offset, CALLER);
}

/* The same where off_t has 64 bits; C libraries export both. */
ALLOC_EXPORT void *mmap64(void *address, size_t length, int protection,
                          int flags, int fd, off_t offset)
{
    return mmap_for(address, length, protection, flags, fd, offset, CALLER);
}

/* First out of the table: unmapped, it may be another thread's at once. */
static int unmap(void *address, size_t length)
{
    if (alloc_is_page(address)) {
        ranges_cut(address, length);
    }
    return real.munmap(address, length);
}

ALLOC_EXPORT int munmap(void *address, size_t length)
{
    return unmap(address, length);
}

static bool overlap(const char *a, size_t a_length, const char *b,
                    size_t b_length)
{
    return a < b + b_length && b < a + a_length;
}

/* Device memory can't grow: it moves, by a copy. `address`: NULL, or where to.
 */
static void *move(void *old, size_t old_length, size_t length, void *address,
                  const void *caller)
{
    void *ptr = NULL;

    if (address == NULL && place_wants(length, caller)) {
        ptr = take(length);
    }
    if (ptr == NULL) {
        ptr = map_host(address, length);
    }
    if (ptr != MAP_FAILED) {
        peervma_copy_from_device(ptr, old,
                                 old_length < length ? old_length : length);
        unmap(old, old_length);
    }
    return ptr;
}

/* mremap() of a mapping of ours, or of a part of one. */
static void *remap(void *old, size_t old_length, size_t length, int flags,
                   void *address, const void *caller)
{
    if (flags & ~(MREMAP_MAYMOVE | MREMAP_FIXED)) {
        errno = EINVAL;
        return MAP_FAILED;
    }
    if (flags & MREMAP_FIXED) {
        if (!(flags & MREMAP_MAYMOVE) || !alloc_is_page(address) ||
            address == NULL || overlap(old, old_length, address, length)) {
            errno = EINVAL;
            return MAP_FAILED;
        }
        return move(old, old_length, length, address, caller);
    }
    if (length <= old_length) {
        if (length < old_length) {
            unmap((char *)old + length, old_length - length);
        }
        return old;
    }
    if (!(flags & MREMAP_MAYMOVE)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return move(old, old_length, length, NULL, caller);
}

ALLOC_EXPORT void *mremap(void *old, size_t old_length, size_t length,
                          int flags, ...)
{
    struct range range;
    va_list arguments;
    void *address = NULL;

    if (flags & MREMAP_FIXED) {
        va_start(arguments, flags);
        address = va_arg(arguments, void *);
        va_end(arguments);
    }
    if (length > 0 && old_length > 0 && alloc_is_page(old) &&
        ranges_find_around(old, old_length, &range)) {
        return remap(old, whole_pages(old_length), whole_pages(length), flags,
                     address, CALLER);
    }
    if (flags & MREMAP_FIXED) {
        ranges_cut(address, length);
    }
    return real.mremap(old, old_length, length, flags, address);
}

/*
 * Shared mappings keep their contents where private ones lose them, and some
 * drivers' refuse. MADV_FREE may leave them as they are.
 */
ALLOC_EXPORT int madvise(void *address, size_t length, int advice)
{
    struct range range;

    if ((advice == MADV_DONTNEED || advice == MADV_FREE) && length > 0 &&
        alloc_is_page(address) && ranges_find_around(address, length, &range)) {
        if (advice == MADV_DONTNEED) {
            memset(address, 0, whole_pages(length));
        }
        return 0;
    }
    return real.madvise(address, length, advice);
}
