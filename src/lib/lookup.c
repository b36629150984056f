/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lookups, and how the region map follows the process's mappings.
 *
 * A reported range is first cut out of the map, whether it was mapped or
 * unmapped; then the kernel is asked what lies in the mapped ones now. So the
 * order of the reports does not matter, and a range may be asked for that is
 * larger than needed: what the map has already stays as it is. A range that is
 * reported before its munmap may be found mapped once more; it is then known
 * for device memory until something is mapped there and reported, and until
 * then nobody has a use for its address.
 */
#include <errno.h>

#include "context.h"
#include "declared.h"
#include "describe.h"

/* Ranges that the kernel has to be asked for; the last takes in the rest. */
#define DIRTY_RANGES 8

struct dirty {
    unsigned limit;
    unsigned count;
    struct peervma_change range[DIRTY_RANGES];
};

static void dirty_add(struct dirty *dirty, const struct peervma_change *change)
{
    struct peervma_change *range;
    unsigned i;

    for (i = 0; i < dirty->count; i++) {
        range = &dirty->range[i];
        if ((change->start <= range->end && change->end >= range->start) ||
            i == dirty->limit - 1) {
            range->start =
                change->start < range->start ? change->start : range->start;
            range->end = change->end > range->end ? change->end : range->end;
            return;
        }
    }
    dirty->range[dirty->count++] = *change;
}

static uint64_t next_generation(peervma_context_t *context)
{
    return __atomic_add_fetch(&context->generation, 1, __ATOMIC_RELAXED);
}

static int add_mapping(const struct peervma_vma *vma, void *arg)
{
    peervma_context_t *context = arg;
    peervma_region_t region;

    if (peervma_region_map_has(context->map, vma->start,
                               vma->end - vma->start) ||
        peervma_describe(context, vma, &region) != 0) {
        return 0;
    }
    region.generation = next_generation(context);
    return peervma_region_map_insert(context->map, &region);
}

static int push_mapping(const struct peervma_vma *vma, void *arg)
{
    peervma_context_t *context = arg;
    peervma_region_t region;

    if (peervma_describe(context, vma, &region) != 0) {
        return 0;
    }
    region.generation = next_generation(context);
    return peervma_region_map_push(context->map, &region);
}

/* Make the map anew. */
static int read_all(peervma_context_t *context)
{
    int ret;

    peervma_region_map_clear(context->map);
    ret = peervma_maps_walk(&context->maps, 0, UINTPTR_MAX, push_mapping,
                            context);
    peervma_region_map_turn(context->map);
    return ret;
}

/* Take all reports out, and put the mapped ranges into `dirty`. */
static int take_changes(peervma_context_t *context, struct dirty *dirty)
{
    struct peervma_notify *notify = &context->live->notify;
    struct peervma_change change;
    int ret;

    while ((ret = peervma_notify_take(notify, &change)) == 0) {
        ret = peervma_region_map_cut(context->map, change.start, change.end);
        if (ret != 0) {
            return ret;
        }
        if (change.mapped) {
            dirty_add(dirty, &change);
        }
    }
    return ret == -ENOENT ? 0 : ret;
}

static int put_into_effect(peervma_context_t *context)
{
    /* Where text is read, one reading for all is the quickest. */
    struct dirty dirty = {.limit = context->maps.fd < 0 ? 1 : DIRTY_RANGES};
    unsigned i;
    int ret, taken;

    taken = take_changes(context, &dirty);
    if (taken != 0 && taken != -EAGAIN) {
        return taken;
    }
    if (peervma_notify_take_lost(&context->live->notify)) {
        ret = read_all(context);
        return ret != 0 ? ret : taken;
    }

    for (i = 0; i < dirty.count; i++) {
        ret = peervma_maps_walk(&context->maps, dirty.range[i].start,
                                dirty.range[i].end, add_mapping, context);
        if (ret != 0) {
            return ret;
        }
    }
    return taken;
}

/*
 * Bring the map up to date; under the mutex. -EAGAIN if a thread is in the
 * midst of a report. On an error the map is to be made anew.
 */
static int refresh(peervma_context_t *context)
{
    struct peervma_notify *notify = &context->live->notify;
    int ret;

    if (!peervma_notify_pending(notify)) {
        return 0;
    }
    peervma_region_map_begin(context->map);
    ret = put_into_effect(context);
    if (ret != 0 && ret != -EAGAIN) {
        peervma_notify_lose(notify);
    }
    peervma_region_map_end(context->map);
    return ret;
}

typedef int (*map_read_t)(const struct peervma_region_map *map,
                          uintptr_t address, peervma_region_t *region_p);

/* Answer by the map: without lock where nothing was reported. */
static inline int read_map(peervma_context_t *context, map_read_t read,
                           uintptr_t address, peervma_region_t *region_p)
{
    struct peervma_live *live = context->live;
    int ret;

    if (!peervma_notify_pending(&live->notify)) {
        ret = read(context->map, address, region_p);
        if (ret != -EAGAIN) {
            return ret;
        }
    }

    pthread_mutex_lock(&live->mutex);
    ret = refresh(context);
    if (ret == 0) {
        ret = read(context->map, address, region_p);
    }
    pthread_mutex_unlock(&live->mutex);
    return ret;
}

int peervma_region_lookup(peervma_context_t *context, const void *address,
                          peervma_region_t *region_p)
{
    int ret;

    if (context == NULL || region_p == NULL) {
        return -EINVAL;
    }
    ret = peervma_context_enter(context);
    if (ret != 0) {
        return ret;
    }

    ret = -EAGAIN;
    if (context->map != NULL) {
        ret = read_map(context, peervma_region_map_find, (uintptr_t)address,
                       region_p);
    }
    if (ret == -EAGAIN) {
        ret = peervma_mapping_at(context, (uintptr_t)address, NULL, region_p);
        /* The kernel can't tell it from one of the same that was there. */
        if (ret == 0 && context->map != NULL) {
            region_p->generation = next_generation(context);
        }
    }
    if (ret == -ENOENT && peervma_declared_map(context) != NULL) {
        ret = peervma_declared_find(context, (uintptr_t)address, region_p);
    }
    return ret;
}

struct foreach_walk {
    peervma_context_t *context;
    int (*cb)(const peervma_region_t *region, void *arg);
    void *arg;
    uintptr_t declared; /* where to look for the next declared region */
};

/* Those declared regions that begin before `end`. */
static int foreach_declared(struct foreach_walk *walk, uintptr_t end)
{
    peervma_region_t region;
    int ret = 0;

    while (ret == 0 &&
           peervma_declared_next(walk->context, walk->declared, &region) == 0 &&
           region.base < end) {
        walk->declared = region.base + region.length;
        ret = walk->cb(&region, walk->arg);
    }
    return ret;
}

static int foreach_mapping(const struct peervma_vma *vma,
                           const peervma_region_t *region, void *arg)
{
    struct foreach_walk *walk = arg;
    int ret;

    (void)vma;
    ret = foreach_declared(walk, region->base);
    return ret != 0 ? ret : walk->cb(region, walk->arg);
}

static int foreach_from(const peervma_context_t *context, uintptr_t address,
                        struct foreach_walk *walk)
{
    return peervma_mappings_walk(context, address, UINTPTR_MAX, foreach_mapping,
                                 walk);
}

/* Iterate over the map, which may change between two steps. */
static int foreach_region(peervma_context_t *context, struct foreach_walk *walk)
{
    peervma_region_t region;
    uintptr_t address = 0;
    int ret;

    do {
        ret = read_map(context, peervma_region_map_next, address, &region);
        if (ret == -EAGAIN) {
            return foreach_from(context, address, walk);
        }
        if (ret != 0) {
            return ret == -ENOENT ? 0 : ret;
        }
        address = region.base + region.length;
        ret = foreach_mapping(NULL, &region, walk);
    } while (ret == 0);
    return ret;
}

int peervma_region_foreach(peervma_context_t *context,
                           int (*cb)(const peervma_region_t *region, void *arg),
                           void *arg)
{
    struct foreach_walk walk = {.context = context, .cb = cb, .arg = arg};
    int ret;

    if (context == NULL || cb == NULL) {
        return -EINVAL;
    }
    ret = peervma_context_enter(context);
    if (ret != 0) {
        return ret;
    }

    ret = context->map != NULL ? foreach_region(context, &walk)
                               : foreach_from(context, 0, &walk);
    return ret != 0 ? ret : foreach_declared(&walk, UINTPTR_MAX);
}

static void report(peervma_context_t *context, const void *address,
                   size_t length, bool mapped)
{
    uintptr_t start = (uintptr_t)address, end = start + length, mask;
    struct peervma_change change;

    if (context == NULL || context->map == NULL || length == 0) {
        return;
    }
    if (end < start) {
        end = UINTPTR_MAX;
    }

    mask = context->page_size - 1;
    change = (struct peervma_change){
        .start = start & ~mask,
        .end = end > UINTPTR_MAX - mask ? UINTPTR_MAX : (end + mask) & ~mask,
        .mapped = mapped,
    };
    peervma_notify_put(&context->live->notify, &change);
}

void peervma_notify_map(peervma_context_t *context, const void *address,
                        size_t length)
{
    report(context, address, length, true);
}

void peervma_notify_unmap(peervma_context_t *context, const void *address,
                          size_t length)
{
    report(context, address, length, false);
}
