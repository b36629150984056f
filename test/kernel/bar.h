/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCI BARs mapped through sysfs for the tests, and the importer in the kernel
 * that says what became of their dma-bufs. What these functions need and do
 * not get fails the running test.
 */
#ifndef BAR_H
#define BAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "softaccel_importer.h"
#include "tap.h"

/* PCI addresses: the accelerator, without its driver, and the registers. */
extern char bar_accel[16], bar_edu[16];

/*
 * Find both, unbind the accelerator's driver; and bind it again, whatever the
 * tests left behind. Call these around tap_main().
 */
void bar_begin(void);
void bar_end(void);

/* Both around tap_main(), with the policy that lets the accelerator out. */
int bar_main(const tap_test_t *tests, unsigned count);

/* The PCI address of a device, by its ids as sysfs shows them. */
void bar_find(const char *vendor, const char *device, char pci[16]);

/* Write to a file of a device, of a driver; whether a device has a driver. */
void bar_device_write(const char *pci, const char *file, const char *value);
void bar_driver_write(const char *driver, const char *file, const char *value);
bool bar_is_bound(const char *pci);

/*
 * At the end of the running test, however it ends: bring a device back that was
 * removed, and free one of its driver.
 */
void bar_rescan_at_end(char *pci);
void bar_unbind_at_end(char *pci);

/* Look for devices that were removed. */
void bar_rescan(void);

/* Set the module's bar_export; in a test, until it ends. */
void bar_policy(const char *policy);

/* Physical address of a BAR. */
uint64_t bar_address(const char *pci, int bar);

/* Open a resource file. */
int bar_resource(const char *pci, const char *resource);

/* Map part of a resource file, readable and writable, shared. */
void *bar_map(const char *pci, const char *resource, size_t offset,
              size_t length);

/* EXPORT of all of the range, which begins its dma-buf. */
int bar_export(void *address, size_t length);

/* An importer attached to a dma-buf: its descriptor, or -errno. */
int importer_open(int dmabuf, enum softaccel_importer_kind kind);

/*
 * The same in the name of a PCI device. Of itself no device is too far to be
 * its peer, whatever the kernel knows of the buses.
 */
int importer_open_as(int dmabuf, const char *pci);

/* An ioctl of it: what it returned, or -errno. */
int importer_call(int importer, unsigned long request, void *arg);

/* Attach as a PCI device, and map for DMA, or into the kernel. */
int importer_hold(int dmabuf, const char *pci);
int importer_vmap(int dmabuf, const char *pci);

/* Wait up to ten seconds until it is told to let go. */
void importer_wait_told(int importer);

/* Check that it was never told, and that it is still let in. */
void importer_check_alive(int importer);

/* Check that an importer of the dma-buf, by its kernel mapping, and the CPU at
 * `address` see what the other writes. */
void bar_check_same_memory(void *address, int dmabuf, const char *pci);

/* Check that nobody is let in any more. */
void bar_check_revoked(int dmabuf);

/* A register, by the importer's kernel mapping. */
uint32_t importer_read(int importer, uint64_t offset);
void importer_write(int importer, uint64_t offset, uint32_t value);

#endif
