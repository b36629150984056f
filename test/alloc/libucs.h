/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TEST_ALLOC_LIBUCS_H
#define PEERVMA_TEST_ALLOC_LIBUCS_H

#include <stddef.h>

#define LIBUCS_EXPORT __attribute__((visibility("default")))

LIBUCS_EXPORT void *libucs_malloc(size_t size);
LIBUCS_EXPORT void *libucs_realloc(void *old, size_t size);
LIBUCS_EXPORT void *libucs_mmap(size_t length);

#endif
