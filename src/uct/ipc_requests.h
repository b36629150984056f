/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Requests for the dma-bufs of other processes that are under way: threads wait
 * for the answers, which the service's thread hears.
 */
#ifndef UCT_PEERVMA_IPC_REQUESTS_H
#define UCT_PEERVMA_IPC_REQUESTS_H

#include <stdint.h>

typedef struct uct_peervma_ipc_request {
    struct uct_peervma_ipc_request *next;
    const void *connection; /* by which it was sent */
    uint64_t id;
    uint64_t offset; /* of the answer */
    int result;      /* a descriptor or -errno; -EINPROGRESS */
} uct_peervma_ipc_request_t;

/* Before it is sent, as its answer may come at once. */
void uct_peervma_ipc_request_add(uct_peervma_ipc_request_t *request,
                                 const void *connection, uint64_t id);

/* Wait for the answer, and take the request back: its result, or -ETIMEDOUT. */
int uct_peervma_ipc_request_await(uct_peervma_ipc_request_t *request);

/* It was not sent. */
void uct_peervma_ipc_request_remove(uct_peervma_ipc_request_t *request);

/* An answer. False: nobody waits for it any more. */
int uct_peervma_ipc_requests_answer(const void *connection, uint64_t id,
                                    int result, uint64_t offset);

/* The connection is gone: -ECONNRESET to all who wait for it. */
void uct_peervma_ipc_requests_fail(const void *connection);

/* In the child of a fork, whose parent's threads wait for them. */
void uct_peervma_ipc_requests_forget(void);

#endif
