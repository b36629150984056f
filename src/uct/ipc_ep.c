/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_ep.h"

#include <stdlib.h>

#include "explain.h"
#include "fragment.h"
#include "ipc_copy.h"
#include "ops.h"
#include "status.h"

struct uct_peervma_ipc_failure {
    uct_peervma_ipc_failure_t *next;
    uct_completion_t *completion;
    ucs_status_t status;
};

typedef struct {
    uct_base_ep_t super;
    ucs_status_t failed; /* since its last flush */
} ipc_ep_t;

_Static_assert(UCS_OK == 0, "endpoints begin as zeroes");

static ipc_ep_t *to_ep(uct_ep_h ep)
{
    return ucs_container_of(ep, ipc_ep_t, super.super);
}

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

/* UCS_INPROGRESS, or the failure if it can be told at once only. */
static ucs_status_t tell_later(uct_peervma_ipc_iface_t *iface,
                               uct_completion_t *completion,
                               ucs_status_t status)
{
    uct_peervma_ipc_failure_t *failure, **link = &iface->failures;

    failure = (completion != NULL) ? malloc(sizeof(*failure)) : NULL;
    if (failure == NULL) {
        return status;
    }
    *failure =
        (uct_peervma_ipc_failure_t){.completion = completion, .status = status};
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = failure;
    uct_worker_progress_register_safe(iface->super.worker, tell_failures, iface,
                                      0, &iface->progress_id);
    return UCS_INPROGRESS;
}

/*
 * Of ucp_get_nbx() or ucp_put_nbx(): UCP 1.18 ends the process where a get
 * fails at once. A rendezvous has to be told at once: of a failure that its
 * completion tells, UCP's fragments know nothing, and what is in them is
 * delivered; told at once it ends the request, or, of a fragment that was to be
 * got, the process.
 */
static int is_of_rma(const uct_completion_t *completion)
{
    return (completion != NULL) && (completion->func != NULL) &&
           (completion->func == ucp_proto_request_zcopy_completion);
}

/* The result of a copy for UCX. */
static ucs_status_t finish(uct_ep_h ep, uint64_t remote_addr,
                           const uct_iov_t *iov, uct_completion_t *completion,
                           int is_put, int ret)
{
    uct_peervma_ipc_iface_t *iface = to_iface(ep);
    ucs_status_t status;

    if (ret == 0) {
        return UCS_OK;
    }
    uct_peervma_explain_ipc_failed(remote_addr, iov->length, ret);
    status = uct_peervma_status(ret);
    if (!is_of_rma(completion)) {
        if (is_put && uct_peervma_fragment_is(iov->buffer)) {
            abort(); /* UCP would take it for sent, whatever it is told */
        }
        return status;
    }
    to_ep(ep)->failed = iface->failed = status;
    return tell_later(iface, completion, status);
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
    return finish(ep, remote_addr, iov, completion, is_put, ret);
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

/* A rendezvous flushes what it has put itself, and does not ask for others. If
 * UCP does not tell which flush is whose, all are taken for the user's. */
static int is_of_user(const uct_completion_t *completion)
{
    return (completion == NULL) || (ucp_ep_flush_completion == NULL) ||
           (completion->func == ucp_ep_flush_completion);
}

/* It is told after the failures that are to be told. */
ucs_status_t uct_peervma_ipc_ep_flush(uct_ep_h ep, unsigned flags,
                                      uct_completion_t *completion)
{
    ucs_status_t status = to_ep(ep)->failed;

    (void)flags;
    if ((status == UCS_OK) || !is_of_user(completion)) {
        return UCS_OK;
    }
    to_ep(ep)->failed = UCS_OK;
    return tell_later(to_iface(ep), completion, status);
}

ucs_status_t uct_peervma_ipc_ep_create(const uct_ep_params_t *params,
                                       uct_ep_h *ep_p)
{
    return uct_peervma_ops_ep_create(params, sizeof(ipc_ep_t), ep_p);
}
