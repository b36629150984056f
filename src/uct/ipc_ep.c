/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_ep.h"

#include <stdlib.h>

#include "explain.h"
#include "ipc_copy.h"
#include "status.h"

struct uct_peervma_ipc_failure {
    uct_peervma_ipc_failure_t *next;
    uct_completion_t *completion;
    ucs_status_t status;
};

static uct_peervma_ipc_iface_t *to_iface(uct_ep_h ep)
{
    return ucs_container_of(ep->iface, uct_peervma_ipc_iface_t, super.super);
}

/* Called by the worker's progress. The list may grow again meanwhile. */
static unsigned tell_failures(void *arg)
{
    uct_peervma_ipc_iface_t *iface = arg;
    uct_peervma_ipc_failure_t *failure = iface->failures, *next;
    unsigned count = 0;

    iface->failures = NULL;
    uct_worker_progress_unregister_safe(iface->super.worker,
                                        &iface->progress_id);
    for (; failure != NULL; failure = next, ++count) {
        next = failure->next;
        uct_completion_update_status(failure->completion, failure->status);
        if (--failure->completion->count == 0) {
            failure->completion->func(failure->completion);
        }
        free(failure);
    }
    return count;
}

void uct_peervma_ipc_ep_forget(uct_peervma_ipc_iface_t *iface)
{
    uct_peervma_ipc_failure_t *failure, *next;

    uct_worker_progress_unregister_safe(iface->super.worker,
                                        &iface->progress_id);
    for (failure = iface->failures; failure != NULL; failure = next) {
        next = failure->next;
        free(failure);
    }
    iface->failures = NULL;
}

/* The result of a copy for UCX. */
static ucs_status_t finish(uct_ep_h ep, uint64_t remote_addr, size_t length,
                           uct_completion_t *completion, int ret)
{
    uct_peervma_ipc_iface_t *iface = to_iface(ep);
    uct_peervma_ipc_failure_t *failure;

    if (ret == 0) {
        return UCS_OK;
    }
    uct_peervma_explain_ipc_failed(remote_addr, length, ret);
    failure = (completion != NULL) ? malloc(sizeof(*failure)) : NULL;
    if (failure == NULL) {
        return uct_peervma_status(ret);
    }
    *failure = (uct_peervma_ipc_failure_t){.next = iface->failures,
                                           .completion = completion,
                                           .status = uct_peervma_status(ret)};
    iface->failures = failure;
    uct_worker_progress_register_safe(iface->super.worker, tell_failures, iface,
                                      0, &iface->progress_id);
    return UCS_INPROGRESS;
}

/* One buffer: the interface says that it takes no more. */
static ucs_status_t copy(uct_ep_h ep, const uct_iov_t *iov, size_t iovcnt,
                         uint64_t remote_addr, uct_rkey_t rkey,
                         uct_completion_t *completion, int is_put)
{
    int ret;

    if (iovcnt != 1) {
        return (iovcnt == 0) ? UCS_OK : UCS_ERR_INVALID_PARAM;
    }
    ret = uct_peervma_ipc_copy(to_iface(ep)->context,
                               (uct_peervma_ipc_mapping_t *)rkey, remote_addr,
                               iov->buffer, iov->length, is_put);
    return finish(ep, remote_addr, iov->length, completion, ret);
}

ucs_status_t uct_peervma_ipc_ep_put_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion)
{
    return copy(ep, iov, iovcnt, remote_addr, rkey, completion, 1);
}

ucs_status_t uct_peervma_ipc_ep_get_zcopy(uct_ep_h ep, const uct_iov_t *iov,
                                          size_t iovcnt, uint64_t remote_addr,
                                          uct_rkey_t rkey,
                                          uct_completion_t *completion)
{
    return copy(ep, iov, iovcnt, remote_addr, rkey, completion, 0);
}
