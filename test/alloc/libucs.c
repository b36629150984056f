/* SPDX-License-Identifier: BSD-3-Clause */
/* By its name a part of UCX, which allocates for itself. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "libucs.h"

/* No calls in the last place, which would be the program's. */
void *libucs_malloc(size_t size)
{
    void *volatile ptr = malloc(size);

    return ptr;
}

void *libucs_realloc(void *old, size_t size)
{
    void *volatile ptr = realloc(old, size);

    return ptr;
}

void *libucs_mmap(size_t length)
{
    void *volatile ptr = mmap(NULL, length, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return ptr;
}
