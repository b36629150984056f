/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A provider makes a dma-buf for a range of a mapping. A new one is a file of
 * its own and a line in provider.c.
 */
#ifndef PEERVMA_PROVIDER_H
#define PEERVMA_PROVIDER_H

#include "context.h"

/* What is to be exported: bytes [address, address + length) of one mapping. */
struct peervma_request {
    const struct peervma_context *context;
    const struct peervma_vma *vma;
    const peervma_region_t *region;
    uintptr_t address;
    size_t length;
};

struct peervma_provider {
    const char *name;
    /*
     * Would export() succeed, as far as can be told without doing it? Works on
     * other processes' mappings too. 0, or -errno and the reason; never
     * -ENOENT, which stands for memory that is not a device's.
     */
    int (*check)(const struct peervma_request *request, unsigned *reason_p);
    /* Called if check() agrees. Leaves `provider` alone. As above. */
    int (*export)(const struct peervma_request *request,
                  peervma_export_t *export_p, unsigned *reason_p);
};

/*
 * A dma-buf can be read and written by whoever has it, so only a shared mapping
 * that can be, too, is exported. 0, or -EPERM or -EACCES and the reason.
 */
int peervma_provider_check_access(const struct peervma_vma *vma,
                                  unsigned *reason_p);

/*
 * The number of a descriptor of the mapped file that the process holds, open
 * for reading and writing; or -EBADF or another -errno, and the reason.
 */
int peervma_provider_find_mapped(const struct peervma_request *request,
                                 unsigned *reason_p);

/* A fresh descriptor of the same, for the caller to close. As above. */
int peervma_provider_copy_mapped(const struct peervma_request *request,
                                 unsigned *reason_p);

/*
 * Call `cb` with the number of each such descriptor until it returns something
 * else than 0, which is then returned. 0 or -errno.
 */
int peervma_provider_walk_mapped(const struct peervma_request *request,
                                 int (*cb)(int fd, void *arg), void *arg);

extern const struct peervma_provider peervma_provider_fd;
extern const struct peervma_provider peervma_provider_drm;
extern const struct peervma_provider peervma_provider_vfio;
extern const struct peervma_provider peervma_provider_uverbs;
extern const struct peervma_provider peervma_provider_kernel;

/* In the order in which they are asked; ends with NULL. */
extern const struct peervma_provider *const peervma_providers[];

#endif
