/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which of UCX's memory types stand for device memory. UCX has no name for that
 * of any device, so those are borrowed that nobody else uses here.
 */
#ifndef UCT_PEERVMA_MEMTYPE_H
#define UCT_PEERVMA_MEMTYPE_H

#include <stdint.h>

#include <ucs/memory/memory_type.h>

typedef struct {
    /* Registered by a dma-buf where possible, else staged. */
    ucs_memory_type_t device;
    /* Of mappings that were refused as a dma-buf: UCX is never promised one,
     * so it always stages them. The same as `device` if no type is left. */
    ucs_memory_type_t staged;
} uct_peervma_types_t;

/* Of this process, once its memory domain is open. */
extern uct_peervma_types_t uct_peervma_types;

/* The values of UCX_PEERVMA_MEM_TYPE, up to NULL; 0 is "auto". */
extern const char *uct_peervma_type_settings[];

/* Masks of memory types. */
typedef struct {
    uint64_t active;     /* a component of UCX has devices of it */
    uint64_t registered; /* UCX's NICs take it without a dma-buf */
} uct_peervma_type_users_t;

void uct_peervma_type_users(uct_peervma_type_users_t *users_p);

/* Returns 0; -1 if the type that is set, or with "auto" each, is active. */
int uct_peervma_types_choose(unsigned setting,
                             const uct_peervma_type_users_t *users,
                             uct_peervma_types_t *types_p);

#endif
