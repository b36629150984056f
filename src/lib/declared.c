/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Lookups read the map, without a lock. The descriptors are in a list beside
 * it, which is changed under the context's mutex, and by one store each time: a
 * forked child may find it at any point of a change.
 */
#include "declared.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <unistd.h>

#include "describe.h"

struct peervma_declaration {
    struct peervma_declaration *next;
    uintptr_t base;
    size_t length;
    int fd;
};

typedef int (*map_read_t)(const struct peervma_region_map *map,
                          uintptr_t address, peervma_region_t *region_p);

static int read_declared(peervma_context_t *context, map_read_t read,
                         uintptr_t address, peervma_region_t *region_p)
{
    const struct peervma_region_map *map = peervma_declared_map(context);
    int ret;

    if (map == NULL) {
        return -ENOENT;
    }
    ret = read(map, address, region_p);
    if (ret == -EAGAIN) {
        pthread_mutex_lock(&context->live->mutex);
        ret = read(map, address, region_p);
        pthread_mutex_unlock(&context->live->mutex);
    }
    return ret;
}

int peervma_declared_find(peervma_context_t *context, uintptr_t address,
                          peervma_region_t *region_p)
{
    return read_declared(context, peervma_region_map_find, address, region_p);
}

int peervma_declared_next(peervma_context_t *context, uintptr_t address,
                          peervma_region_t *region_p)
{
    return read_declared(context, peervma_region_map_next, address, region_p);
}

static bool has_byte_of(const peervma_region_t *region, uintptr_t start,
                        uintptr_t end)
{
    return region->base < end && region->base + region->length > start;
}

static int exists(const struct peervma_vma *vma, const peervma_region_t *region,
                  void *arg)
{
    (void)vma;
    (void)region;
    (void)arg;
    return -EEXIST;
}

/* 0, or -EEXIST if a byte of the range is known for device memory already. */
static int check_free(const peervma_context_t *context, uintptr_t start,
                      uintptr_t end)
{
    peervma_region_t region;

    if (context->declared != NULL &&
        peervma_region_map_next(context->declared, start, &region) == 0 &&
        has_byte_of(&region, start, end)) {
        return -EEXIST;
    }
    return peervma_mappings_walk(context, start, end, exists, NULL);
}

/* Under the mutex. `declaration` has its descriptor, and its range is free. */
static int add(peervma_context_t *context,
               struct peervma_declaration *declaration, uint64_t offset,
               uint64_t size)
{
    const peervma_region_t region = {
        .base = declaration->base,
        .length = declaration->length,
        .object_offset = offset,
        .object_size = size,
        .generation = ++context->generation,
        .kind = PEERVMA_KIND_DECLARED,
        .numa_node = -1,
    };
    struct peervma_region_map *map = context->declared;
    int ret;

    if (map == NULL) {
        ret = peervma_region_map_create(&map);
        if (ret != 0) {
            return ret;
        }
        __atomic_store_n(&context->declared, map, __ATOMIC_RELEASE);
    }
    peervma_region_map_begin(map);
    ret = peervma_region_map_insert(map, &region);
    peervma_region_map_end(map);
    if (ret == 0) {
        declaration->next = context->declarations;
        __atomic_store_n(&context->declarations, declaration, __ATOMIC_RELEASE);
    }
    return ret;
}

/* The bytes in a dma-buf, or -errno. */
static int64_t dmabuf_size(const peervma_context_t *context, int fd)
{
    struct peervma_file file;
    off_t size;

    if (context->view.identify_fd(fd, &file) != 0 ||
        file.fs_magic != DMA_BUF_MAGIC) {
        return -EINVAL;
    }
    size = lseek(fd, 0, SEEK_END);
    return size < 0 ? -errno : size;
}

static int declare(peervma_context_t *context, uintptr_t address, size_t length,
                   int fd, uint64_t offset)
{
    struct peervma_declaration *declaration;
    int64_t size;
    int ret;

    size = dmabuf_size(context, fd);
    if (size < 0) {
        return (int)size;
    }
    if (offset > (uint64_t)size || length > (uint64_t)size - offset) {
        return -ERANGE;
    }
    declaration = malloc(sizeof(*declaration));
    if (declaration == NULL) {
        return -ENOMEM;
    }
    *declaration = (struct peervma_declaration){
        .base = address,
        .length = length,
        .fd = fd,
    };

    pthread_mutex_lock(&context->live->mutex);
    ret = check_free(context, address, address + length);
    if (ret == 0) {
        ret = add(context, declaration, offset, (uint64_t)size);
    }
    pthread_mutex_unlock(&context->live->mutex);
    if (ret != 0) {
        free(declaration);
    }
    return ret;
}

int peervma_region_declare(peervma_context_t *context, const void *address,
                           size_t length, int fd, uint64_t offset)
{
    uintptr_t start = (uintptr_t)address;
    int ret, copy;

    if (context == NULL || address == NULL || length == 0 ||
        length > UINTPTR_MAX - start ||
        (start ^ offset) % context->page_size != 0) {
        return -EINVAL;
    }
    ret = peervma_context_enter(context);
    if (ret != 0) {
        return ret;
    }

    copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return -errno;
    }
    ret = declare(context, start, length, copy, offset);
    if (ret != 0) {
        close(copy);
    }
    return ret;
}

/* Under the mutex: take it out of map and list. NULL if there is none. */
static struct peervma_declaration *take_out(peervma_context_t *context,
                                            uintptr_t address, size_t length)
{
    struct peervma_declaration **link = &context->declarations, *found;

    while (*link != NULL &&
           ((*link)->base != address || (*link)->length != length)) {
        link = &(*link)->next;
    }
    found = *link;
    if (found != NULL) {
        peervma_region_map_begin(context->declared);
        peervma_region_map_cut(context->declared, address, address + length);
        peervma_region_map_end(context->declared);
        __atomic_store_n(link, found->next, __ATOMIC_RELEASE);
    }
    return found;
}

int peervma_region_undeclare(peervma_context_t *context, const void *address,
                             size_t length)
{
    struct peervma_declaration *declaration;
    int ret;

    if (context == NULL) {
        return -EINVAL;
    }
    ret = peervma_context_enter(context);
    if (ret != 0) {
        return ret;
    }

    pthread_mutex_lock(&context->live->mutex);
    declaration = take_out(context, (uintptr_t)address, length);
    pthread_mutex_unlock(&context->live->mutex);
    if (declaration == NULL) {
        return -ENOENT;
    }
    close(declaration->fd);
    free(declaration);
    return 0;
}

/* Under the mutex: a copy of the descriptor of the declaration at `base`. */
static int copy_descriptor(const peervma_context_t *context, uintptr_t base)
{
    const struct peervma_declaration *declaration = context->declarations;
    int fd;

    while (declaration->base != base) {
        declaration = declaration->next;
    }
    fd = fcntl(declaration->fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

int peervma_declared_export(peervma_context_t *context, uintptr_t address,
                            size_t length, peervma_export_t *export_p)
{
    peervma_region_t region;
    int fd = -1, ret;

    if (peervma_declared_map(context) == NULL) {
        return -ENOENT;
    }
    pthread_mutex_lock(&context->live->mutex);
    ret = peervma_region_map_find(context->declared, address, &region);
    if (ret == 0 && length > region.length - (address - region.base)) {
        ret = -ERANGE;
    }
    if (ret == 0) {
        fd = copy_descriptor(context, region.base);
    }
    pthread_mutex_unlock(&context->live->mutex);
    if (ret != 0 || fd < 0) {
        return ret != 0 ? ret : fd;
    }

    *export_p = (peervma_export_t){
        .fd = fd,
        .offset = region.object_offset + (address - region.base),
        .object_size = region.object_size,
        .provider = "declared",
    };
    return 0;
}

void peervma_declared_forget(peervma_context_t *context)
{
    struct peervma_declaration *declaration = context->declarations, *next;

    context->declarations = NULL;
    for (; declaration != NULL; declaration = next) {
        next = declaration->next;
        close(declaration->fd);
        free(declaration);
    }
}
