/* SPDX-License-Identifier: BSD-3-Clause */
/* What softaccel's test programs share. Failures end the running test. */
#ifndef TEST_SOFTACCEL_DEVICE_H
#define TEST_SOFTACCEL_DEVICE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "importer/softaccel_importer.h"
#include "softaccel_client.h"

/** The first accelerator, opened anew. */
int device_open(void);

struct softaccel_info device_info(int fd);

/** A mapped buffer of `size` bytes. */
softaccel_buffer_t device_buffer(int fd, size_t size);

/** Let go of a buffer of a device that is still there. */
void device_buffer_destroy(softaccel_buffer_t *buffer);

/** A dma-buf of `buffer`. */
int device_export(const softaccel_buffer_t *buffer);

/** Assert that [offset, offset + length) is the pattern of `seed`. */
void device_assert_pattern(const softaccel_buffer_t *buffer, size_t offset,
                           size_t length, uint32_t seed);

/** Any ioctl: 0 or more as it returns, or -errno. */
int device_ioctl(int fd, unsigned long request, void *arg);

/** Any mmap: 0, or -errno. */
int device_mmap(int fd, size_t length, int prot, int flags, uint64_t offset,
                void **ptr_p);

/** Read or write one byte: 0, or the number of the signal it raised. */
int device_peek(const volatile void *address, uint8_t *value_p);
int device_poke(volatile void *address, uint8_t value);

/** The PCI address of an open device, as "0000:00:04.0". */
typedef struct device_pci {
    char address[32];
} device_pci_t;

device_pci_t device_pci(int fd);

/** Where the device's memory begins in physical address space. */
uint64_t device_bar_start(const device_pci_t *pci);

void device_unbind(const device_pci_t *pci);
void device_bind(const device_pci_t *pci);

/** Write `text` to a file of sysfs. */
void device_sysfs_write(const char *path, const char *text);

/** A buffer of the first accelerator, in every kind of use. */
typedef struct device_use {
    int fd;
    device_pci_t pci;
    softaccel_buffer_t buffer; /* filled with the pattern of seed 1 */
    int dmabuf_fd;
    uint8_t *dmabuf_ptr; /* its mapping */
    int importer;        /* attached as a peer, and has it mapped */
} device_use_t;

#define DEVICE_USE_SIZE ((size_t)16384)

/** In both mappings page 0 has a page table entry, the others have none. */
void device_use_begin(device_use_t *use);

/** Also when the device is gone. */
void device_use_end(device_use_t *use);

/** An attachment to a dma-buf, as a descriptor of the test's importer. */
int importer_open(int dmabuf_fd, enum softaccel_importer_kind kind);

#endif
