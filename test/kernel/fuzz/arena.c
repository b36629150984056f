/* SPDX-License-Identifier: BSD-3-Clause */
#include "arena.h"

#include <sys/mman.h>

#include "device.h"

/* What an mmap is to be of. */
typedef struct source {
    object_t *object;
    uint32_t page;
    int prot;
    bool shared;
    bool by_dmabuf;
} source_t;

span_t arena_vma(const worker_t *worker, unsigned at)
{
    const place_t *places = worker->places;
    span_t span = {at, at + 1};

    while (span.first > 0 && places[span.first - 1].object != NULL &&
           places[span.first - 1].vma == places[at].vma)
        span.first--;
    while (span.end < ARENA_PAGES && places[span.end].object != NULL &&
           places[span.end].vma == places[at].vma)
        span.end++;
    return span;
}

static void *source_map(const source_t *source, void *at, unsigned count)
{
    const object_t *object = source->object;
    int flags = MAP_FIXED | (source->shared ? MAP_SHARED : MAP_PRIVATE);
    int fd = source->by_dmabuf ? object->dmabuf : object->node;
    uint64_t offset = source->page * page;

    if (object->kind == OBJECT_ANONYMOUS) {
        flags |= MAP_ANONYMOUS;
        offset = 0;
    } else if (!source->by_dmabuf) {
        offset += object->node_offset;
    }
    return mmap(at, count * page, source->prot, flags, fd, (off_t)offset);
}

static int random_prot(worker_t *worker)
{
    static const int prots[] = {PROT_NONE, PROT_READ, PROT_WRITE};
    const unsigned choice = below(worker, 12);

    return choice < 3 ? prots[choice] : PROT_READ | PROT_WRITE;
}

/* Something to map that has a way to be mapped; at most `count` pages of it. */
static bool random_source(worker_t *worker, source_t *source_p,
                          unsigned *count_p)
{
    object_t *object = &worker->objects[below(worker, OBJECTS)];
    const bool by_dmabuf = one_in(worker, 2);
    const uint32_t first = below(worker, OBJECT_PAGES);
    const int prot = random_prot(worker);
    const bool shared = !one_in(worker, 10);

    if (!object->valid || first >= object->pages)
        return false;
    if (object->kind != OBJECT_ANONYMOUS && object->node < 0 &&
        object->dmabuf < 0)
        return false;
    *source_p = (source_t){object, first, prot, shared, by_dmabuf};
    if (object->dmabuf < 0)
        source_p->by_dmabuf = false;
    else if (object->node < 0)
        source_p->by_dmabuf = true;
    if (*count_p > object->pages - first)
        *count_p = object->pages - first;
    return true;
}

static void arena_set(worker_t *worker, unsigned first, unsigned count,
                      const source_t *source)
{
    const uint32_t vma = ++worker->vmas;
    unsigned i;

    for (i = 0; i < count; i++)
        worker->places[first + i] = (place_t){
            .object = source->object,
            .page = source->page + i,
            .vma = vma,
            .prot = (uint8_t)source->prot,
            .shared = source->shared,
            .by_dmabuf = source->by_dmabuf,
        };
}

static void arena_unmap(worker_t *worker, unsigned first, unsigned count)
{
    unsigned i;

    if (munmap(worker->arena + first * page, count * page) != 0)
        complain(worker, "munmap: %m");
    for (i = 0; i < count; i++)
        worker->places[first + i].object = NULL;
}

static void arena_map(worker_t *worker, unsigned first, unsigned count)
{
    source_t source;

    if (!random_source(worker, &source, &count))
        return;
    /* mmap may leave a hole where it fails, or what was there. */
    arena_unmap(worker, first, count);
    if (source_map(&source, worker->arena + first * page, count) != MAP_FAILED)
        arena_set(worker, first, count, &source);
}

/* What is no change to the kernel splits no VMA. */
static void arena_protect(worker_t *worker, unsigned first, unsigned count)
{
    const int prot = random_prot(worker);
    const span_t vma = arena_vma(worker, first);
    place_t *place;
    unsigned i;

    if (worker->places[first].object == NULL)
        return;
    if (count > vma.end - first)
        count = vma.end - first;
    if (worker->places[first].prot == prot ||
        mprotect(worker->arena + first * page, count * page, prot) != 0)
        return;
    worker->vmas++;
    for (i = 0; i < count; i++) {
        place = &worker->places[first + i];
        place->prot = (uint8_t)prot;
        place->vma = worker->vmas;
    }
}

static void arena_move(worker_t *worker, unsigned first, unsigned count)
{
    const unsigned to = below(worker, ARENA_PAGES - count + 1);
    const span_t vma = arena_vma(worker, first);
    place_t place;
    unsigned i;

    if (worker->places[first].object == NULL)
        return;
    if (count > vma.end - first)
        count = vma.end - first;
    if (to < first + count && first < to + count)
        return;
    if (mremap(worker->arena + first * page, count * page, count * page,
               MREMAP_MAYMOVE | MREMAP_FIXED,
               worker->arena + to * page) == MAP_FAILED) {
        arena_unmap(worker, first, count);
        arena_unmap(worker, to, count);
        return;
    }
    worker->vmas++;
    for (i = 0; i < count; i++) {
        place = worker->places[first + i];
        place.vma = worker->vmas;
        worker->places[to + i] = place;
        worker->places[first + i].object = NULL;
    }
}

void arena_change(worker_t *worker)
{
    const unsigned first = below(worker, ARENA_PAGES);
    unsigned count = 1 + below(worker, OBJECT_PAGES);

    if (count > ARENA_PAGES - first)
        count = ARENA_PAGES - first;
    switch (below(worker, 8)) {
    case 0:
        arena_unmap(worker, first, count);
        break;
    case 1:
        arena_protect(worker, first, count);
        break;
    case 2:
        arena_move(worker, first, count);
        break;
    default:
        arena_map(worker, first, count);
        break;
    }
}

void shared_arena_change(worker_t *worker)
{
    const unsigned first = below(worker, ARENA_PAGES);
    const unsigned to = below(worker, ARENA_PAGES);
    unsigned count = 1 + below(worker, OBJECT_PAGES);
    uint8_t *at = fuzz_shared_arena + first * page;
    source_t source;

    if (count > ARENA_PAGES - (first > to ? first : to))
        count = ARENA_PAGES - (first > to ? first : to);
    switch (below(worker, 6)) {
    case 0:
        munmap(at, count * page);
        break;
    case 1:
        mprotect(at, count * page, random_prot(worker));
        break;
    case 2:
        mremap(at, count * page, count * page, MREMAP_MAYMOVE | MREMAP_FIXED,
               fuzz_shared_arena + to * page);
        break;
    default:
        if (random_source(worker, &source, &count))
            source_map(&source, at, count);
        break;
    }
}

void arena_clear(worker_t *worker)
{
    arena_unmap(worker, 0, ARENA_PAGES);
}

void arena_forget(worker_t *worker, const object_t *object)
{
    unsigned i;

    for (i = 0; i < ARENA_PAGES; i++)
        if (worker->places[i].object == object)
            arena_unmap(worker, i, 1);
}
