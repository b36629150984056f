/* SPDX-License-Identifier: BSD-3-Clause */
#include "real.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "alloc.h"

/* Whole pages, so that free() has to tell only aligned pointers apart. */
static char arena[16 * ALLOC_PAGE] __attribute__((aligned(ALLOC_PAGE)));
static _Atomic size_t arena_used;

/* Static thread storage: other accesses may allocate. */
static __thread bool finding __attribute__((tls_model("initial-exec")));

size_t real_arena_room(const void *ptr)
{
    size_t offset = (uintptr_t)ptr - (uintptr_t)arena;

    return offset < sizeof(arena) ? sizeof(arena) - offset : 0;
}

static void *arena_take(size_t size)
{
    size_t room = (size + ALLOC_PAGE - 1) & ~(ALLOC_PAGE - 1);
    size_t offset;

    if (size > sizeof(arena)) {
        errno = ENOMEM;
        return NULL;
    }
    offset = atomic_fetch_add(&arena_used, room);
    if (offset + room > sizeof(arena)) {
        errno = ENOMEM;
        return NULL;
    }
    return arena + offset;
}

#define FIND(_name)                                      \
    do {                                                 \
        void *symbol_ = dlsym(RTLD_NEXT, #_name);        \
        memcpy(&found._name, &symbol_, sizeof(symbol_)); \
    } while (0)

static void find(void)
{
    struct real found;

    finding = true;
    FIND(malloc);
    FIND(calloc);
    FIND(realloc);
    FIND(free);
    FIND(posix_memalign);
    FIND(aligned_alloc);
    FIND(memalign);
    FIND(valloc);
    FIND(malloc_usable_size);
    FIND(mmap);
    FIND(munmap);
    FIND(mremap);
    FIND(madvise);
    finding = false;
    /* Threads that meet here write the same. */
    real = found;
}

static void *first_malloc(size_t size)
{
    if (finding) {
        return arena_take(size);
    }
    find();
    return real.malloc(size);
}

static void *first_calloc(size_t count, size_t size)
{
    size_t total;

    if (finding) {
        return __builtin_mul_overflow(count, size, &total) ? NULL
                                                           : arena_take(total);
    }
    find();
    return real.calloc(count, size);
}

/* heap.c has looked for pointers into the arena. */
static void *first_realloc(void *ptr, size_t size)
{
    if (finding) {
        return ptr == NULL ? arena_take(size) : NULL;
    }
    find();
    return real.realloc(ptr, size);
}

static void first_free(void *ptr)
{
    if (ptr != NULL && !finding) {
        find();
        real.free(ptr);
    }
}

static int first_posix_memalign(void **ptr_p, size_t alignment, size_t size)
{
    if (finding) {
        return ENOMEM;
    }
    find();
    return real.posix_memalign(ptr_p, alignment, size);
}

static void *first_aligned_alloc(size_t alignment, size_t size)
{
    if (finding) {
        return NULL;
    }
    find();
    return real.aligned_alloc(alignment, size);
}

static void *first_memalign(size_t alignment, size_t size)
{
    if (finding) {
        return NULL;
    }
    find();
    return real.memalign(alignment, size);
}

static void *first_valloc(size_t size)
{
    if (finding) {
        return NULL;
    }
    find();
    return real.valloc(size);
}

static size_t first_malloc_usable_size(void *ptr)
{
    if (finding) {
        return 0;
    }
    find();
    return real.malloc_usable_size(ptr);
}

static void *first_mmap(void *address, size_t length, int protection, int flags,
                        int fd, off_t offset)
{
    if (finding) {
        return (void *)syscall(SYS_mmap, address, length, protection, flags, fd,
                               offset);
    }
    find();
    return real.mmap(address, length, protection, flags, fd, offset);
}

static int first_munmap(void *address, size_t length)
{
    if (finding) {
        return (int)syscall(SYS_munmap, address, length);
    }
    find();
    return real.munmap(address, length);
}

static void *first_mremap(void *old, size_t old_length, size_t length,
                          int flags, ...)
{
    va_list arguments;
    void *address;

    va_start(arguments, flags);
    address = va_arg(arguments, void *);
    va_end(arguments);
    if (finding) {
        return (void *)syscall(SYS_mremap, old, old_length, length, flags,
                               address);
    }
    find();
    return real.mremap(old, old_length, length, flags, address);
}

static int first_madvise(void *address, size_t length, int advice)
{
    if (finding) {
        return (int)syscall(SYS_madvise, address, length, advice);
    }
    find();
    return real.madvise(address, length, advice);
}

struct real real = {
    .malloc = first_malloc,
    .calloc = first_calloc,
    .realloc = first_realloc,
    .free = first_free,
    .posix_memalign = first_posix_memalign,
    .aligned_alloc = first_aligned_alloc,
    .memalign = first_memalign,
    .valloc = first_valloc,
    .malloc_usable_size = first_malloc_usable_size,
    .mmap = first_mmap,
    .munmap = first_munmap,
    .mremap = first_mremap,
    .madvise = first_madvise,
};
