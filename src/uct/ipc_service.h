/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of a process that other processes talk to, one for all its memory
 * domains: a thread that answers requests for dma-bufs, gets those of others,
 * and hears when they are no more. It starts with the first key that is made or
 * taken, so that a job without device memory has none.
 */
#ifndef UCT_PEERVMA_IPC_SERVICE_H
#define UCT_PEERVMA_IPC_SERVICE_H

#include "ipc_wire.h"

typedef struct {
    /* A descriptor for a peer, which the service closes, or -errno. */
    int (*open)(uint64_t id, uint64_t *offset_p, void *arg);
    /* An owner's export, or with 0 all of them, is no more; or, with NULL,
     * those of all owners. */
    void (*dropped)(const uct_peervma_ipc_token_t *owner, uint64_t id,
                    void *arg);
} uct_peervma_ipc_service_ops_t;

/*
 * Listen, from the first call to the last stop. 0 or -errno; `ops` and `arg`
 * of the first call hold.
 */
int uct_peervma_ipc_service_start(const uct_peervma_ipc_service_ops_t *ops,
                                  void *arg);
/* The last one tells that all exports are no more, and then nobody is told
 * anything. */
void uct_peervma_ipc_service_stop(void);

/* The name of this process; static. */
const uct_peervma_ipc_token_t *uct_peervma_ipc_service_token(void);

/* Answer from now on. 0 or -errno. */
int uct_peervma_ipc_service_answer(void);

/* Tell the peers that an export of this process is no more. */
void uct_peervma_ipc_service_tell_dropped(uint64_t id);

/*
 * A descriptor of an export of another process, which the caller closes; or
 * -errno: -ECONNREFUSED or -ECONNRESET (it is gone), -ETIMEDOUT (it does not
 * answer), or what it answered. Waits for it.
 */
int uct_peervma_ipc_service_request(const uct_peervma_ipc_token_t *owner,
                                    uint64_t id, uint64_t *offset_p);

#endif
