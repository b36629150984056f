/* SPDX-License-Identifier: BSD-3-Clause */
#include "ops.h"

#include <stdlib.h>
#include <string.h>

#include "abi/versions.h"

static void estimate_end(uct_perf_attr_end_t *end, uint64_t field_mask,
                         double latency)
{
    if (field_mask & UCT_PERF_END_HAS_LATENCY) {
        end->latency.c = latency;
        end->latency.m = 0;
    }
    if (field_mask & UCT_PERF_END_HAS_MAX_INFLIGHT) {
        end->max_inflight_eps = SIZE_MAX;
    }
    if (field_mask & UCT_PERF_END_HAS_FLAGS) {
        end->flags = 0;
    }
}

void uct_peervma_ops_estimate(uct_perf_attr_t *attr, double bandwidth,
                              double latency)
{
    const uct_ppn_bandwidth_t each = {.dedicated = bandwidth};

    if (attr->field_mask & UCT_PERF_HAS_BANDWIDTH) {
        attr->bandwidth = each;
    }
    if (attr->field_mask & UCT_PERF_HAS_SEND_PRE) {
        attr->send_pre_overhead = 0;
    }
    if (attr->field_mask & UCT_PERF_HAS_SEND_POST) {
        attr->send_post_overhead = 0;
    }
    if (attr->field_mask & UCT_PERF_HAS_RECV) {
        attr->recv_overhead = 0;
    }

    if (!uct_peervma_version->path_bandwidth) {
        estimate_end(&attr->v1_18, attr->field_mask >> UCT_PERF_END_BIT_V1_18,
                     latency);
        return;
    }
    if (attr->field_mask & UCT_PERF_HAS_PATH_BANDWIDTH) {
        attr->v1_19.path_bandwidth = each;
    }
    estimate_end(&attr->v1_19.end, attr->field_mask >> UCT_PERF_END_BIT_V1_19,
                 latency);
}

void uct_peervma_ops_capabilities(uct_iface_attr_t *attr)
{
    attr->cap.flags = UCT_IFACE_FLAG_CONNECT_TO_IFACE |
                      UCT_IFACE_FLAG_PUT_ZCOPY | UCT_IFACE_FLAG_GET_ZCOPY |
                      UCT_IFACE_FLAG_PENDING;

    attr->cap.put.max_zcopy = SIZE_MAX;
    attr->cap.put.opt_zcopy_align = 1;
    attr->cap.put.align_mtu = 1;
    attr->cap.put.max_iov = 1;

    attr->cap.get.max_zcopy = SIZE_MAX;
    attr->cap.get.opt_zcopy_align = 1;
    attr->cap.get.align_mtu = 1;
    attr->cap.get.max_iov = 1;

    attr->cap.am.opt_zcopy_align = 1;
    attr->cap.am.align_mtu = 1;
    attr->cap.am.max_iov = 1;
}

ucs_status_t uct_peervma_ops_ep_create(const uct_ep_params_t *params,
                                       size_t size, uct_ep_h *ep_p)
{
    uct_base_ep_t *ep;
    ucs_status_t status;

    ep = calloc(1, size);
    if (ep == NULL) {
        return UCS_ERR_NO_MEMORY;
    }

    status = UCS_CLASS_INIT(
        uct_base_ep_t, ep,
        ucs_container_of(params->iface, uct_base_iface_t, super));
    if (status != UCS_OK) {
        free(ep);
        return status;
    }
    *ep_p = &ep->super;
    return UCS_OK;
}

void uct_peervma_ops_ep_destroy(uct_ep_h tl_ep)
{
    uct_base_ep_t *ep = ucs_container_of(tl_ep, uct_base_ep_t, super);

    UCS_CLASS_CLEANUP(uct_base_ep_t, ep);
    free(ep);
}

void uct_peervma_ops_progress_switch(uct_iface_h iface, unsigned flags)
{
    (void)iface;
    (void)flags;
}

unsigned uct_peervma_ops_progress(uct_iface_h iface)
{
    (void)iface;
    return 0;
}

ucs_status_t uct_peervma_ops_pending_add(uct_ep_h ep,
                                         uct_pending_req_t *request,
                                         unsigned flags)
{
    (void)ep;
    (void)request;
    (void)flags;
    return UCS_ERR_BUSY;
}

void uct_peervma_ops_pending_purge(uct_ep_h ep, uct_pending_purge_callback_t cb,
                                   void *arg)
{
    (void)ep;
    (void)cb;
    (void)arg;
}

static ucs_status_t iface_query_v2(uct_iface_h iface, void *attr)
{
    (void)iface;
    (void)attr;
    return UCS_ERR_UNSUPPORTED;
}

static void iface_vfs_refresh(uct_iface_h iface)
{
    (void)iface;
}

static ucs_status_t ep_query(uct_ep_h ep, void *attr)
{
    (void)ep;
    (void)attr;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t ep_invalidate(uct_ep_h ep, const void *params)
{
    (void)ep;
    (void)params;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t ep_connect_to_ep(uct_ep_h ep,
                                     const uct_device_addr_t *device_addr,
                                     const uct_ep_addr_t *ep_addr,
                                     const void *params)
{
    (void)ep;
    (void)device_addr;
    (void)ep_addr;
    (void)params;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t iface_mem_element_pack(const uct_iface_h iface,
                                           uct_mem_h memh, uct_rkey_t rkey,
                                           void *mem_element)
{
    (void)iface;
    (void)memh;
    (void)rkey;
    (void)mem_element;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t ep_get_device_ep(uct_ep_h ep, void *device_ep_p)
{
    (void)ep;
    (void)device_ep_p;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t ep_sgl_zcopy(uct_ep_h ep, void *const *buffers,
                                 const size_t *lengths, uct_mem_h const *memhs,
                                 const uint64_t *remote_addrs,
                                 uct_rkey_t const *rkeys, const size_t *counts,
                                 const size_t *strides, size_t count,
                                 uct_completion_t *completion)
{
    (void)ep;
    (void)buffers;
    (void)lengths;
    (void)memhs;
    (void)remote_addrs;
    (void)rkeys;
    (void)counts;
    (void)strides;
    (void)count;
    (void)completion;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t ep_outstanding_purge(uct_ep_h ep, const void *params)
{
    (void)ep;
    (void)params;
    return UCS_ERR_UNSUPPORTED;
}

void uct_peervma_ops_fill(uct_iface_internal_ops_t *ops_p,
                          uct_iface_estimate_perf_t estimate_perf,
                          uct_iface_is_reachable_v2_t is_reachable)
{
    /* clang-format off */
#define OPS_OF_ALL                                  \
    .iface_estimate_perf = estimate_perf,           \
    .iface_vfs_refresh = iface_vfs_refresh,         \
    .ep_query = ep_query,                           \
    .ep_invalidate = ep_invalidate,                 \
    .ep_connect_to_ep_v2 = ep_connect_to_ep,        \
    .iface_is_reachable_v2 = is_reachable,          \
    .ep_is_connected = uct_base_ep_is_connected,    \
    .ep_get_device_ep = ep_get_device_ep

    memset(ops_p, 0, sizeof(*ops_p));
    switch (uct_peervma_version->internal_ops) {
    case UCT_PEERVMA_OPS_V1_20:
        ops_p->v1_20 = (uct_iface_internal_ops_v1_20_t){
            OPS_OF_ALL,
            .iface_query_v2 = iface_query_v2,
            .iface_mem_element_pack = iface_mem_element_pack};
        break;
    case UCT_PEERVMA_OPS_V1_22:
        ops_p->v1_22 = (uct_iface_internal_ops_v1_22_t){
            OPS_OF_ALL,
            .iface_query_v2 = iface_query_v2,
            .ep_put_sgl_zcopy = ep_sgl_zcopy,
            .ep_get_sgl_zcopy = ep_sgl_zcopy,
            .ep_outstanding_purge = ep_outstanding_purge};
        break;
    default:
        ops_p->v1_18 = (uct_iface_internal_ops_v1_18_t){OPS_OF_ALL};
        break;
    }
    /* clang-format on */
}
