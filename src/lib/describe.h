/* SPDX-License-Identifier: BSD-3-Clause */
/* From a mapping to a region. */
#ifndef PEERVMA_DESCRIBE_H
#define PEERVMA_DESCRIBE_H

#include "context.h"

typedef int (*peervma_mapping_cb_t)(const struct peervma_vma *vma,
                                    const peervma_region_t *region, void *arg);

/*
 * What a mapping is. Its `generation` says what is mapped, so that it differs
 * between different mappings. 0, or -ENOENT if it is not device memory.
 */
int peervma_describe(const struct peervma_context *context,
                     const struct peervma_vma *vma, peervma_region_t *region_p);

/*
 * Ask the kernel: call `cb` for each device memory mapping that has a byte in
 * [start, end), until it returns non-zero, which is then returned. 0 or -errno.
 */
int peervma_mappings_walk(const struct peervma_context *context,
                          uintptr_t start, uintptr_t end,
                          peervma_mapping_cb_t cb, void *arg);

/* The mapping at one address. `vma_p` may be NULL. 0, -ENOENT or -errno. */
int peervma_mapping_at(const struct peervma_context *context, uintptr_t address,
                       struct peervma_vma *vma_p, peervma_region_t *region_p);

#endif
