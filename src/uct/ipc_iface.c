/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_iface.h"

#include <stdlib.h>
#include <string.h>

#include "ipc_ep.h"
#include "ipc_service.h"
#include "ipc_wire.h"
#include "md.h"
#include "ops.h"
#include "speed.h"

/* Two system calls tell the exporter, and the range is looked up. Seconds. */
#define SYNC_LATENCY 1e-6

static uct_iface_internal_ops_t internal_ops;

static uct_peervma_ipc_iface_t *to_iface(uct_iface_h iface)
{
    return ucs_container_of(iface, uct_peervma_ipc_iface_t, super.super);
}

static ucs_status_t iface_query(uct_iface_h tl_iface, uct_iface_attr_t *attr)
{
    uct_peervma_ipc_iface_t *iface = to_iface(tl_iface);
    uct_peervma_speed_t speed;

    uct_base_iface_query(&iface->super, attr);
    attr->iface_addr_len = sizeof(iface->process);
    attr->device_addr_len = sizeof(iface->node);
    uct_peervma_ops_capabilities(attr);
    uct_peervma_speed_get(&speed);
    attr->bandwidth.dedicated = uct_peervma_speed_between(&speed);
    attr->latency.c = SYNC_LATENCY + speed.from_latency;
    return UCS_OK;
}

/*
 * Where UCX does not tell what the local memory is (before 1.19), it may be a
 * device's: rather promise too little, and leave it to others that are faster.
 */
static ucs_status_t iface_estimate_perf(uct_iface_h iface,
                                        uct_perf_attr_t *attr)
{
    int is_host = (attr->field_mask & UCT_PERF_HAS_LOCAL_MEM_TYPE) &&
                  (attr->local_memory_type == UCS_MEMORY_TYPE_HOST);
    int is_put = (attr->field_mask & UCT_PERF_HAS_OPERATION) &&
                 (attr->operation == UCT_OP_PUT_ZCOPY);
    uct_peervma_speed_t speed;
    double bandwidth;

    (void)iface;
    uct_peervma_speed_get(&speed);
    bandwidth = !is_host ? uct_peervma_speed_between(&speed)
                : is_put ? speed.to_device
                         : speed.from_device;
    uct_peervma_ops_estimate(
        attr, bandwidth,
        SYNC_LATENCY + (is_put ? speed.to_latency : speed.from_latency));
    return UCS_OK;
}

static ucs_status_t iface_get_address(uct_iface_h iface,
                                      uct_iface_addr_t *address)
{
    memcpy(address, &to_iface(iface)->process, sizeof(uint64_t));
    return UCS_OK;
}

static ucs_status_t iface_get_device_address(uct_iface_h iface,
                                             uct_device_addr_t *address)
{
    memcpy(address, &to_iface(iface)->node, sizeof(uint64_t));
    return UCS_OK;
}

/* Not within a process: UCX copies there by pvma_copy. */
static int iface_is_reachable(const uct_iface_h tl_iface,
                              const uct_reachable_params_t *params)
{
    const uint64_t needed =
        UCT_REACHABLE_HAS_DEVICE_ADDR | UCT_REACHABLE_HAS_IFACE_ADDR;
    const uct_peervma_ipc_iface_t *iface = to_iface(tl_iface);

    return ((params->field_mask & needed) == needed) &&
           (params->device_addr != NULL) && (params->iface_addr != NULL) &&
           (memcmp(params->device_addr, &iface->node, sizeof(iface->node)) ==
            0) &&
           (memcmp(params->iface_addr, &iface->process,
                   sizeof(iface->process)) != 0);
}

/* Of the worker; UCP gives no completion. */
static ucs_status_t iface_flush(uct_iface_h tl_iface, unsigned flags,
                                uct_completion_t *completion)
{
    uct_peervma_ipc_iface_t *iface = to_iface(tl_iface);
    ucs_status_t status = iface->failed;

    (void)flags;
    (void)completion;
    iface->failed = UCS_OK;
    return status;
}

static void iface_close(uct_iface_h tl_iface)
{
    uct_peervma_ipc_iface_t *iface = to_iface(tl_iface);

    uct_peervma_ipc_ep_forget(iface);
    UCS_CLASS_CLEANUP(uct_base_iface_t, &iface->super);
    free(iface);
}

static const uct_iface_ops_t iface_ops = {
    .ep_put_zcopy = uct_peervma_ipc_ep_put_zcopy,
    .ep_get_zcopy = uct_peervma_ipc_ep_get_zcopy,
    .ep_pending_add = uct_peervma_ops_pending_add,
    .ep_pending_purge = uct_peervma_ops_pending_purge,
    .ep_flush = uct_peervma_ipc_ep_flush,
    .ep_fence = uct_base_ep_fence,
    .ep_create = uct_peervma_ipc_ep_create,
    .ep_destroy = uct_peervma_ops_ep_destroy,
    .iface_flush = iface_flush,
    .iface_fence = uct_base_iface_fence,
    .iface_progress_enable = uct_peervma_ops_progress_switch,
    .iface_progress_disable = uct_peervma_ops_progress_switch,
    .iface_progress = uct_peervma_ops_progress,
    .iface_close = iface_close,
    .iface_query = iface_query,
    .iface_get_device_address = iface_get_device_address,
    .iface_get_address = iface_get_address,
    .iface_is_reachable = uct_base_iface_is_reachable};

void uct_peervma_ipc_iface_init(void)
{
    uct_peervma_ops_fill(&internal_ops, iface_estimate_perf,
                         iface_is_reachable);
}

ucs_status_t uct_peervma_ipc_iface_open(uct_md_h md, uct_worker_h worker,
                                        const uct_iface_params_t *params,
                                        const uct_iface_config_t *config,
                                        uct_iface_h *iface_p)
{
    uct_peervma_ipc_iface_t *iface;
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
    iface->progress_id = UCS_CALLBACKQ_ID_NULL;
    iface->context = ucs_container_of(md, uct_peervma_ipc_md_t, super)->context;
    iface->node = uct_peervma_ipc_node_id();
    memcpy(&iface->process, uct_peervma_ipc_service_token()->bytes,
           sizeof(iface->process));
    *iface_p = &iface->super.super;
    return UCS_OK;
}

ucs_status_t uct_peervma_ipc_query_devices(uct_md_h md,
                                           uct_tl_device_t **devices_p,
                                           unsigned *count_p)
{
    /* Where "peervma" stands aside so do we; and without pvma_copy UCX would
     * take this for its only way to access the memory type, for copies within
     * the process too, and could make no worker. */
    if (!uct_peervma_md_is_kept()) {
        *devices_p = NULL;
        *count_p = 0;
        return UCS_OK;
    }
    return uct_single_device_resource(md, "peervma_ipc", UCT_DEVICE_TYPE_ACC,
                                      UCS_SYS_DEVICE_ID_UNKNOWN, devices_p,
                                      count_p);
}
