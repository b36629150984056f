/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one process is to be told by another, in order: sent at once while its
 * socket has room, else kept until it has. The caller locks.
 */
#ifndef UCT_PEERVMA_IPC_OUTBOX_H
#define UCT_PEERVMA_IPC_OUTBOX_H

#include "ipc_wire.h"

typedef struct uct_peervma_ipc_letter uct_peervma_ipc_letter_t;

/* All zeroes at first. */
typedef struct {
    uct_peervma_ipc_letter_t *waiting, *last; /* to be sent */
    uct_peervma_ipc_letter_t *promised;       /* not yet to be sent */
} uct_peervma_ipc_outbox_t;

/* Those below: 0, or -errno if the connection is of no use any more. */

/*
 * Send what waits, as far as there is room. The other end may be slow for as
 * long as it likes.
 */
int uct_peervma_ipc_outbox_flush(uct_peervma_ipc_outbox_t *outbox, int socket);

/* As uct_peervma_ipc_send(), and `fd` is the outbox's to close. */
int uct_peervma_ipc_outbox_send(uct_peervma_ipc_outbox_t *outbox, int socket,
                                uct_peervma_ipc_type_t type, uint64_t id,
                                int error, uint64_t offset, int fd);

/*
 * Promise to tell when export `id` is no more, so that this needs no memory
 * then; and take that back. Who never asked for it is promised nothing, so that
 * no more can wait than what there is to ask for.
 */
int uct_peervma_ipc_outbox_promise(uct_peervma_ipc_outbox_t *outbox,
                                   uint64_t id);
void uct_peervma_ipc_outbox_unpromise(uct_peervma_ipc_outbox_t *outbox,
                                      uint64_t id);

/* Export `id` is no more: tell it, if that was promised. */
int uct_peervma_ipc_outbox_drop(uct_peervma_ipc_outbox_t *outbox, int socket,
                                uint64_t id);

/* Forget everything. */
void uct_peervma_ipc_outbox_clear(uct_peervma_ipc_outbox_t *outbox);

#endif
