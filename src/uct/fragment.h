/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UCP's fragments: its own host memory, into which it copies a piece of device
 * memory by pvma_copy right before it puts it into that of a peer.
 */
#ifndef UCT_PEERVMA_FRAGMENT_H
#define UCT_PEERVMA_FRAGMENT_H

#include <stddef.h>

/* This thread has copied device memory into host memory. */
void uct_peervma_fragment_filled(const void *start, size_t length);

/* Is `address` where it did so last? */
int uct_peervma_fragment_is(const void *address);

#endif
