/* SPDX-License-Identifier: BSD-3-Clause */
#include "iface.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "abi/versions.h"
#include "ep.h"
#include "md.h"

static uct_peervma_iface_t *to_iface(uct_iface_h iface)
{
    return ucs_container_of(iface, uct_peervma_iface_t, super.super);
}

static ucs_status_t iface_query(uct_iface_h iface, uct_iface_attr_t *attr)
{
    uct_base_iface_query(&to_iface(iface)->super, attr);
    attr->iface_addr_len = sizeof(to_iface(iface)->id);
    attr->cap.flags = UCT_IFACE_FLAG_CONNECT_TO_IFACE |
                      UCT_IFACE_FLAG_PUT_SHORT | UCT_IFACE_FLAG_GET_SHORT |
                      UCT_IFACE_FLAG_PUT_ZCOPY | UCT_IFACE_FLAG_GET_ZCOPY |
                      UCT_IFACE_FLAG_PENDING;

    attr->cap.put.max_short = UINT_MAX;
    attr->cap.put.max_zcopy = SIZE_MAX;
    attr->cap.put.opt_zcopy_align = 1;
    attr->cap.put.align_mtu = 1;
    attr->cap.put.max_iov = 1;

    attr->cap.get.max_short = UINT_MAX;
    attr->cap.get.max_zcopy = SIZE_MAX;
    attr->cap.get.opt_zcopy_align = 1;
    attr->cap.get.align_mtu = 1;
    attr->cap.get.max_iov = 1;

    attr->cap.am.opt_zcopy_align = 1;
    attr->cap.am.align_mtu = 1;
    attr->cap.am.max_iov = 1;

    attr->bandwidth.dedicated = to_iface(iface)->speed->from_device;
    attr->latency.c = to_iface(iface)->speed->latency;
    return UCS_OK;
}

static void estimate_end(uct_perf_attr_end_t *end, uint64_t field_mask,
                         const uct_peervma_copy_speed_t *speed)
{
    if (field_mask & UCT_PERF_END_HAS_LATENCY) {
        end->latency.c = speed->latency;
        end->latency.m = 0;
    }
    if (field_mask & UCT_PERF_END_HAS_MAX_INFLIGHT) {
        end->max_inflight_eps = SIZE_MAX;
    }
    if (field_mask & UCT_PERF_END_HAS_FLAGS) {
        end->flags = 0;
    }
}

static ucs_status_t iface_estimate_perf(uct_iface_h iface,
                                        uct_perf_attr_t *attr)
{
    const uct_peervma_copy_speed_t *speed = to_iface(iface)->speed;
    int is_put = (attr->field_mask & UCT_PERF_HAS_OPERATION) &&
                 ((attr->operation == UCT_OP_PUT_SHORT) ||
                  (attr->operation == UCT_OP_PUT_ZCOPY));
    uct_ppn_bandwidth_t bandwidth = {.dedicated = is_put ? speed->to_device
                                                         : speed->from_device};

    if (attr->field_mask & UCT_PERF_HAS_BANDWIDTH) {
        attr->bandwidth = bandwidth;
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
                     speed);
        return UCS_OK;
    }
    if (attr->field_mask & UCT_PERF_HAS_PATH_BANDWIDTH) {
        attr->v1_19.path_bandwidth = bandwidth;
    }
    estimate_end(&attr->v1_19.end, attr->field_mask >> UCT_PERF_END_BIT_V1_19,
                 speed);
    return UCS_OK;
}

static ucs_status_t iface_get_address(uct_iface_h iface,
                                      uct_iface_addr_t *address)
{
    memcpy(address, &to_iface(iface)->id, sizeof(to_iface(iface)->id));
    return UCS_OK;
}

static ucs_status_t iface_get_device_address(uct_iface_h iface,
                                             uct_device_addr_t *address)
{
    (void)iface;
    (void)address;
    return UCS_OK;
}

static int iface_is_reachable(const uct_iface_h iface,
                              const uct_reachable_params_t *params)
{
    return (params->field_mask & UCT_REACHABLE_HAS_IFACE_ADDR) &&
           (params->iface_addr != NULL) &&
           (memcmp(params->iface_addr, &to_iface(iface)->id,
                   sizeof(to_iface(iface)->id)) == 0);
}

/* Copies are complete when they return, so nothing progresses or waits. */

static void iface_progress_switch(uct_iface_h iface, unsigned flags)
{
    (void)iface;
    (void)flags;
}

static unsigned iface_progress(uct_iface_h iface)
{
    (void)iface;
    return 0;
}

static ucs_status_t ep_pending_add(uct_ep_h ep, uct_pending_req_t *request,
                                   unsigned flags)
{
    (void)ep;
    (void)request;
    (void)flags;
    return UCS_ERR_BUSY;
}

static void ep_pending_purge(uct_ep_h ep, uct_pending_purge_callback_t cb,
                             void *arg)
{
    (void)ep;
    (void)cb;
    (void)arg;
}

static void iface_close(uct_iface_h tl_iface)
{
    uct_peervma_iface_t *iface = to_iface(tl_iface);

    UCS_CLASS_CLEANUP(uct_base_iface_t, &iface->super);
    free(iface);
}

static const uct_iface_ops_t iface_ops = {
    .ep_put_short = uct_peervma_ep_put_short,
    .ep_put_zcopy = uct_peervma_ep_put_zcopy,
    .ep_get_short = uct_peervma_ep_get_short,
    .ep_get_zcopy = uct_peervma_ep_get_zcopy,
    .ep_pending_add = ep_pending_add,
    .ep_pending_purge = ep_pending_purge,
    .ep_flush = uct_base_ep_flush,
    .ep_fence = uct_base_ep_fence,
    .ep_create = uct_peervma_ep_create,
    .ep_destroy = uct_peervma_ep_destroy,
    .iface_flush = uct_base_iface_flush,
    .iface_fence = uct_base_iface_fence,
    .iface_progress_enable = iface_progress_switch,
    .iface_progress_disable = iface_progress_switch,
    .iface_progress = iface_progress,
    .iface_close = iface_close,
    .iface_query = iface_query,
    .iface_get_device_address = iface_get_device_address,
    .iface_get_address = iface_get_address,
    .iface_is_reachable = uct_base_iface_is_reachable};

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

/* Called on interfaces only that say they have these. */

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

/* clang-format off */
#define OPS_OF_ALL                                  \
    .iface_estimate_perf = iface_estimate_perf,     \
    .iface_vfs_refresh = iface_vfs_refresh,         \
    .ep_query = ep_query,                           \
    .ep_invalidate = ep_invalidate,                 \
    .ep_connect_to_ep_v2 = ep_connect_to_ep,        \
    .iface_is_reachable_v2 = iface_is_reachable,    \
    .ep_is_connected = uct_base_ep_is_connected,    \
    .ep_get_device_ep = ep_get_device_ep

static const uct_iface_internal_ops_t internal_ops[UCT_PEERVMA_OPS_LAST] = {
    [UCT_PEERVMA_OPS_V1_18].v1_18 = {OPS_OF_ALL},
    [UCT_PEERVMA_OPS_V1_20].v1_20 = {
        OPS_OF_ALL,
        .iface_query_v2 = iface_query_v2,
        .iface_mem_element_pack = iface_mem_element_pack},
    [UCT_PEERVMA_OPS_V1_22].v1_22 = {
        OPS_OF_ALL,
        .iface_query_v2 = iface_query_v2,
        .ep_put_sgl_zcopy = ep_sgl_zcopy,
        .ep_get_sgl_zcopy = ep_sgl_zcopy,
        .ep_outstanding_purge = ep_outstanding_purge}};
/* clang-format on */

ucs_status_t uct_peervma_iface_open(uct_md_h md, uct_worker_h worker,
                                    const uct_iface_params_t *params,
                                    const uct_iface_config_t *config,
                                    uct_iface_h *iface_p)
{
    uct_peervma_md_t *peervma_md =
        ucs_container_of(md, uct_peervma_md_t, super);
    uct_peervma_iface_t *iface;
    ucs_status_t status;

    iface = calloc(1, sizeof(*iface));
    if (iface == NULL) {
        return UCS_ERR_NO_MEMORY;
    }

    status = UCS_CLASS_INIT(uct_base_iface_t, &iface->super, &iface_ops,
                            &internal_ops[uct_peervma_version->internal_ops],
                            md, worker, params, config);
    if (status != UCS_OK) {
        free(iface);
        return status;
    }
    iface->id = ucs_generate_uuid((uintptr_t)iface);
    iface->context = peervma_md->context;
    iface->speed = &peervma_md->copy_speed;
    peervma_md->has_iface = 1;
    *iface_p = &iface->super.super;
    return UCS_OK;
}

ucs_status_t uct_peervma_query_devices(uct_md_h md, uct_tl_device_t **devices_p,
                                       unsigned *count_p)
{
    return uct_single_device_resource(md, "peervma", UCT_DEVICE_TYPE_ACC,
                                      UCS_SYS_DEVICE_ID_UNKNOWN, devices_p,
                                      count_p);
}
