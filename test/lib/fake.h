/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A machine and a process of files, for the library to look at instead of the
 * real ones. It lies in a folder of its own below the current one. Failures end
 * the test.
 */
#ifndef TEST_LIB_FAKE_H
#define TEST_LIB_FAKE_H

#include "view.h"

#define FAKE_FILES 16

struct fake {
    char folder[16]; /* "fake-123456" */
    char sysfs[32];
    char module[32];
    struct peervma_view view;
};

/* The one of the running test. */
extern struct fake fake;

/* Make it and remove it, where that is all of a test's fixture. */
int fake_setup(void **state);
int fake_teardown(void **state);

void fake_create(struct fake *machine_p);
void fake_destroy(struct fake *machine);

/* Files and links are named from the fake's folder on; folders are made. */
void fake_write(const struct fake *machine, const char *path, const char *text);
void fake_link(const struct fake *machine, const char *path,
               const char *target);
void fake_folder(const struct fake *machine, const char *path);

/* The text of proc/maps. */
void fake_maps(const struct fake *machine, const char *text);

/* What the fake view's identify() says of a path; it knows no others. */
void fake_identify(const char *path, const struct peervma_file *file);

/* How often it was asked since fake_create(). */
unsigned fake_identified(void);

/* A PCI device with a DRM render node 226:128 and NUMA node 1. */
void fake_drm_device(const struct fake *machine, const char *driver);

/*
 * A file that passes for a dma-buf of `size` bytes, mapped in `range` of maps
 * ("20000-24000") and nothing else. Returns its descriptor, for the caller to
 * close.
 */
int fake_dmabuf(const struct fake *machine, const char *perms, size_t size,
                int open_flags, const char *range);

#endif
