/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_export.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "explain.h"
#include "ipc_service.h"

/*
 * It holds no dma-buf: the memory would stay allocated as long as UCX keeps the
 * registration, which it may do for long after munmap().
 */
struct uct_peervma_ipc_export {
    uct_peervma_ipc_export_t *next;
    uint64_t id;
    peervma_region_t region;
    unsigned users;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uct_peervma_ipc_export_t *exports;
static uint64_t last_id;

static int is_same_mapping(const peervma_region_t *a, const peervma_region_t *b)
{
    return (a->base == b->base) && (a->length == b->length) &&
           (a->generation == b->generation);
}

/* Under the lock. */
static uct_peervma_ipc_export_t *find_or_add(const peervma_region_t *region)
{
    uct_peervma_ipc_export_t *export;

    for (export = exports; export != NULL; export = export->next) {
        if (is_same_mapping(&export->region, region)) {
            ++export->users;
            return export;
        }
    }
    export = malloc(sizeof(*export));
    if (export != NULL) {
        *export = (uct_peervma_ipc_export_t){
            .next = exports, .id = ++last_id, .region = *region, .users = 1};
        exports = export;
    }
    return export;
}

uct_peervma_ipc_export_t *uct_peervma_ipc_export_get(peervma_context_t *context,
                                                     const void *address,
                                                     size_t length)
{
    uct_peervma_ipc_export_t *export;
    peervma_region_t region;

    if ((peervma_region_lookup(context, address, &region) != 0) ||
        (length > region.length - ((uintptr_t)address - region.base))) {
        return NULL;
    }
    pthread_mutex_lock(&lock);
    export = find_or_add(&region);
    pthread_mutex_unlock(&lock);
    return export;
}

void uct_peervma_ipc_export_put(uct_peervma_ipc_export_t *export)
{
    uct_peervma_ipc_export_t **link;
    int last;

    if (export == NULL) {
        return;
    }
    pthread_mutex_lock(&lock);
    last = (--export->users == 0);
    if (last) {
        for (link = &exports; *link != export; link = &(*link)->next) {
        }
        *link = export->next;
    }
    pthread_mutex_unlock(&lock);
    if (last) {
        uct_peervma_ipc_service_tell_dropped(export->id);
        free(export);
    }
}

void uct_peervma_ipc_export_key(const uct_peervma_ipc_export_t *export,
                                uct_peervma_ipc_key_t *key_p)
{
    memset(key_p, 0, sizeof(*key_p));
    if (export != NULL) {
        key_p->owner = *uct_peervma_ipc_service_token();
        key_p->id = export->id;
        key_p->base = export->region.base;
        key_p->length = export->region.length;
    }
}

static int find_region(uint64_t id, peervma_region_t *region_p)
{
    const uct_peervma_ipc_export_t *export;

    pthread_mutex_lock(&lock);
    for (export = exports; (export != NULL) && (export->id != id);
         export = export->next) {
    }
    if (export != NULL) {
        *region_p = export->region;
    }
    pthread_mutex_unlock(&lock);
    return (export != NULL) ? 0 : -ESTALE;
}

int uct_peervma_ipc_export_open(uint64_t id, uint64_t *offset_p, void *arg)
{
    peervma_context_t *context = arg;
    peervma_region_t region, now;
    peervma_refusals_t refusals;
    peervma_export_t export;
    int ret;

    ret = find_region(id, &region);
    if (ret != 0) {
        return ret;
    }
    ret = peervma_region_export(context, (const void *)region.base,
                                region.length, &export, &refusals);
    if (ret != 0) {
        uct_peervma_explain_refused((const void *)region.base, region.length,
                                    ret, &refusals);
        return ret;
    }
    /* Is it still what was registered? A later change is told by a drop. */
    if ((peervma_region_lookup(context, (const void *)region.base, &now) !=
         0) ||
        !is_same_mapping(&region, &now)) {
        close(export.fd);
        return -ESTALE;
    }
    *offset_p = export.offset;
    return export.fd;
}
