/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the parts of the fuzzer share.
 *
 * Each thread has an arena of its own: address space that nobody else changes
 * and whose mappings it keeps a record of, so that there is one right answer to
 * each call. All threads change and export the shared arena at once: there an
 * answer only has to be one that the header allows, and an export to be true in
 * itself. The same holds for memory of the accelerator while it is unbound.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "object.h"
#include "stream.h"

#define FUZZ_THREADS 16
#define FUZZ_HELD 8

/* Far below where the kernel puts what has no address of its own. */
#define ARENA_PAGES 64
#define ARENA_BASE 0x100000000000UL
#define ARENA_STRIDE 0x40000000UL
/* In each arena's gigabyte, a window on a BAR. */
#define BAR_PAGES 16
#define BAR_GAP 0x10000000UL
/* Mapped only in the peers' processes. */
#define SECRET_BASE (ARENA_BASE - ARENA_STRIDE)

enum count {
    COUNT_INFO,
    COUNT_QUERY,
    COUNT_EXPORT,
    COUNT_EXPORTED,
    COUNT_BAR,
    COUNT_UNKNOWN,
    COUNT_CHANGE,
    COUNT_CONTENT,
    COUNT_FORK,
    COUNT_PASSED,
    COUNT_UNBIND,
    COUNTS
};

/* Shared with the processes that are forked. */
typedef struct run {
    uint64_t seed;
    uint64_t calls; /* how many each thread makes */
    unsigned unbind_every;
    unsigned threads;
    atomic_uint epoch; /* odd: the accelerator is being unbound or bound */
    atomic_bool failed;
    atomic_ulong count[COUNTS];
    registry_t registry;
} run_t;

/* One page of an arena, as its thread has mapped it. */
typedef struct place {
    object_t *object; /* NULL: nothing is mapped */
    uint32_t page;    /* of the object */
    uint32_t vma;     /* neighbours of one number are one VMA */
    uint8_t prot;
    bool shared;
    bool by_dmabuf; /* else by the DRM node, the file, or neither */
} place_t;

typedef struct worker {
    run_t *run;
    unsigned index;
    uint64_t step;
    stream_t random; /* of this step */
    uint64_t calls;
    uint8_t *arena;
    place_t places[ARENA_PAGES];
    uint32_t vmas;
    uint8_t *bar;
    unsigned bar_pages; /* zero: nothing is mapped */
    uint64_t bar_first; /* page of the BAR */
    object_t objects[OBJECTS];
    uint8_t *argument; /* two pages, and one that must not be touched */
    uint8_t *read_only;
    int held[FUZZ_HELD]; /* exports kept for a while */
    int tags[2];         /* a pipe */
    int peer;            /* a socket to another process */
    pid_t peer_pid;
} worker_t;

/* Where all threads map at once. */
extern uint8_t *fuzz_shared_arena;

/* A random number below `limit`, of this step. */
static inline unsigned below(worker_t *worker, unsigned limit)
{
    return stream_below(&worker->random, limit);
}

static inline bool one_in(worker_t *worker, unsigned count)
{
    return stream_one_in(&worker->random, count);
}

static inline void count(worker_t *worker, enum count what)
{
    atomic_fetch_add_explicit(&worker->run->count[what], 1,
                              memory_order_relaxed);
}

/* Whether the accelerator stayed as it was since `epoch` was read. */
static inline bool epoch_holds(const worker_t *worker, unsigned epoch)
{
    return epoch % 2 == 0 && atomic_load(&worker->run->epoch) == epoch;
}

/* Something is wrong: say what, once, with seed and step; all threads end. */
__attribute__((format(printf, 2, 3))) void complain(worker_t *worker,
                                                    const char *format, ...);

#endif
