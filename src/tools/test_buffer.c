/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_buffer.h"

#include <drm.h>
#include <drm_mode.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "softaccel_drm.h"

/* A dumb buffer is a picture: of lines of a page, 4 bytes a pixel. */
#define DUMB_LINE 4096
#define DUMB_PIXEL 4

static int call(int fd, unsigned long request, void *arg)
{
    int ret;

    do {
        ret = ioctl(fd, request, arg);
    } while (ret != 0 && (errno == EINTR || errno == EAGAIN));
    return ret == 0 ? 0 : -errno;
}

static int allocate_softaccel(struct test_buffer *buffer, uint64_t *offset_p)
{
    struct softaccel_alloc alloc = {.size = buffer->size};
    int ret = call(buffer->fd, DRM_IOCTL_SOFTACCEL_ALLOC, &alloc);

    buffer->handle = alloc.handle;
    *offset_p = alloc.mmap_offset;
    return ret;
}

static int allocate_dumb(struct test_buffer *buffer, uint64_t *offset_p)
{
    struct drm_mode_create_dumb create = {
        .width = DUMB_LINE / DUMB_PIXEL,
        .height = (uint32_t)(buffer->size / DUMB_LINE),
        .bpp = 8 * DUMB_PIXEL,
    };
    struct drm_mode_map_dumb map = {.handle = 0};
    int ret;

    ret = call(buffer->fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
    if (ret != 0) {
        return ret;
    }
    buffer->handle = map.handle = create.handle;
    ret = call(buffer->fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
    *offset_p = map.offset;
    return ret;
}

/* The first whose driver fits, and which has the node, is taken. */
static const struct way {
    const char *name;
    const char *driver; /* NULL: any */
    enum { NODE_ANY, NODE_CARD } node;
    uint64_t capability; /* of drm.h; 0: none */
    int (*allocate)(struct test_buffer *buffer, uint64_t *offset_p);
} ways[] = {
    {SOFTACCEL_DRIVER_NAME, SOFTACCEL_DRIVER_NAME, NODE_ANY, 0,
     allocate_softaccel},
    /* Render nodes do not offer it. */
    {"dumb", NULL, NODE_CARD, DRM_CAP_DUMB_BUFFER, allocate_dumb},
};

#define WAYS (sizeof(ways) / sizeof(ways[0]))

static bool has_capability(const char *node, uint64_t capability)
{
    struct drm_get_cap cap = {.capability = capability};
    int fd, ret;

    fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        /* Who may not open it, is told so when he allocates. */
        return errno == EACCES || errno == EPERM;
    }
    ret = call(fd, DRM_IOCTL_GET_CAP, &cap);
    close(fd);
    /* Drivers without displays do not tell: it shows when it is tried. */
    return ret == -EOPNOTSUPP || (ret == 0 && cap.value != 0);
}

static const char *node_of(const struct way *way,
                           const struct accelerator *accelerator)
{
    return way->node == NODE_CARD ? accelerator->card : accelerator->node;
}

static const struct way *find_way(const struct accelerator *accelerator)
{
    const struct way *way;

    for (way = ways; way < ways + WAYS; way++) {
        if ((way->driver == NULL ||
             strcmp(way->driver, accelerator->driver) == 0) &&
            node_of(way, accelerator)[0] != '\0' &&
            (way->capability == 0 ||
             has_capability(node_of(way, accelerator), way->capability))) {
            return way;
        }
    }
    return NULL;
}

static void free_handle(const struct test_buffer *buffer)
{
    struct drm_gem_close arg = {.handle = buffer->handle};

    if (buffer->handle != 0) {
        call(buffer->fd, DRM_IOCTL_GEM_CLOSE, &arg);
    }
}

int test_buffer_create(const struct accelerator *accelerator, size_t size,
                       struct test_buffer *buffer_p, const char **step_p)
{
    const struct way *way = find_way(accelerator);
    struct test_buffer buffer = {.fd = -1};
    uint64_t offset;
    int ret;

    *step_p = "finding a way to allocate";
    if (way == NULL) {
        return -EOPNOTSUPP;
    }
    buffer.way = way->name;
    buffer.size = (size + DUMB_LINE - 1) & ~(size_t)(DUMB_LINE - 1);

    *step_p = "opening the node";
    buffer.fd = open(node_of(way, accelerator), O_RDWR | O_CLOEXEC);
    if (buffer.fd < 0) {
        return -errno;
    }
    *step_p = "allocating";
    ret = way->allocate(&buffer, &offset);
    if (ret != 0) {
        ret = ret == -ENOSYS ? -EOPNOTSUPP : ret;
        goto err_free;
    }
    *step_p = "mapping";
    buffer.ptr = mmap(NULL, buffer.size, PROT_READ | PROT_WRITE, MAP_SHARED,
                      buffer.fd, (off_t)offset);
    if (buffer.ptr == MAP_FAILED) {
        ret = -errno;
        goto err_free;
    }
    *buffer_p = buffer;
    return 0;

err_free:
    free_handle(&buffer);
    close(buffer.fd);
    return ret;
}

void test_buffer_explain(const struct accelerator *accelerator, int error,
                         const char *step, char *text, size_t size)
{
    const char *driver = accelerator->driver;

    if (error == -EOPNOTSUPP) {
        snprintf(text, size,
                 "no way to allocate a test buffer: driver %s has no dumb "
                 "buffers, and peervma knows no other call of it",
                 driver[0] != '\0' ? driver : "?");
    } else if (error == -EACCES || error == -EPERM) {
        snprintf(text, size,
                 "%s: no permission: join the group that owns the node (ls -l "
                 "%s), usually render or video",
                 step, accelerator->node);
    } else {
        snprintf(text, size, "%s: %s", step, strerror(-error));
    }
}

void test_buffer_destroy(struct test_buffer *buffer)
{
    munmap(buffer->ptr, buffer->size);
    free_handle(buffer);
    close(buffer->fd);
}
