/* SPDX-License-Identifier: BSD-3-Clause */
/* What transports of ours have in common, in the layout of the UCX that is
 * here. */
#ifndef UCT_PEERVMA_OPS_H
#define UCT_PEERVMA_OPS_H

#include "abi/iface.h"

/*
 * Fill in the operations behind those of uct_iface_ops_t: these two, and for
 * all others that they are not supported.
 */
void uct_peervma_ops_fill(uct_iface_internal_ops_t *ops_p,
                          uct_iface_estimate_perf_t estimate_perf,
                          uct_iface_is_reachable_v2_t is_reachable);

/*
 * Answer iface_estimate_perf(): a copy by the CPU, complete when it returns, of
 * this bandwidth (bytes per second) after this latency (seconds).
 */
void uct_peervma_ops_estimate(uct_perf_attr_t *attr, double bandwidth,
                              double latency);

/* Set what an interface can do, to put and get zcopy of one buffer. */
void uct_peervma_ops_capabilities(uct_iface_attr_t *attr);

/* An endpoint of `size` bytes: uct_base_ep_t, and zeroes after it. */
ucs_status_t uct_peervma_ops_ep_create(const uct_ep_params_t *params,
                                       size_t size, uct_ep_h *ep_p);
void uct_peervma_ops_ep_destroy(uct_ep_h ep);

/* Operations of transports whose calls are complete when they return. */
void uct_peervma_ops_progress_switch(uct_iface_h iface, unsigned flags);
unsigned uct_peervma_ops_progress(uct_iface_h iface);
ucs_status_t uct_peervma_ops_pending_add(uct_ep_h ep,
                                         uct_pending_req_t *request,
                                         unsigned flags);
void uct_peervma_ops_pending_purge(uct_ep_h ep, uct_pending_purge_callback_t cb,
                                   void *arg);

#endif
