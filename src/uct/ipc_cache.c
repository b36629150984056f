/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_cache.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ipc_service.h"
#include "stats.h"

/* Mappings that nobody uses just now; each has a descriptor. */
#define MAX_IDLE 128

typedef uct_peervma_ipc_mapping_t mapping_t;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t mapped;
    mapping_t *mappings;
    unsigned idle;
    uint64_t clock;
} cache = {.lock = PTHREAD_MUTEX_INITIALIZER,
           .mapped = PTHREAD_COND_INITIALIZER};

/* Outside the lock: munmap() calls UCX's hooks. */
static void destroy(mapping_t *mapping)
{
    if (mapping->address != NULL) {
        munmap(mapping->address, mapping->key.length);
        uct_peervma_stat_add(UCT_PEERVMA_STAT_IPC_UNMAPS, 1);
    }
    if (mapping->fd >= 0) {
        close(mapping->fd);
    }
    free(mapping);
}

static void destroy_all(mapping_t *mapping)
{
    mapping_t *next;

    for (; mapping != NULL; mapping = next) {
        next = mapping->next;
        destroy(mapping);
    }
}

/* Under the lock; the mapping goes into a list to be destroyed. */
static void take_out(mapping_t **link, mapping_t **list_p)
{
    mapping_t *mapping = *link;

    *link = mapping->next;
    --cache.idle;
    mapping->next = *list_p;
    *list_p = mapping;
}

/* Under the lock: the least recently used one goes if there are too many. */
static mapping_t *trim(void)
{
    mapping_t **link, **oldest = NULL, *list = NULL;

    if (cache.idle > MAX_IDLE) {
        for (link = &cache.mappings; *link != NULL; link = &(*link)->next) {
            if (((*link)->users == 0) &&
                ((oldest == NULL) ||
                 ((*link)->last_used < (*oldest)->last_used))) {
                oldest = link;
            }
        }
        take_out(oldest, &list);
    }
    return list;
}

/* Under the lock. */
static mapping_t *find(const uct_peervma_ipc_key_t *key)
{
    mapping_t *mapping;

    for (mapping = cache.mappings; mapping != NULL; mapping = mapping->next) {
        if ((mapping->key.id == key->id) && !atomic_load(&mapping->dropped) &&
            uct_peervma_ipc_token_equals(&mapping->key.owner, &key->owner)) {
            break;
        }
    }
    return mapping;
}

/* Under the lock. */
static mapping_t *add(const uct_peervma_ipc_key_t *key)
{
    mapping_t *mapping = calloc(1, sizeof(*mapping));

    if (mapping != NULL) {
        mapping->key = *key;
        mapping->fd = -1;
        mapping->result = -EINPROGRESS;
        mapping->users = 1;
        mapping->next = cache.mappings;
        cache.mappings = mapping;
    }
    return mapping;
}

static int map(mapping_t *mapping)
{
    uint64_t offset;
    void *address;
    int fd, ret;

    fd = uct_peervma_ipc_service_request(&mapping->key.owner, mapping->key.id,
                                         &offset);
    if (fd < 0) {
        return fd;
    }
    address = mmap(NULL, mapping->key.length, PROT_READ | PROT_WRITE,
                   MAP_SHARED, fd, (off_t)offset);
    if (address == MAP_FAILED) {
        ret = -errno;
        close(fd);
        return ret;
    }
    mapping->address = address;
    mapping->fd = fd;
    uct_peervma_stat_add(UCT_PEERVMA_STAT_IPC_MAPS, 1);
    return 0;
}

/* Under the lock, which it gives up to map. */
static mapping_t *find_or_map(const uct_peervma_ipc_key_t *key)
{
    mapping_t *mapping = find(key);
    int ret;

    if (mapping != NULL) {
        cache.idle -= (mapping->users++ == 0);
        while (mapping->result == -EINPROGRESS) {
            pthread_cond_wait(&cache.mapped, &cache.lock);
        }
        uct_peervma_stat_add(UCT_PEERVMA_STAT_IPC_HITS, mapping->result == 0);
        return mapping;
    }
    mapping = add(key);
    if (mapping != NULL) {
        pthread_mutex_unlock(&cache.lock);
        ret = map(mapping);
        pthread_mutex_lock(&cache.lock);
        mapping->result = ret;
        pthread_cond_broadcast(&cache.mapped);
    }
    return mapping;
}

int uct_peervma_ipc_cache_get(const uct_peervma_ipc_key_t *key,
                              uct_peervma_ipc_mapping_t **mapping_p)
{
    mapping_t *mapping;
    int ret = -ENOMEM;

    if ((key->id == 0) || (key->length == 0)) {
        return -ENXIO;
    }
    pthread_mutex_lock(&cache.lock);
    mapping = find_or_map(key);
    if (mapping != NULL) {
        ret = mapping->result;
        if ((ret == 0) && atomic_load(&mapping->dropped)) {
            ret = -ESTALE;
        }
    }
    pthread_mutex_unlock(&cache.lock);

    if (ret == 0) {
        *mapping_p = mapping;
    } else if (mapping != NULL) {
        uct_peervma_ipc_cache_put(mapping); /* remembered until it is dropped */
    }
    return ret;
}

void uct_peervma_ipc_cache_put(uct_peervma_ipc_mapping_t *mapping)
{
    mapping_t **link, *list = NULL;

    pthread_mutex_lock(&cache.lock);
    mapping->last_used = ++cache.clock;
    if (--mapping->users == 0) {
        ++cache.idle;
        if (atomic_load(&mapping->dropped)) {
            for (link = &cache.mappings; *link != mapping;
                 link = &(*link)->next) {
            }
            take_out(link, &list);
        } else {
            list = trim();
        }
    }
    pthread_mutex_unlock(&cache.lock);
    destroy_all(list);
}

void uct_peervma_ipc_cache_drop(const uct_peervma_ipc_token_t *owner,
                                uint64_t id, void *arg)
{
    mapping_t **link, *list = NULL;

    (void)arg;
    pthread_mutex_lock(&cache.lock);
    link = &cache.mappings;
    while (*link != NULL) {
        if (((owner == NULL) ||
             uct_peervma_ipc_token_equals(&(*link)->key.owner, owner)) &&
            ((id == 0) || ((*link)->key.id == id))) {
            atomic_store(&(*link)->dropped, 1);
            if ((*link)->users == 0) {
                take_out(link, &list);
                continue;
            }
        }
        link = &(*link)->next;
    }
    pthread_mutex_unlock(&cache.lock);
    destroy_all(list);
}
