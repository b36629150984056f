/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_EP_H
#define UCT_PEERVMA_EP_H

#include "abi/iface.h"

/* All complete at once. The "remote" address is device memory of this process,
 * the buffer any memory. */
ucs_status_t uct_peervma_ep_put_short(uct_ep_h ep, const void *buffer,
                                      unsigned length, uint64_t remote_addr,
                                      uct_rkey_t rkey);
ucs_status_t uct_peervma_ep_get_short(uct_ep_h ep, void *buffer,
                                      unsigned length, uint64_t remote_addr,
                                      uct_rkey_t rkey);
ucs_status_t uct_peervma_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                      size_t iovcnt, uint64_t remote_addr,
                                      uct_rkey_t rkey,
                                      uct_completion_t *completion);
ucs_status_t uct_peervma_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                      size_t iovcnt, uint64_t remote_addr,
                                      uct_rkey_t rkey,
                                      uct_completion_t *completion);

#endif
