/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TOOLS_REFUSAL_H
#define PEERVMA_TOOLS_REFUSAL_H

#include <stddef.h>

#include "peervma.h"

/*
 * Append a provider's refusal to a list of them in a text, cut to what fits:
 * "kernel: there is no /dev/peervma: ...". The errno is told where it is the
 * reason.
 */
void refusal_append(char *text, size_t size, const peervma_refusal_t *refusal);

#endif
