/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_ep.h"

#include "explain.h"
#include "ipc_copy.h"
#include "ipc_iface.h"
#include "status.h"

static peervma_context_t *context_of(uct_ep_h ep)
{
    return ucs_container_of(ep->iface, uct_peervma_ipc_iface_t, super.super)
        ->md->context;
}

static ucs_status_t result(uint64_t remote_addr, size_t length, int ret)
{
    if (ret != 0) {
        uct_peervma_explain_ipc_failed(remote_addr, length, ret);
    }
    return uct_peervma_status(ret);
}

ucs_status_t uct_peervma_ipc_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion)
{
    ucs_status_t status = UCS_OK;
    size_t i;

    (void)completion;
    for (i = 0; (i < iovcnt) && (status == UCS_OK); ++i) {
        status = result(remote_addr, iov[i].length,
                        uct_peervma_ipc_put(
                            context_of(ep), (uct_peervma_ipc_mapping_t *)rkey,
                            remote_addr, iov[i].buffer, iov[i].length));
        remote_addr += iov[i].length;
    }
    return status;
}

ucs_status_t uct_peervma_ipc_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion)
{
    ucs_status_t status = UCS_OK;
    size_t i;

    (void)completion;
    for (i = 0; (i < iovcnt) && (status == UCS_OK); ++i) {
        status = result(remote_addr, iov[i].length,
                        uct_peervma_ipc_get(
                            context_of(ep), (uct_peervma_ipc_mapping_t *)rkey,
                            remote_addr, iov[i].buffer, iov[i].length));
        remote_addr += iov[i].length;
    }
    return status;
}
