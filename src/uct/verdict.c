/* SPDX-License-Identifier: BSD-3-Clause */
#include "verdict.h"

#include <pthread.h>
#include <stdlib.h>

#define PLACE_BITS 12
#define PAGE_SHIFT 12

typedef struct {
    uintptr_t base;
    size_t length;
    uint64_t generation;
    int prot;
    uct_peervma_verdict_t verdict; /* none: free */
} place_t;

struct uct_peervma_verdicts {
    pthread_mutex_t lock;
    place_t places[1 << PLACE_BITS];
};

uct_peervma_verdicts_t *uct_peervma_verdicts_create(void)
{
    uct_peervma_verdicts_t *verdicts = calloc(1, sizeof(*verdicts));

    if (verdicts != NULL) {
        pthread_mutex_init(&verdicts->lock, NULL);
    }
    return verdicts;
}

void uct_peervma_verdicts_destroy(uct_peervma_verdicts_t *verdicts)
{
    pthread_mutex_destroy(&verdicts->lock);
    free(verdicts);
}

static place_t *place_of(uct_peervma_verdicts_t *verdicts,
                         const peervma_region_t *region)
{
    uint64_t page = region->base >> PAGE_SHIFT;

    return &verdicts->places[page * UINT64_C(0x9e3779b97f4a7c15) >>
                             (64 - PLACE_BITS)];
}

/* Where no events tell of mappings, what was done to this one shows in its
 * ends or protection only. */
static int is_same(const place_t *place, const peervma_region_t *region)
{
    return (place->base == region->base) && (place->length == region->length) &&
           (place->generation == region->generation) &&
           (place->prot == region->prot);
}

uct_peervma_verdict_t uct_peervma_verdict_get(uct_peervma_verdicts_t *verdicts,
                                              const peervma_region_t *region)
{
    uct_peervma_verdict_t verdict = UCT_PEERVMA_VERDICT_NONE;
    const place_t *place = place_of(verdicts, region);

    pthread_mutex_lock(&verdicts->lock);
    if (is_same(place, region)) {
        verdict = place->verdict;
    }
    pthread_mutex_unlock(&verdicts->lock);
    return verdict;
}

void uct_peervma_verdict_set(uct_peervma_verdicts_t *verdicts,
                             const peervma_region_t *region,
                             uct_peervma_verdict_t verdict)
{
    place_t *place = place_of(verdicts, region);

    pthread_mutex_lock(&verdicts->lock);
    *place = (place_t){.base = region->base,
                       .length = region->length,
                       .generation = region->generation,
                       .prot = region->prot,
                       .verdict = verdict};
    pthread_mutex_unlock(&verdicts->lock);
}
