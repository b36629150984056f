/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ranges without a mapping that the program declared. They are looked for
 * where no mapping is.
 */
#ifndef PEERVMA_DECLARED_H
#define PEERVMA_DECLARED_H

#include "context.h"

/* The map of them, or NULL if there never were any. */
static inline const struct peervma_region_map *peervma_declared_map(
    const peervma_context_t *context)
{
    return __atomic_load_n(&context->declared, __ATOMIC_ACQUIRE);
}

/* The declared region that contains `address`. 0 or -ENOENT. */
int peervma_declared_find(peervma_context_t *context, uintptr_t address,
                          peervma_region_t *region_p);

/* The first that ends after `address`. As above. */
int peervma_declared_next(peervma_context_t *context, uintptr_t address,
                          peervma_region_t *region_p);

/* As peervma_region_export(), of declared ranges only. */
int peervma_declared_export(peervma_context_t *context, uintptr_t address,
                            size_t length, peervma_export_t *export_p);

/*
 * Let go of all of them, in a forked child (the map is empty there) or at the
 * end: of the list and its descriptors.
 */
void peervma_declared_forget(peervma_context_t *context);

#endif
