/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_IPC_EP_H
#define UCT_PEERVMA_IPC_EP_H

#include "ipc_iface.h"

/* Both are complete when they return, but for failures of ucp_get_nbx() and
 * ucp_put_nbx(), which the completion tells, from the worker's progress. */
ucs_status_t uct_peervma_ipc_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion);
ucs_status_t uct_peervma_ipc_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion);

/* Fails if a put or get has since the last one, told or not: nobody need wait
 * for a request to know of it. */
ucs_status_t uct_peervma_ipc_ep_flush(uct_ep_h ep, unsigned flags,
                                      uct_completion_t *completion);

ucs_status_t uct_peervma_ipc_ep_create(const uct_ep_params_t *params,
                                       uct_ep_h *ep_p);

/* The failures that were not told are not told any more. */
void uct_peervma_ipc_ep_forget(uct_peervma_ipc_iface_t *iface);

#endif
