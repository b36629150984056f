/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on an accelerator, asked of its DRM driver. Each driver has its own
 * way, a line in the table of device_alloc.c; where it has none there, dumb
 * buffers.
 *
 * Nothing here allocates, locks, prints or has global state, so that it can be
 * called from within malloc(). Threads may share a device. Functions return 0
 * or -errno and set their outputs only on success.
 */
#ifndef PEERVMA_DEVICE_DEVICE_ALLOC_H
#define PEERVMA_DEVICE_DEVICE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct device_driver;

struct device {
    int fd; /* O_CLOEXEC; the handles below are valid on it alone */
    const struct device_driver *how;
    char driver[32]; /* as the kernel calls it, "amdgpu" */
};

struct device_buffer {
    uint32_t handle; /* GEM */
    size_t length;   /* bytes, whole pages */
    uint64_t mmap_offset;
};

/*
 * Open a DRM or accel node, "/dev/dri/renderD128" or "/dev/accel/accel0". For
 * dumb buffers that is its device's primary node, whatever node is named.
 *
 * -ENOENT, -EACCES and others as open(2); -ENODEV: no DRM device;
 * -EOPNOTSUPP: its driver is known to give memory to nobody.
 */
int device_open(const char *node, struct device *device_p);
void device_close(struct device *device);

/* How buffers are made on it: by which driver's own call, or "dumb"; static. */
const char *device_way(const struct device *device);

/* Is fresh memory of this device zero by its driver's promise? */
bool device_clears(const struct device *device);

/*
 * Make a buffer of at least `length` bytes. -ENOSPC or -ENOMEM: the device has
 * no such room; -EINVAL: zero bytes.
 */
int device_buffer_create(const struct device *device, size_t length,
                         struct device_buffer *buffer_p);

/*
 * Map all of a buffer, shared, readable and writable, through the DRM node.
 * address: NULL, or where it replaces what is mapped there (MAP_FIXED). The
 * caller unmaps it.
 */
int device_buffer_map(const struct device *device,
                      const struct device_buffer *buffer, void *address,
                      void **ptr_p);

/* A dma-buf of a buffer: a new descriptor, O_CLOEXEC, which the caller owns. */
int device_buffer_export(const struct device *device,
                         const struct device_buffer *buffer, int *fd_p);

/* Drop the handle. Mappings and dma-bufs of the buffer stay. */
int device_buffer_close(const struct device *device,
                        const struct device_buffer *buffer);

/*
 * A buffer that lives as long as its mapping, and needs no descriptor and no
 * handle: its dma-buf, mapped and closed. munmap(2) frees it, of parts too, so
 * that it can stand in for anonymous memory.
 *
 * length: bytes; the mapping is of whole pages
 * address: as in device_buffer_map()
 */
int device_map(const struct device *device, size_t length, void *address,
               void **ptr_p);

#endif
