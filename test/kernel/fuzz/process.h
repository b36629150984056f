/* SPDX-License-Identifier: BSD-3-Clause */
/* Other processes: a child's copy of the memory, and a peer that gets files. */
#ifndef PROCESS_H
#define PROCESS_H

#include "fuzz.h"

/* A process that has none of our arenas; before any thread is started. */
void peer_start(worker_t *worker);
void peer_stop(worker_t *worker);

/* Export, pass the descriptor on, and have the peer look at what it got. */
void peer_try(worker_t *worker);

/* Go on with some steps in a child, and wait for its end. */
void fork_try(worker_t *worker, void (*step)(worker_t *worker));

/* Unbind the accelerator's driver and bind it again. */
void device_find(void);
void device_rebind(worker_t *worker);

#endif
