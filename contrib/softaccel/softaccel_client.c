/* SPDX-License-Identifier: BSD-3-Clause */
#include "softaccel_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* As the DRM core counts its minors of either kind. */
#define SOFTACCEL_RENDER_FIRST 128
#define SOFTACCEL_RENDER_LAST 191
#define SOFTACCEL_ACCEL_LAST 255

static int softaccel_ioctl(int fd, unsigned long request, void *arg)
{
    int ret;

    do {
        ret = ioctl(fd, request, arg);
    } while (ret < 0 && (errno == EINTR || errno == EAGAIN));

    return ret < 0 ? -errno : 0;
}

static int softaccel_is_ours(int fd)
{
    char name[sizeof(SOFTACCEL_DRIVER_NAME)] = "";
    struct drm_version version = {
        .name = name,
        .name_len = sizeof(name) - 1,
    };

    return softaccel_ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 &&
           version.name_len == sizeof(name) - 1 &&
           strcmp(name, SOFTACCEL_DRIVER_NAME) == 0;
}

/*
 * Look at the nodes `format` `first` to `last`. Returns a descriptor of the
 * one that is number *skip among ours, or -ENODEV and *skip reduced by those
 * found. A node that cannot be opened may be ours: *denied_p says so.
 */
static int softaccel_scan(const char *format, unsigned first, unsigned last,
                          unsigned *skip, int *denied_p)
{
    char path[64];
    unsigned minor;
    int fd;

    for (minor = first; minor <= last; minor++) {
        snprintf(path, sizeof(path), format, minor);
        fd = open(path, O_RDWR | O_CLOEXEC);
        if (fd < 0) {
            if (errno == EACCES || errno == EPERM)
                *denied_p = 1;
            else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
                return -errno;
            continue;
        }
        if (softaccel_is_ours(fd) && (*skip)-- == 0)
            return fd;
        close(fd);
    }

    return -ENODEV;
}

int softaccel_open_index(unsigned index, int *fd_p)
{
    int denied = 0;
    int fd;

    fd = softaccel_scan("/dev/dri/renderD%u", SOFTACCEL_RENDER_FIRST,
                        SOFTACCEL_RENDER_LAST, &index, &denied);
    if (fd == -ENODEV)
        fd = softaccel_scan("/dev/accel/accel%u", 0, SOFTACCEL_ACCEL_LAST,
                            &index, &denied);
    if (fd < 0)
        return fd == -ENODEV && denied ? -EACCES : fd;

    *fd_p = fd;
    return 0;
}

int softaccel_open(int *fd_p)
{
    return softaccel_open_index(0, fd_p);
}

int softaccel_info(int fd, struct softaccel_info *info_p)
{
    struct softaccel_info info = {0};
    int ret;

    ret = softaccel_ioctl(fd, DRM_IOCTL_SOFTACCEL_INFO, &info);
    if (ret == 0)
        *info_p = info;
    return ret;
}

int softaccel_reset(int fd)
{
    return softaccel_ioctl(fd, DRM_IOCTL_SOFTACCEL_RESET, NULL);
}

int softaccel_handle_close(int fd, uint32_t handle)
{
    struct drm_gem_close arg = {.handle = handle};

    return softaccel_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

int softaccel_buffer_create(int fd, size_t size, softaccel_buffer_t *buffer_p)
{
    struct softaccel_alloc alloc = {.size = size};
    void *ptr;
    int ret;

    ret = softaccel_ioctl(fd, DRM_IOCTL_SOFTACCEL_ALLOC, &alloc);
    if (ret != 0)
        return ret;

    ptr = mmap(NULL, alloc.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
               (off_t)alloc.mmap_offset);
    if (ptr == MAP_FAILED) {
        ret = -errno;
        softaccel_handle_close(fd, alloc.handle);
        return ret;
    }

    *buffer_p = (softaccel_buffer_t){
        .fd = fd,
        .handle = alloc.handle,
        .size = alloc.size,
        .ptr = ptr,
        .mmap_offset = alloc.mmap_offset,
        .bar_offset = alloc.bar_offset,
    };
    return 0;
}

int softaccel_buffer_destroy(softaccel_buffer_t *buffer)
{
    munmap(buffer->ptr, buffer->size);
    return softaccel_handle_close(buffer->fd, buffer->handle);
}

int softaccel_buffer_export(const softaccel_buffer_t *buffer, int *dmabuf_fd_p)
{
    struct drm_prime_handle prime = {
        .handle = buffer->handle,
        .flags = DRM_CLOEXEC | DRM_RDWR,
    };
    int ret;

    ret = softaccel_ioctl(buffer->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);
    if (ret == 0)
        *dmabuf_fd_p = prime.fd;
    return ret;
}

int softaccel_import(int fd, int dmabuf_fd, uint32_t *handle_p)
{
    struct drm_prime_handle prime = {.fd = dmabuf_fd};
    int ret;

    ret = softaccel_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime);
    if (ret == 0)
        *handle_p = prime.handle;
    return ret;
}

int softaccel_fill(const softaccel_buffer_t *buffer, size_t offset,
                   size_t length, uint32_t seed)
{
    struct softaccel_fill arg = {
        .handle = buffer->handle,
        .offset = offset,
        .length = length,
        .seed = seed,
    };

    return softaccel_ioctl(buffer->fd, DRM_IOCTL_SOFTACCEL_FILL, &arg);
}

int softaccel_checksum(const softaccel_buffer_t *buffer, size_t offset,
                       size_t length, uint32_t *checksum_p)
{
    struct softaccel_checksum arg = {
        .handle = buffer->handle,
        .offset = offset,
        .length = length,
    };
    int ret;

    ret = softaccel_ioctl(buffer->fd, DRM_IOCTL_SOFTACCEL_CHECKSUM, &arg);
    if (ret == 0)
        *checksum_p = arg.checksum;
    return ret;
}

int softaccel_add(const softaccel_buffer_t *dst, size_t dst_offset,
                  const softaccel_buffer_t *a, size_t a_offset,
                  const softaccel_buffer_t *b, size_t b_offset,
                  enum softaccel_type type, size_t count)
{
    struct softaccel_add arg = {
        .dst = dst->handle,
        .a = a->handle,
        .b = b->handle,
        .type = type,
        .dst_offset = dst_offset,
        .a_offset = a_offset,
        .b_offset = b_offset,
        .count = count,
    };

    return softaccel_ioctl(dst->fd, DRM_IOCTL_SOFTACCEL_ADD, &arg);
}

int softaccel_doorbells_create(int fd, softaccel_doorbells_t *doorbells_p)
{
    struct softaccel_doorbell arg = {0};
    void *ptr;
    int ret;

    ret = softaccel_ioctl(fd, DRM_IOCTL_SOFTACCEL_DOORBELL, &arg);
    if (ret != 0)
        return ret;

    ptr = mmap(NULL, arg.size, PROT_READ | PROT_WRITE, MAP_SHARED, arg.fd, 0);
    if (ptr == MAP_FAILED) {
        ret = -errno;
        close(arg.fd);
        return ret;
    }

    *doorbells_p = (softaccel_doorbells_t){
        .fd = arg.fd,
        .size = arg.size,
        .ptr = ptr,
        .bar_offset = arg.bar_offset,
    };
    return 0;
}

void softaccel_doorbells_destroy(softaccel_doorbells_t *doorbells)
{
    munmap(doorbells->ptr, doorbells->size);
    close(doorbells->fd);
}

int softaccel_doorbell_read(const softaccel_doorbells_t *doorbells,
                            size_t offset, uint64_t *value_p)
{
    uint64_t value;

    if (pread(doorbells->fd, &value, sizeof(value), (off_t)offset) < 0)
        return -errno;
    *value_p = value;
    return 0;
}

uint8_t softaccel_pattern(uint32_t seed, size_t index)
{
    uint32_t x = seed + (uint32_t)(index / 4);

    x ^= x >> 16;
    x *= 0x7feb352dU;
    x ^= x >> 15;
    x *= 0x846ca68bU;
    x ^= x >> 16;
    return (uint8_t)(x >> (8 * (index % 4)));
}

uint32_t softaccel_crc32(const void *data, size_t length)
{
    const uint8_t *byte = data;
    uint32_t crc = ~0U;
    int bit;

    while (length-- > 0) {
        crc ^= *byte++;
        for (bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320U & -(crc & 1));
    }
    return ~crc;
}
