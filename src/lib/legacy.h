/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that takes another way to a NIC than a dma-buf. */
#ifndef PEERVMA_LEGACY_H
#define PEERVMA_LEGACY_H

#include "context.h"

/*
 * Why memory that is not a device's, as far as this library is concerned, may
 * be one's all the same: adds a refusal if a peer-memory client serves it.
 */
void peervma_legacy_explain(const peervma_context_t *context, uintptr_t address,
                            peervma_refusals_t *refusals);

#endif
