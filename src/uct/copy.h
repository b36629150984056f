/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Copies by the CPU between host memory and device memory, which may be mapped
 * write-combining or uncached: the device side is accessed naturally aligned
 * and as wide as possible, each byte once. Both sides may have any alignment.
 */
#ifndef UCT_PEERVMA_COPY_H
#define UCT_PEERVMA_COPY_H

#include <stddef.h>

/* On return the bytes are on their way to the device, ahead of later stores. */
void uct_peervma_copy_to_device(void *device, const void *host, size_t length);

/* Reads nothing ahead of loads that precede the call. */
void uct_peervma_copy_from_device(void *host, const void *device,
                                  size_t length);

#endif
