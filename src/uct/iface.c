/* SPDX-License-Identifier: BSD-3-Clause */
#include "iface.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "ep.h"
#include "job.h"
#include "md.h"
#include "ops.h"
#include "speed.h"
#include "stats.h"

static uct_peervma_iface_t *to_iface(uct_iface_h iface)
{
    return ucs_container_of(iface, uct_peervma_iface_t, super.super);
}

static ucs_status_t iface_query(uct_iface_h iface, uct_iface_attr_t *attr)
{
    uct_peervma_speed_t speed;

    uct_base_iface_query(&to_iface(iface)->super, attr);
    attr->iface_addr_len = sizeof(to_iface(iface)->id);
    uct_peervma_ops_capabilities(attr);
    /* "Inter-node" only for UCP to show it to peers on other nodes as well
     * (UCP_WORKER_ADDRESS_FLAG_NET_ONLY), so that they know of the plugin. */
    attr->cap.flags |= UCT_IFACE_FLAG_PUT_SHORT | UCT_IFACE_FLAG_GET_SHORT |
                       UCT_IFACE_FLAG_INTER_NODE;
    attr->cap.put.max_short = UINT_MAX;
    attr->cap.get.max_short = UINT_MAX;
    /* To be used by workers that sleep. All is complete when it returns, so
     * nobody is ever called. */
    attr->cap.event_flags = UCT_IFACE_FLAG_EVENT_SEND_COMP |
                            UCT_IFACE_FLAG_EVENT_RECV |
                            UCT_IFACE_FLAG_EVENT_ASYNC_CB;
    uct_peervma_speed_get(&speed);
    attr->bandwidth.dedicated = speed.from_device;
    attr->latency.c = speed.from_latency;
    return UCS_OK;
}

static ucs_status_t iface_estimate_perf(uct_iface_h iface,
                                        uct_perf_attr_t *attr)
{
    int is_put = (attr->field_mask & UCT_PERF_HAS_OPERATION) &&
                 ((attr->operation == UCT_OP_PUT_SHORT) ||
                  (attr->operation == UCT_OP_PUT_ZCOPY));
    uct_peervma_speed_t speed;

    (void)iface;
    uct_peervma_speed_get(&speed);
    uct_peervma_ops_estimate(attr, is_put ? speed.to_device : speed.from_device,
                             is_put ? speed.to_latency : speed.from_latency);
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

/* UCX asks of each process that has the transport, too, again and again. */
static void count_peer(uint64_t id)
{
    static _Atomic uint64_t seen[64];
    unsigned hash =
        (unsigned)(id * UINT64_C(0x9e3779b97f4a7c15) >> 52); /* 12 bits */
    uint64_t bit = UINT64_C(1) << (hash % 64);

    if (!(atomic_fetch_or(&seen[hash / 64], bit) & bit)) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_PEERS, 1);
    }
}

static int iface_is_reachable(const uct_iface_h iface,
                              const uct_reachable_params_t *params)
{
    uint64_t id;

    if (!(params->field_mask & UCT_REACHABLE_HAS_IFACE_ADDR) ||
        (params->iface_addr == NULL)) {
        return 0;
    }
    memcpy(&id, params->iface_addr, sizeof(id));
    if (id == to_iface(iface)->id) {
        return 1;
    }
    count_peer(id);
    return 0;
}

static void iface_close(uct_iface_h tl_iface)
{
    uct_peervma_iface_t *iface = to_iface(tl_iface);

    UCS_CLASS_CLEANUP(uct_base_iface_t, &iface->super);
    free(iface);
}

static ucs_status_t ep_create(const uct_ep_params_t *params, uct_ep_h *ep_p)
{
    return uct_peervma_ops_ep_create(params, sizeof(uct_base_ep_t), ep_p);
}

static ucs_status_t iface_event_arm(uct_iface_h iface, unsigned events)
{
    (void)iface;
    (void)events;
    return UCS_OK;
}

static const uct_iface_ops_t iface_ops = {
    .ep_put_short = uct_peervma_ep_put_short,
    .ep_put_zcopy = uct_peervma_ep_put_zcopy,
    .ep_get_short = uct_peervma_ep_get_short,
    .ep_get_zcopy = uct_peervma_ep_get_zcopy,
    .ep_pending_add = uct_peervma_ops_pending_add,
    .ep_pending_purge = uct_peervma_ops_pending_purge,
    .ep_flush = uct_base_ep_flush,
    .ep_fence = uct_base_ep_fence,
    .ep_create = ep_create,
    .ep_destroy = uct_peervma_ops_ep_destroy,
    .iface_flush = uct_base_iface_flush,
    .iface_fence = uct_base_iface_fence,
    .iface_progress_enable = uct_peervma_ops_progress_switch,
    .iface_progress_disable = uct_peervma_ops_progress_switch,
    .iface_progress = uct_peervma_ops_progress,
    .iface_event_arm = iface_event_arm,
    .iface_close = iface_close,
    .iface_query = iface_query,
    .iface_get_device_address = iface_get_device_address,
    .iface_get_address = iface_get_address,
    .iface_is_reachable = uct_base_iface_is_reachable};

static uct_iface_internal_ops_t internal_ops;

void uct_peervma_iface_init(void)
{
    uct_peervma_ops_fill(&internal_ops, iface_estimate_perf,
                         iface_is_reachable);
}

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
                            &internal_ops, md, worker, params, config);
    if (status != UCS_OK) {
        free(iface);
        return status;
    }
    iface->id = ucs_generate_uuid((uintptr_t)iface);
    iface->context = peervma_md->context;
    peervma_md->has_iface = 1;
    uct_peervma_job_publish();
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
