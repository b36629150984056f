/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UCX's memory-type cache. Its header is installed, but what it declares
 * depends on the version that it came with.
 */
#ifndef UCT_PEERVMA_ABI_MEMTYPE_CACHE_H
#define UCT_PEERVMA_ABI_MEMTYPE_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include <ucs/memory/memory_type.h>
#include <ucs/sys/topo/base/topo.h>
#include <ucs/type/status.h>

typedef struct ucs_memory_info {
    ucs_memory_type_t type;
    ucs_sys_device_t sys_dev;
    void *base_address;
    size_t alloc_length;
    uint8_t mem_flags; /* since 1.22 */
} ucs_memory_info_t;

/* NULL until the first lookup. */
extern struct ucs_memtype_cache *ucs_memtype_cache_global_instance;

ucs_status_t ucs_memtype_cache_lookup(const void *address, size_t length,
                                      ucs_memory_info_t *info);

/* UCX 1.22 added the flags. */
typedef union {
    void (*any)(void);
    void (*v1_18)(const void *address, size_t length, ucs_memory_type_t type,
                  ucs_sys_device_t sys_dev);
    void (*v1_22)(const void *address, size_t length, ucs_memory_type_t type,
                  ucs_sys_device_t sys_dev, uint8_t mem_flags);
} ucs_memtype_cache_update_t;

void ucs_memtype_cache_update(void);

#endif
