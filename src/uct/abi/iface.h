/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UCX's private layouts of interface and endpoint, as facts of UCX 1.18 to 1.23
 * on x86-64. UCX promises none of them: guard.c proves them at load, and
 * test_layouts.c compares them with layouts.tsv.
 */
#ifndef UCT_PEERVMA_ABI_IFACE_H
#define UCT_PEERVMA_ABI_IFACE_H

#include <stddef.h>
#include <stdint.h>

#include <ucs/sys/topo/base/topo.h>
#include <ucs/type/class.h>
#include <uct/api/uct.h>

/* What an operation is estimated for: uct_perf_attr.operation. */
typedef enum {
    UCT_OP_PUT_SHORT = 3,
    UCT_OP_PUT_ZCOPY = 5,
    UCT_OP_GET_SHORT = 6,
    UCT_OP_GET_ZCOPY = 8
} uct_operation_t;

#define UCT_PERF_HAS_OPERATION (1u << 0)
#define UCT_PERF_HAS_LOCAL_MEM_TYPE (1u << 1)
#define UCT_PERF_HAS_SEND_PRE (1u << 5)
#define UCT_PERF_HAS_SEND_POST (1u << 6)
#define UCT_PERF_HAS_RECV (1u << 7)
#define UCT_PERF_HAS_BANDWIDTH (1u << 8)
#define UCT_PERF_HAS_PATH_BANDWIDTH (1u << 9) /* since 1.19 */

/* How the estimate ends, and how its field_mask goes on: from bit 9 in 1.18,
 * from bit 10 since 1.19. */
#define UCT_PERF_END_BIT_V1_18 9
#define UCT_PERF_END_BIT_V1_19 10
#define UCT_PERF_END_HAS_LATENCY (1u << 0)
#define UCT_PERF_END_HAS_MAX_INFLIGHT (1u << 1)
#define UCT_PERF_END_HAS_FLAGS (1u << 2)

typedef struct {
    ucs_linear_func_t latency;
    size_t max_inflight_eps;
    uint64_t flags;
} uct_perf_attr_end_t;

typedef struct {
    uint64_t field_mask;
    uct_operation_t operation;
    ucs_memory_type_t local_memory_type;
    ucs_memory_type_t remote_memory_type;
    ucs_sys_device_t local_sys_device;
    ucs_sys_device_t remote_sys_device;
    double send_pre_overhead; /* seconds, as all times here */
    double send_post_overhead;
    double recv_overhead;
    uct_ppn_bandwidth_t bandwidth; /* bytes per second */
    union {
        uct_perf_attr_end_t v1_18;
        struct {
            uct_ppn_bandwidth_t path_bandwidth;
            uct_perf_attr_end_t end;
        } v1_19;
    };
} uct_perf_attr_t;

#define UCT_REACHABLE_HAS_DEVICE_ADDR (1u << 0)
#define UCT_REACHABLE_HAS_IFACE_ADDR (1u << 1)

/* The beginning of what UCX passes. */
typedef struct {
    uint64_t field_mask;
    const uct_device_addr_t *device_addr;
    const uct_iface_addr_t *iface_addr;
} uct_reachable_params_t;

typedef ucs_status_t (*uct_iface_query_v2_t)(uct_iface_h iface, void *attr);
typedef ucs_status_t (*uct_iface_estimate_perf_t)(uct_iface_h iface,
                                                  uct_perf_attr_t *attr);
typedef void (*uct_iface_vfs_refresh_t)(uct_iface_h iface);
typedef ucs_status_t (*uct_ep_query_t)(uct_ep_h ep, void *attr);
/* Before 1.21 it gets unsigned flags instead of the parameters. */
typedef ucs_status_t (*uct_ep_invalidate_t)(uct_ep_h ep, const void *params);
typedef ucs_status_t (*uct_ep_connect_to_ep_v2_t)(
    uct_ep_h ep, const uct_device_addr_t *device_addr,
    const uct_ep_addr_t *ep_addr, const void *params);
typedef int (*uct_iface_is_reachable_v2_t)(
    const uct_iface_h iface, const uct_reachable_params_t *params);
typedef int (*uct_ep_is_connected_t)(const uct_ep_h ep, const void *params);
typedef ucs_status_t (*uct_iface_mem_element_pack_t)(const uct_iface_h iface,
                                                     uct_mem_h memh,
                                                     uct_rkey_t rkey,
                                                     void *mem_element);
typedef ucs_status_t (*uct_ep_get_device_ep_t)(uct_ep_h ep, void *device_ep_p);
typedef ucs_status_t (*uct_ep_sgl_zcopy_t)(
    uct_ep_h ep, void *const *buffers, const size_t *lengths,
    uct_mem_h const *memhs, const uint64_t *remote_addrs,
    uct_rkey_t const *rkeys, const size_t *counts, const size_t *strides,
    size_t count, uct_completion_t *completion);
typedef ucs_status_t (*uct_ep_outstanding_purge_t)(uct_ep_h ep,
                                                   const void *params);

/* UCX 1.18, 1.19 and 1.21. */
typedef struct {
    uct_iface_estimate_perf_t iface_estimate_perf;
    uct_iface_vfs_refresh_t iface_vfs_refresh;
    uct_ep_query_t ep_query;
    uct_ep_invalidate_t ep_invalidate;
    uct_ep_connect_to_ep_v2_t ep_connect_to_ep_v2;
    uct_iface_is_reachable_v2_t iface_is_reachable_v2;
    uct_ep_is_connected_t ep_is_connected;
    uct_ep_get_device_ep_t ep_get_device_ep; /* 1.21 */
} uct_iface_internal_ops_v1_18_t;

/* UCX 1.20. */
typedef struct {
    uct_iface_query_v2_t iface_query_v2;
    uct_iface_estimate_perf_t iface_estimate_perf;
    uct_iface_vfs_refresh_t iface_vfs_refresh;
    uct_iface_mem_element_pack_t iface_mem_element_pack;
    uct_ep_query_t ep_query;
    uct_ep_invalidate_t ep_invalidate;
    uct_ep_connect_to_ep_v2_t ep_connect_to_ep_v2;
    uct_iface_is_reachable_v2_t iface_is_reachable_v2;
    uct_ep_is_connected_t ep_is_connected;
    uct_ep_get_device_ep_t ep_get_device_ep;
} uct_iface_internal_ops_v1_20_t;

/* UCX 1.22 and 1.23. */
typedef struct {
    uct_iface_query_v2_t iface_query_v2;
    uct_iface_estimate_perf_t iface_estimate_perf;
    uct_iface_vfs_refresh_t iface_vfs_refresh;
    uct_ep_query_t ep_query;
    uct_ep_invalidate_t ep_invalidate;
    uct_ep_connect_to_ep_v2_t ep_connect_to_ep_v2;
    uct_iface_is_reachable_v2_t iface_is_reachable_v2;
    uct_ep_is_connected_t ep_is_connected;
    uct_ep_get_device_ep_t ep_get_device_ep;
    uct_ep_sgl_zcopy_t ep_put_sgl_zcopy;
    uct_ep_sgl_zcopy_t ep_get_sgl_zcopy;             /* 1.23 */
    uct_ep_outstanding_purge_t ep_outstanding_purge; /* 1.23 */
} uct_iface_internal_ops_v1_22_t;

/* By uct_peervma_version->internal_ops. */
typedef union {
    uct_iface_internal_ops_v1_18_t v1_18;
    uct_iface_internal_ops_v1_20_t v1_20;
    uct_iface_internal_ops_v1_22_t v1_22;
} uct_iface_internal_ops_t;

typedef struct {
    uct_iface_t super;
    const uct_iface_internal_ops_t *internal_ops;
    uct_md_h md;
    uct_worker_h worker;
    char rest[1280 - 424];
} uct_base_iface_t;

typedef struct {
    uct_ep_t super;
} uct_base_ep_t;

/* Where uct_iface_config_table puts its options. */
struct uct_iface_config {
    struct {
        void *methods;
        unsigned count;
    } alloc;
    int failure;
    size_t max_num_eps;
};

_Static_assert(sizeof(struct uct_iface_config) == 32, "UCX layout");
_Static_assert(sizeof(uct_iface_ops_t) == 400, "UCX layout");
_Static_assert(sizeof(uct_iface_attr_t) == 536, "UCX layout");
_Static_assert(sizeof(uct_iface_internal_ops_v1_18_t) == 64, "UCX layout");
_Static_assert(sizeof(uct_iface_internal_ops_v1_20_t) == 80, "UCX layout");
_Static_assert(sizeof(uct_iface_internal_ops_v1_22_t) == 96, "UCX layout");
_Static_assert(offsetof(uct_base_iface_t, internal_ops) == 400, "UCX layout");
_Static_assert(offsetof(uct_base_iface_t, worker) == 416, "UCX layout");
_Static_assert(sizeof(uct_base_iface_t) == 1280, "UCX layout");
_Static_assert(sizeof(uct_base_ep_t) == 8, "UCX layout");
_Static_assert(offsetof(uct_perf_attr_t, send_pre_overhead) == 24,
               "UCX layout");
_Static_assert(offsetof(uct_perf_attr_t, bandwidth) == 48, "UCX layout");
_Static_assert(offsetof(uct_perf_attr_t, v1_18) == 64, "UCX layout");
_Static_assert(sizeof(uct_perf_attr_t) == 112, "UCX layout");
_Static_assert(offsetof(uct_reachable_params_t, iface_addr) == 16,
               "UCX layout");

UCS_CLASS_DECLARE(uct_base_iface_t, const uct_iface_ops_t *,
                  const uct_iface_internal_ops_t *, uct_md_h, uct_worker_h,
                  const uct_iface_params_t *, const uct_iface_config_t *);
UCS_CLASS_DECLARE(uct_base_ep_t, uct_base_iface_t *);

void uct_base_iface_query(uct_base_iface_t *iface, uct_iface_attr_t *attr);
int uct_base_iface_is_reachable(const uct_iface_h iface,
                                const uct_device_addr_t *device_addr,
                                const uct_iface_addr_t *iface_addr);
int uct_base_ep_is_connected(const uct_ep_h ep, const void *params);
ucs_status_t uct_base_iface_flush(uct_iface_h iface, unsigned flags,
                                  uct_completion_t *completion);
ucs_status_t uct_base_iface_fence(uct_iface_h iface, unsigned flags);
ucs_status_t uct_base_ep_flush(uct_ep_h ep, unsigned flags,
                               uct_completion_t *completion);
ucs_status_t uct_base_ep_fence(uct_ep_h ep, unsigned flags);
uint64_t ucs_generate_uuid(uint64_t seed);

/*
 * UCP's own: the function of a completion tells what that is of. All of
 * UCX 1.18 to 1.23 export them; NULL in one that would not.
 */
__attribute__((weak)) void ucp_ep_flush_completion(uct_completion_t *self);
__attribute__((weak)) void ucp_proto_request_zcopy_completion(
    uct_completion_t *self);

#endif
