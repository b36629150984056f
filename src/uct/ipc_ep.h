/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_IPC_EP_H
#define UCT_PEERVMA_IPC_EP_H

#include "abi/iface.h"

/* Both are complete, or have failed, when they return. */
ucs_status_t uct_peervma_ipc_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion);
ucs_status_t uct_peervma_ipc_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion);

#endif
