/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_CONTEXT_H
#define PEERVMA_CONTEXT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "module.h"
#include "notify.h"
#include "peervma.h"
#include "region_map.h"
#include "view.h"
#include "vma.h"

/* A descriptor of the program's that is of a mapped dma-buf, found before. */
struct peervma_known {
    uint64_t generation; /* of the mapping; 0: none */
    dev_t device;
    ino_t inode;
    int fd;
};

/* Each has its place by its generation; later ones take it. */
#define PEERVMA_KNOWN 64

/*
 * What a forked child must not inherit: locks that a thread of the parent
 * holds, changes of the parent's mappings. The kernel wipes it there; zeroes
 * are an unlocked mutex and an empty ring.
 */
struct peervma_live {
    unsigned ready; /* the context looks at this process's mappings */
    pthread_mutex_t mutex;
    struct peervma_notify notify;
    struct peervma_known known[PEERVMA_KNOWN]; /* under the mutex */
};

struct peervma_declaration;

struct peervma_context {
    struct peervma_view view;
    struct peervma_module module;
    struct peervma_maps maps; /* of the process that `live` is ready in */
    struct peervma_live *live;
    struct peervma_region_map *map; /* NULL: lookups ask the kernel */
    uint64_t generation;            /* the last one given to a region of it */
    struct peervma_region_map *declared;      /* NULL: nothing ever was */
    struct peervma_declaration *declarations; /* of the same ranges */
    uintptr_t page_size;
};

/* peervma_context_open() with another view than the caller's own. */
int peervma_context_open_view(unsigned flags, const struct peervma_view *view,
                              peervma_context_t **context_p);

int peervma_context_enter_child(peervma_context_t *context);

/*
 * To be called first by each call that looks at mappings: after a fork, turns
 * the context to the child's. 0 or -errno.
 */
static inline int peervma_context_enter(peervma_context_t *context)
{
    return __atomic_load_n(&context->live->ready, __ATOMIC_ACQUIRE)
               ? 0
               : peervma_context_enter_child(context);
}

#endif
