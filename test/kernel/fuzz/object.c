/* SPDX-License-Identifier: BSD-3-Clause */
#include "object.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/drm_mode.h>

#include "device.h"
#include "fuzz.h"
#include "tap.h"

#define TAG_MAGIC 0x70767a66

bool object_is_device(const object_t *object)
{
    return object->kind < OBJECT_FILE;
}

bool object_is_dead(const worker_t *worker, const object_t *object)
{
    return object->kind == OBJECT_ACCEL &&
           object->epoch != atomic_load(&worker->run->epoch);
}

/*
 * The kernel reads and writes for us: where the memory is gone, that is EFAULT
 * and no signal.
 */
static bool tag_read(worker_t *worker, const void *address, tag_t *tag_p)
{
    return write(worker->tags[1], address, sizeof(*tag_p)) == sizeof(*tag_p) &&
           read(worker->tags[0], tag_p, sizeof(*tag_p)) == sizeof(*tag_p);
}

/*
 * Mapped from its beginning: DRM's shmem helpers, which vgem uses, take a
 * VMA's first page for the object's.
 */
bool tag_read_dmabuf(worker_t *worker, int fd, uint64_t offset, tag_t *tag_p)
{
    uint8_t *map = mmap(NULL, offset + page, PROT_READ, MAP_SHARED, fd, 0);
    bool read;

    if (map == MAP_FAILED)
        return false;
    read = tag_read(worker, map + offset, tag_p);
    munmap(map, offset + page);
    return read;
}

static bool tag_write(worker_t *worker, void *address, const tag_t *tag)
{
    tag_t rest;

    if (write(worker->tags[1], tag, sizeof(*tag)) != sizeof(*tag))
        return false;
    if (read(worker->tags[0], address, sizeof(*tag)) == sizeof(*tag))
        return true;
    (void)!read(worker->tags[0], &rest, sizeof(rest));
    return false;
}

bool tag_is(const tag_t *tag, uint32_t number, uint32_t page_number)
{
    return tag->magic == TAG_MAGIC && tag->number == number &&
           tag->page == page_number;
}

static bool object_mark(worker_t *worker, const object_t *object, uint8_t *map)
{
    tag_t tag = {.magic = TAG_MAGIC, .number = object->number};

    for (tag.page = 0; tag.page < object->pages; tag.page++)
        if (!tag_write(worker, map + tag.page * page, &tag))
            return false;
    return true;
}

/* Numbers of different threads differ, and are the same in each run. */
static void object_number(worker_t *worker, object_t *object)
{
    object->number += FUZZ_THREADS;
    if (object->number >= OBJECT_NUMBERS)
        complain(worker, "out of object numbers");
}

static void object_register(worker_t *worker, object_t *object)
{
    registry_t *registry = &worker->run->registry;
    struct stat st = {0};

    if (object->dmabuf >= 0 && fstat(object->dmabuf, &st) != 0)
        complain(worker, "fstat of a dma-buf: %m");
    object->inode = st.st_ino;
    object->valid = true;
    atomic_store(&registry->object[object->number].inode, st.st_ino);
    atomic_store(&registry->object[object->number].pages, object->pages);
}

static void object_drop(worker_t *worker, object_t *object)
{
    struct drm_gem_close close_args = {.handle = object->handle};

    if (!object->valid)
        return;
    atomic_store(&worker->run->registry.object[object->number].retired, true);
    if (object->handle != 0 && !object->handle_closed)
        ioctl(object->node, DRM_IOCTL_GEM_CLOSE, &close_args);
    if (object->dmabuf >= 0)
        close(object->dmabuf);
    if (object->node >= 0)
        close(object->node);
    object->valid = false;
}

/* Without a handle of its own it cannot fail but by the device going away. */
static bool accel_make(worker_t *worker, object_t *object, bool exported)
{
    softaccel_buffer_t buffer;
    bool made;

    object->node_offset = 0;
    object->handle = 0;
    object->handle_closed = false;
    object->dmabuf = -1;
    if (softaccel_open(&object->node) != 0)
        return false;
    if (softaccel_buffer_create(object->node, object->pages * page, &buffer) !=
        0) {
        close(object->node);
        return false;
    }
    object->handle = buffer.handle;
    object->node_offset = buffer.mmap_offset;
    made = object_mark(worker, object, buffer.ptr);
    munmap(buffer.ptr, buffer.size);
    if (made && exported)
        made = softaccel_buffer_export(&buffer, &object->dmabuf) == 0;
    object_register(worker, object);
    if (!made)
        object_drop(worker, object);
    return made;
}

void object_replace(worker_t *worker, object_t *object)
{
    /* The last one is never exported but by the calls that are tried. */
    const bool exported = object != &worker->objects[OBJECTS_ACCEL - 1];

    object_drop(worker, object);
    object->kind = OBJECT_ACCEL;
    object_number(worker, object);
    object->pages = 1 + below(worker, OBJECT_PAGES);
    object->epoch = atomic_load(&worker->run->epoch);
    if (accel_make(worker, object, exported) &&
        !epoch_holds(worker, object->epoch))
        object_drop(worker, object);
}

void object_close_handle(worker_t *worker, object_t *object)
{
    struct drm_gem_close close_args = {.handle = object->handle};

    if (!object->valid || object->handle_closed)
        return;
    atomic_store(&worker->run->registry.object[object->number].retired, true);
    /* A file of a device that is gone keeps its handles: ENODEV. */
    if (ioctl(object->node, DRM_IOCTL_GEM_CLOSE, &close_args) == 0)
        object->handle_closed = true;
}

static int vgem_open(void)
{
    struct drm_version version;
    char path[32], name[8];
    int i, fd;

    for (i = 0; i < 16; i++) {
        snprintf(path, sizeof(path), "/dev/dri/card%d", i);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0)
            continue;
        memset(name, 0, sizeof(name));
        version = (struct drm_version){.name = name, .name_len = 4};
        if (ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 &&
            memcmp(name, "vgem", 4) == 0)
            return fd;
        close(fd);
    }
    tap_fail(__FILE__, __LINE__, "no vgem: modprobe vgem");
}

static void vgem_make(object_t *object)
{
    struct drm_mode_create_dumb dumb = {
        .width = object->pages * 1024, .height = 1, .bpp = 32};
    struct drm_mode_map_dumb map = {0};
    struct drm_prime_handle prime = {.flags = DRM_CLOEXEC | DRM_RDWR};

    object->node = vgem_open();
    tap_check_equal(ioctl(object->node, DRM_IOCTL_MODE_CREATE_DUMB, &dumb), 0);
    map.handle = prime.handle = object->handle = dumb.handle;
    tap_check_equal(ioctl(object->node, DRM_IOCTL_MODE_MAP_DUMB, &map), 0);
    tap_check_equal(ioctl(object->node, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime),
                    0);
    object->node_offset = map.offset;
    object->dmabuf = prime.fd;
}

static void file_make(object_t *object)
{
    object->node = memfd_create("fuzz", MFD_CLOEXEC);
    tap_check(object->node >= 0);
    tap_check_equal(ftruncate(object->node, (off_t)(object->pages * page)), 0);
}

/* Those that stay for the whole run. */
static void object_make(worker_t *worker, object_t *object)
{
    uint8_t *map;

    object->node = object->dmabuf = -1;
    object_number(worker, object);
    object->pages = OBJECT_PAGES;
    switch (object->kind) {
    case OBJECT_VGEM:
        vgem_make(object);
        break;
    case OBJECT_HEAP:
        object->dmabuf = heap_create(object->pages * page, O_RDWR);
        break;
    case OBJECT_UDMABUF:
        object->dmabuf = udmabuf_create(object->pages * page);
        break;
    case OBJECT_FILE:
        file_make(object);
        break;
    default:
        break;
    }
    if (object_is_device(object)) {
        map = map_shared(object->dmabuf, 0, object->pages * page);
        tap_check(object_mark(worker, object, map));
        munmap(map, object->pages * page);
    }
    object_register(worker, object);
}

void objects_create(worker_t *worker)
{
    static const enum object_kind kinds[OBJECTS - OBJECTS_ACCEL] = {
        OBJECT_VGEM, OBJECT_HEAP, OBJECT_UDMABUF, OBJECT_FILE, OBJECT_ANONYMOUS,
    };
    size_t i;

    for (i = 0; i < OBJECTS; i++)
        worker->objects[i].number = (uint32_t)(i * (OBJECT_NUMBERS / OBJECTS)) /
                                        FUZZ_THREADS * FUZZ_THREADS +
                                    worker->index + 1;
    for (i = 0; i < OBJECTS_ACCEL; i++) {
        object_replace(worker, &worker->objects[i]);
        tap_check(worker->objects[i].valid);
    }
    for (; i < OBJECTS; i++) {
        worker->objects[i].kind = kinds[i - OBJECTS_ACCEL];
        object_make(worker, &worker->objects[i]);
    }
}

void objects_destroy(worker_t *worker)
{
    size_t i;

    for (i = 0; i < OBJECTS; i++)
        object_drop(worker, &worker->objects[i]);
}
