/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small user-space library for the simulated accelerator, for tests and the
 * demo. It speaks the uAPI of softaccel_drm.h by plain ioctls.
 *
 * Every function returns 0 or -errno as the driver gave it (see
 * softaccel_drm.h), prints nothing, and sets its outputs only on success.
 * There is no global state: threads may share a file descriptor and buffers,
 * but not destroy a buffer that another one uses. After fork() the child may
 * use an inherited mapping; a buffer is destroyed by one of both processes
 * only.
 */
#ifndef SOFTACCEL_CLIENT_H
#define SOFTACCEL_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "softaccel_drm.h"

/**
 * A buffer in device memory, mapped into this process.
 * fd: the device it was made on: borrowed, must stay open as long as the buffer
 * handle: GEM handle, valid on fd
 * size: bytes, whole pages
 * ptr: its mapping (shared, readable and writable), size bytes
 * mmap_offset: offset for another mmap() of fd
 * bar_offset: where it lies in the device's memory and in its backing file
 */
typedef struct softaccel_buffer {
    int fd;
    uint32_t handle;
    size_t size;
    void *ptr;
    uint64_t mmap_offset;
    uint64_t bar_offset;
} softaccel_buffer_t;

/**
 * Doorbells, mapped into this process.
 * fd: their descriptor, which is not the device's
 * size: bytes, whole pages
 * ptr: their mapping (shared, readable and writable), size bytes
 * bar_offset: where they lie in the device's BAR and in its backing file
 */
typedef struct softaccel_doorbells {
    int fd;
    size_t size;
    void *ptr;
    uint64_t bar_offset;
} softaccel_doorbells_t;

/**
 * Open the first accelerator of this machine.
 *
 * fd_p: set to a new descriptor, O_CLOEXEC, which the caller closes
 *
 * -ENODEV: there is none; -EACCES: there is one, but it may not be opened;
 * others as open(2).
 */
int softaccel_open(int *fd_p);

/**
 * Open the accelerator number `index`, counted from 0 in the order of their
 * render nodes and then of their accel nodes. Otherwise as softaccel_open().
 */
int softaccel_open_index(unsigned index, int *fd_p);

/** Read the device's size and counters. */
int softaccel_info(int fd, struct softaccel_info *info_p);

/**
 * Reset the device: all contents of its memory are lost and read as zero, for
 * all its users; importers of its dma-bufs have to map or register again.
 * -EACCES without CAP_SYS_ADMIN.
 */
int softaccel_reset(int fd);

/**
 * Allocate at least `size` bytes of device memory, zeroed, and map them.
 *
 * No page of the mapping is touched, so the CPU fault counter does not move.
 */
int softaccel_buffer_create(int fd, size_t size, softaccel_buffer_t *buffer_p);

/**
 * Unmap a buffer and close its handle. Its memory is free once no other
 * mapping, handle or dma-buf refers to it. The unmapping is done even if an
 * error is returned (-ENODEV after the device was unbound).
 */
int softaccel_buffer_destroy(softaccel_buffer_t *buffer);

/**
 * Export a buffer by PRIME.
 *
 * dmabuf_fd_p: set to a new descriptor of the buffer's dma-buf, O_CLOEXEC and
 *     O_RDWR, which the caller closes. It keeps the memory allocated.
 */
int softaccel_buffer_export(const softaccel_buffer_t *buffer, int *dmabuf_fd_p);

/**
 * The GEM handle of a dma-buf on `fd`.
 *
 * handle_p: the handle; if the object has one on `fd` already, that one, with
 *     no reference of its own: one softaccel_handle_close() closes it for all
 */
int softaccel_import(int fd, int dmabuf_fd, uint32_t *handle_p);

/** Close a GEM handle. */
int softaccel_handle_close(int fd, uint32_t handle);

/**
 * The device writes its pattern of `seed` to `length` bytes at `offset`.
 */
int softaccel_fill(const softaccel_buffer_t *buffer, size_t offset,
                   size_t length, uint32_t seed);

/**
 * The device computes the CRC-32 of `length` bytes at `offset`, the same as
 * zlib's crc32() and softaccel_crc32().
 */
int softaccel_checksum(const softaccel_buffer_t *buffer, size_t offset,
                       size_t length, uint32_t *checksum_p);

/**
 * The device computes dst[i] = a[i] + b[i] for `count` elements of `type`,
 * each range beginning at its offset in bytes. All three buffers must be of
 * the same device.
 */
int softaccel_add(const softaccel_buffer_t *dst, size_t dst_offset,
                  const softaccel_buffer_t *a, size_t a_offset,
                  const softaccel_buffer_t *b, size_t b_offset,
                  enum softaccel_type type, size_t count);

/** Get doorbells of the device, and map them. */
int softaccel_doorbells_create(int fd, softaccel_doorbells_t *doorbells_p);

/** Let go of doorbells. Mappings and dma-bufs that others have stay. */
void softaccel_doorbells_destroy(softaccel_doorbells_t *doorbells);

/**
 * What the device sees in the doorbell at `offset`, in bytes, a multiple of 8.
 */
int softaccel_doorbell_read(const softaccel_doorbells_t *doorbells,
                            size_t offset, uint64_t *value_p);

/**
 * Byte `index` of what softaccel_fill() with `seed` writes, computed by the
 * CPU.
 */
uint8_t softaccel_pattern(uint32_t seed, size_t index);

/** CRC-32 of `length` bytes at `data`, computed by the CPU. */
uint32_t softaccel_crc32(const void *data, size_t length);

#endif
