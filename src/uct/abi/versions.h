/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What differs between the versions of UCX that the plugin knows. Everything
 * else in abi/ is the same in all of them; layouts.tsv has the details. Without
 * UCX's headers, for `peervma doctor` and the shim of `peervma run`.
 */
#ifndef UCT_PEERVMA_ABI_VERSIONS_H
#define UCT_PEERVMA_ABI_VERSIONS_H

#include <stddef.h>

#define UCT_PEERVMA_UCX_MAJOR 1
#define UCT_PEERVMA_UCX_FIRST 18 /* minor versions */
#define UCT_PEERVMA_UCX_LAST 23

/* From here on UCX loads transports of others. */
#define UCT_PEERVMA_UCX_LOADS_PLUGINS 22

/* "1.18", and "1.18 to 1.23". */
#define UCT_PEERVMA_UCX_OLDEST \
    UCT_PEERVMA_UCX_TEXT(UCT_PEERVMA_UCX_MAJOR, UCT_PEERVMA_UCX_FIRST)
#define UCT_PEERVMA_UCX_RANGE                                                 \
    UCT_PEERVMA_UCX_OLDEST " to " UCT_PEERVMA_UCX_TEXT(UCT_PEERVMA_UCX_MAJOR, \
                                                       UCT_PEERVMA_UCX_LAST)
#define UCT_PEERVMA_UCX_TEXT(_major, _minor) \
    UCT_PEERVMA_UCX_TEXT_(_major, _minor)
#define UCT_PEERVMA_UCX_TEXT_(_major, _minor) #_major "." #_minor

/* The members of uct_iface_internal_ops_t, in abi/iface.h. */
typedef enum {
    UCT_PEERVMA_OPS_V1_18,
    UCT_PEERVMA_OPS_V1_20,
    UCT_PEERVMA_OPS_V1_22,
    UCT_PEERVMA_OPS_LAST
} uct_peervma_ops_t;

/* Functions that not every version exports. */
#define UCT_PEERVMA_HAS_RKEY_UNPACK_V2 (1u << 0)
#define UCT_PEERVMA_HAS_IFACE_QUERY_V2 (1u << 1)
#define UCT_PEERVMA_HAS_MEM_ELEM_PACK (1u << 2)
#define UCT_PEERVMA_HAS_MEM_QUERY_V2 (1u << 3)
#define UCT_PEERVMA_HAS_MEM_ELEM_RELEASE (1u << 4)

typedef struct {
    unsigned minor;
    /* What a UCX between two releases may lack: the version's fingerprint. */
    unsigned functions;
    uct_peervma_ops_t internal_ops;
    size_t md_attr_end; /* behind the last field of uct_md_attr_v2_t */
    /* UCS_MEMORY_TYPE_UNKNOWN, which moves with each new type. */
    int unknown_type;
    unsigned rkey_unpack_params : 1; /* component.rkey_unpack takes them */
    unsigned path_bandwidth : 1;     /* uct_perf_attr_t has it */
    unsigned access_host : 1;        /* UCP wants HOST in access_mem_types */
    unsigned mem_flags : 1;          /* ucs_memtype_cache_update() takes them */
    unsigned alloc_sys_device : 1;   /* uct_md_ops_t.mem_alloc takes it */
} uct_peervma_version_t;

/* Of the UCX in this process; NULL until the guard has proved it. */
extern const uct_peervma_version_t *uct_peervma_version;

/* NULL if it is not one of those above. */
const uct_peervma_version_t *uct_peervma_version_find(unsigned major,
                                                      unsigned minor);

/* Which of the functions above the UCX of this process has. */
unsigned uct_peervma_version_functions(void);

#endif
