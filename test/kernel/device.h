/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * /dev/peervma for the tests, and memory to try it on. What these functions
 * need and do not get fails the running test.
 */
#ifndef DEVICE_H
#define DEVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/peervma.h>

#include "softaccel_client.h"

/* Bytes in a page. */
extern size_t page;

/* The descriptor of /dev/peervma, opened once. */
int device_fd(void);

/* The ioctl: 0 or -errno. */
int device_ioctl(unsigned request, void *arg);

/* QUERY and EXPORT: 0 or -errno; the whole structure is the kernel's. */
int query_at(const void *address, struct peervma_query *query_p);
int export_at(const void *address, size_t length,
              struct peervma_export *export_p);

/* Check that QUERY answers, and return the answer. */
struct peervma_query query_ok(const void *address);

/*
 * Check that EXPORT gives a dma-buf of `object_size` bytes in which the range
 * begins at `offset`. Returns its descriptor, which the caller closes.
 */
int export_ok(const void *address, size_t length, uint64_t offset,
              uint64_t object_size);

/* Check that EXPORT refuses with this errno (positive) and reason. */
void export_refused(const void *address, size_t length, int error,
                    unsigned reason);

/* Memory that is a dma-buf without a device: a system heap's, udmabuf's. */
int heap_create(size_t size, int flags);
int udmabuf_create(size_t size);

/* A shared, readable and writable mapping of fd. */
void *map_shared(int fd, size_t offset, size_t length);

/* Anonymous memory; never at the end of another mapping of this process. */
void *map_anonymous(size_t length);

/*
 * Check that [offset, offset + length) of the dma-buf is the memory at
 * `address`: what is written through one is read through the other.
 */
void check_same_memory(int fd, size_t offset, void *address, size_t length);

/* Check that two descriptors are of one dma-buf. */
void check_same_dmabuf(int fd, int other_fd);

/*
 * A number that changes when a descriptor is opened, closed, or reserved by the
 * kernel and forgotten.
 */
unsigned fds_used(void);

/*
 * Kernel memory that is not to be had back, in KiB. What is freed but kept by
 * the allocator, or by KASAN, is not counted.
 */
long slab_kib(void);

/* The simulated accelerator, opened once, and a buffer in its memory. */
int accel_fd(void);
softaccel_buffer_t accel_create(size_t size);
void accel_destroy(softaccel_buffer_t *buffer);
uint64_t accel_memory_used(void);

/* Read a line of text, or write one, in /proc or /sys. */
void read_line(const char *path, char *line, size_t size);
void write_line(const char *path, const char *line);

/*
 * Write a value that the file shows when it is read; at the end of the running
 * test, however it ends, what it showed before.
 */
void setting_write(const char *path, const char *value);

#endif
