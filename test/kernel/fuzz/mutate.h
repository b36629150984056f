/* SPDX-License-Identifier: BSD-3-Clause */
/* Ioctls that no library makes. */
#ifndef MUTATE_H
#define MUTATE_H

#include "fuzz.h"

/* One with a number, a size, a flag, a tail or a place that is odd. */
void call_mutated(worker_t *worker);

/* One whose argument other threads write at the same time. */
void call_contended(worker_t *worker);

/* The argument that all threads use at once. */
extern uint8_t *fuzz_contended;

#endif
