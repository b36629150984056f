/* SPDX-License-Identifier: BSD-3-Clause */
/* One line of /proc/PID/maps, and the ways to read it. */
#ifndef PEERVMA_VMA_H
#define PEERVMA_VMA_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "view.h"

struct peervma_vma {
    uintptr_t start;
    uintptr_t end;   /* first address after it */
    uint64_t offset; /* vm_pgoff in bytes: an offset only the driver knows */
    uint64_t inode;
    uint32_t dev_major; /* of the file system, not of a device node */
    uint32_t dev_minor;
    int prot; /* PROT_* */
    bool shared;
    char path[PATH_MAX]; /* empty if it is not to be had */
};

/* Where mappings are read from. */
struct peervma_maps {
    const struct peervma_view *view;
    int fd; /* for PROCMAP_QUERY; -1 where the kernel has none: text is read */
};

typedef int (*peervma_vma_cb_t)(const struct peervma_vma *vma, void *arg);

/* 0 or -errno. The fd is of the mappings at this time: reopen after a fork. */
int peervma_maps_open(const struct peervma_view *view,
                      struct peervma_maps *maps_p);
void peervma_maps_close(struct peervma_maps *maps);

/*
 * Call `cb` for each mapping of a file that has a byte in [start, end), in the
 * order of addresses, until it returns non-zero, which is then returned.
 * Anonymous memory is passed over. Returns 0 or -errno. Any number of threads.
 */
int peervma_maps_walk(const struct peervma_maps *maps, uintptr_t start,
                      uintptr_t end, peervma_vma_cb_t cb, void *arg);

/* Parse one line without its newline. False if it is none of maps. */
bool peervma_vma_parse(const char *line, struct peervma_vma *vma_p);

/* PROCMAP_QUERY of Linux 6.11: fd of /proc/PID/maps, or -ENOTTY or -errno. */
int peervma_procmap_open(const char *path);

/*
 * The first mapping of a file that ends after `address`. 0, -ENOENT if there
 * is none, or -errno.
 */
int peervma_procmap_next(int fd, uintptr_t address, struct peervma_vma *vma_p);

#endif
