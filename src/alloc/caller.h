/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_ALLOC_CALLER_H
#define PEERVMA_ALLOC_CALLER_H

#include <stdbool.h>

/*
 * Is this the code of libc, or of a library that moves data between processes,
 * such as UCX, MPI and the verbs? Takes no lock and allocates nothing.
 */
bool caller_is_transport(const void *code);

#endif
