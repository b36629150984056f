/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What lies behind mappings and was asked for by requests that began in them.
 * UCP carries such a request out piece by piece, and a piece that lies in the
 * next mapping cannot be told from a proper one by its address alone.
 *
 * Nobody tells of what may follow a query: a request, or a registration that
 * fails, after which what lies behind is as good as before. So it is forbidden
 * only once a piece has come of what lies before, in the mapping itself: UCP
 * begins there.
 */
#ifndef UCT_PEERVMA_BEYOND_H
#define UCT_PEERVMA_BEYOND_H

#include <stddef.h>
#include <stdint.h>

/* A query was about [address, address + length), of which `end` is the end of
 * the mapping. */
void uct_peervma_beyond_add(const void *address, size_t length, uintptr_t end);

/* The query was for a registration that has failed: no request follows. */
void uct_peervma_beyond_take_back(const void *address, size_t length);

/* A proper request is about this range: no longer forbidden. */
void uct_peervma_beyond_drop(const void *address, size_t length);

/* A piece is to be copied: does it touch what is forbidden? */
int uct_peervma_beyond_hit(const void *address, size_t length);

#endif
