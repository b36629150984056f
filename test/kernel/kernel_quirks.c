/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers whose mappings and exports are odd: peervma_quirks.ko's. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"
#include "quirks_drm.h"
#include "tap.h"

#define PAGES 4

/* An object of the driver, by its handle and its PRIME dma-buf. */
typedef struct object {
    int fd; /* the node */
    uint32_t handle;
    off_t mmap_offset;
    size_t size;
} object_t;

/* The render node of the driver `name`. */
static int node_open(const char *name)
{
    char path[32], found[32];
    struct drm_version version;
    unsigned minor;
    int fd;

    for (minor = 128; minor < 192; minor++) {
        snprintf(path, sizeof(path), "/dev/dri/renderD%u", minor);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        memset(found, 0, sizeof(found));
        version = (struct drm_version){
            .name = found,
            .name_len = sizeof(found) - 1,
        };
        if (ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 &&
            strcmp(found, name) == 0)
            return fd;
        close(fd);
    }
    tap_fail(__FILE__, __LINE__, "no DRM device of the driver %s", name);
}

static object_t object_create(const char *name, enum quirk quirk, size_t size)
{
    struct quirks_alloc alloc = {.size = size, .quirk = quirk};
    object_t object = {.fd = node_open(name), .size = size};

    tap_check_equal(ioctl(object.fd, DRM_IOCTL_QUIRKS_ALLOC, &alloc), 0);
    object.handle = alloc.handle;
    object.mmap_offset = (off_t)alloc.mmap_offset;
    return object;
}

static object_t object_of(enum quirk quirk)
{
    return object_create(QUIRKS_DRIVER_NAME, quirk, PAGES * page);
}

static uint8_t *object_map(const object_t *object)
{
    return map_shared(object->fd, (size_t)object->mmap_offset, object->size);
}

static int object_prime(const object_t *object)
{
    struct drm_prime_handle prime = {
        .handle = object->handle,
        .flags = DRM_CLOEXEC | DRM_RDWR,
    };

    tap_check_equal(ioctl(object->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    return prime.fd;
}

/* A mapping of [offset, offset + length) of the object's dma-buf. */
static uint8_t *prime_map(const object_t *object, size_t offset, size_t length)
{
    int fd = object_prime(object);
    uint8_t *map = map_shared(fd, offset, length);

    close(fd);
    return map;
}

/* Check what both ioctls say against a whole mapping. */
static void check_refused(const uint8_t *map, size_t length, int error,
                          unsigned reason)
{
    struct peervma_query query = query_ok(map);

    tap_check_equal(query.reason, reason);
    export_refused(map, length, error, reason);
}

static void check_offsets(enum quirk quirk)
{
    object_t object = object_of(quirk);
    uint8_t *map = prime_map(&object, page, 3 * page);
    struct peervma_query query = query_ok(map);

    tap_check_equal(query.object_offset, page);
    tap_check_equal(query.object_size, object.size);
    tap_check_equal(query.pci_valid, 0);
    close(export_ok(map, 3 * page, page, object.size));
    tap_check_equal(munmap(map, page), 0);
    close(export_ok(map + page, page, 2 * page, object.size));
    munmap(map + page, 2 * page);
    close(object.fd);
}

static void test_plain_offset(void)
{
    check_offsets(QUIRK_PLAIN_OFFSET);
}

static void test_fake_offset(void)
{
    check_offsets(QUIRK_FAKE_OFFSET);
}

static void test_odd_offset(void)
{
    object_t object = object_of(QUIRK_ODD_OFFSET);
    uint8_t *map = prime_map(&object, 0, object.size);

    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_UNKNOWN_OFFSET);
    munmap(map, object.size);
    close(object.fd);
}

/*
 * In an object of 8 GiB the fake offsets, from 4 GiB on, and the plain ones
 * overlap: what could be either is refused, what can be one only is not.
 */
static void test_huge_object(void)
{
    const size_t size = (size_t)8 << 30;
    object_t object =
        object_create(QUIRKS_DRIVER_NAME, QUIRK_FAKE_OFFSET, size);
    uint8_t *map = prime_map(&object, 0, size);

    tap_check((size_t)object.mmap_offset < size);
    close(export_ok(map, size, 0, size));
    munmap(map + page, size - page);
    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_UNKNOWN_OFFSET);
    munmap(map, page);
    close(object.fd);

    object = object_create(QUIRKS_DRIVER_NAME, QUIRK_PLAIN_OFFSET, size);
    map = prime_map(&object, page, page);
    close(export_ok(map, page, page, size));
    munmap(map, page);
    map = prime_map(&object, (size_t)object.mmap_offset, page);
    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_UNKNOWN_OFFSET);
    munmap(map, page);
    close(object.fd);
}

static void test_growing(void)
{
    object_t object = object_of(QUIRK_GROWING);
    uint8_t *map = prime_map(&object, 0, object.size);
    const size_t grown = object.size + page;
    uint8_t *to = mremap(map, object.size, grown, MREMAP_MAYMOVE);

    tap_check(to != MAP_FAILED);
    check_refused(to, grown, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    check_refused(to, page, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    munmap(to + object.size, page);
    close(export_ok(to, object.size, 0, object.size));
    munmap(to, object.size);
    close(object.fd);
}

static void test_short_dmabuf(void)
{
    object_t object = object_of(QUIRK_SHORT_DMABUF);
    uint8_t *map = object_map(&object);
    unsigned fds;

    (void)device_fd();
    fds = fds_used();
    export_refused(map, 2 * page, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    export_refused(map + page, page, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    tap_check_equal(fds_used(), fds);
    close(export_ok(map, page, 0, page));
    munmap(map, object.size);
    close(object.fd);
}

static void test_longer_node(void)
{
    object_t object = object_of(QUIRK_NODE_LONGER);
    uint8_t *map;

    object.size += page;
    map = object_map(&object);
    check_refused(map, object.size, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    munmap(map, object.size);
    close(object.fd);
}

static void check_exporter_error(enum quirk quirk, int error)
{
    object_t object = object_of(quirk);
    uint8_t *map = object_map(&object);
    struct peervma_query query = query_ok(map);
    unsigned fds = fds_used();

    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    export_refused(map, page, error, PEERVMA_REASON_EXPORTER);
    tap_check_equal(fds_used(), fds);
    munmap(map, object.size);
    close(object.fd);
}

static void test_exporter_error(void)
{
    check_exporter_error(QUIRK_EXPORT_FAILS, EIO);
    check_exporter_error(QUIRK_ONE_HANDLE, EPERM);
}

static void test_no_prime(void)
{
    object_t object = object_of(QUIRK_NO_PRIME);
    uint8_t *map = object_map(&object);

    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_NO_PRIME);
    munmap(map, object.size);
    close(object.fd);
}

static void test_not_gem(void)
{
    object_t own =
        object_create(QUIRKS_MMAP_DRIVER_NAME, QUIRK_FAKE_OFFSET, PAGES * page);
    object_t taken = object_of(QUIRK_NODE_PLAIN_OFFSET);
    uint8_t *map = object_map(&own);

    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_NOT_GEM);
    tap_check_equal(query_ok(map).kind, PEERVMA_VMA_DRM);
    munmap(map, own.size);
    close(own.fd);

    map = object_map(&taken);
    check_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_NOT_GEM);
    munmap(map, taken.size);
    close(taken.fd);
}

static const tap_test_t tests[] = {
    {"a dma-buf's mapping that kept its offset", test_plain_offset},
    {"a dma-buf's mapping with the fake offset, by a driver's own mmap",
     test_fake_offset},
    {"a dma-buf's mapping with an offset that says nothing is EOPNOTSUPP",
     test_odd_offset},
    {"an offset that could be fake or plain is EOPNOTSUPP", test_huge_object},
    {"a mapping grown beyond its dma-buf is ERANGE", test_growing},
    {"a range beyond a dma-buf shorter than its object is ERANGE",
     test_short_dmabuf},
    {"a node's mapping longer than its object is ERANGE", test_longer_node},
    {"the exporter's own errno comes unchanged", test_exporter_error},
    {"a DRM driver without PRIME export is EOPNOTSUPP", test_no_prime},
    {"a DRM mapping whose offset is no GEM object's is EOPNOTSUPP",
     test_not_gem},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
