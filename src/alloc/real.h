/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The functions that ours stand before: libc's, or those of another allocator
 * that was preloaded or linked.
 */
#ifndef PEERVMA_ALLOC_REAL_H
#define PEERVMA_ALLOC_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct real {
    void *(*malloc)(size_t size);
    void *(*calloc)(size_t count, size_t size);
    void *(*realloc)(void *ptr, size_t size);
    void (*free)(void *ptr);
    int (*posix_memalign)(void **ptr_p, size_t alignment, size_t size);
    void *(*aligned_alloc)(size_t alignment, size_t size);
    void *(*memalign)(size_t alignment, size_t size);
    void *(*valloc)(size_t size);
    size_t (*malloc_usable_size)(void *ptr);
    void *(*mmap)(void *address, size_t length, int protection, int flags,
                  int fd, off_t offset);
    int (*munmap)(void *address, size_t length);
    void *(*mremap)(void *old, size_t old_length, size_t length, int flags,
                    ...);
    int (*madvise)(void *address, size_t length, int advice);
};

/* Each finds them all at its first call, so calls may come at any time. */
extern struct real real;

/*
 * Finding them may allocate, which a small static arena serves. How much of it
 * is behind a pointer into it; 0 for any other pointer. Never freed.
 */
size_t real_arena_room(const void *ptr);

#endif
