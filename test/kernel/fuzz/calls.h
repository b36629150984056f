/* SPDX-License-Identifier: BSD-3-Clause */
/* The ioctls, and whether their answers are right. */
#ifndef CALLS_H
#define CALLS_H

#include "fuzz.h"

/* Some address of the own arena, at the beginning of a page. */
uint64_t random_own(worker_t *worker);
uint64_t random_shared(worker_t *worker);

void call_info(worker_t *worker);
void call_query(worker_t *worker, uint64_t addr);
void call_export(worker_t *worker, uint64_t addr);

/* The same on the arena that all threads change. */
void call_shared_query(worker_t *worker);
void call_shared_export(worker_t *worker);

/* Keep an export for a while, in the place of an older one. */
void call_hold(worker_t *worker, int fd);

/* Close what was kept of earlier exports. */
void call_drop_held(worker_t *worker);

/* What the calls in mutate.c need, too. */
int call_raw(worker_t *worker, unsigned request, void *argument);

#endif
