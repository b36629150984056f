/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests that run with the allocator preloaded, over the fake device. */
#ifndef PEERVMA_TEST_ALLOC_DEVICE_MEMORY_H
#define PEERVMA_TEST_ALLOC_DEVICE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Become this program again, with the allocator in it; once. */
void run_under_alloc(void);

/* Is this address in the memory of the fake device? By /proc/self/maps. */
bool is_device(const void *address);

/* How many mappings of it has this process? */
size_t device_mappings(void);

#endif
