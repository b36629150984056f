/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Will a mapping be registered? UCP decides by the memory type how a buffer
 * travels, registers it only then, and has no way back if that is refused. So
 * each mapping is tried once, when UCP first asks what it is: it is exported,
 * and registered with the NICs for a moment.
 */
#ifndef UCT_PEERVMA_TRIAL_H
#define UCT_PEERVMA_TRIAL_H

#include <peervma.h>

#include "selection.h"

typedef struct uct_peervma_trial uct_peervma_trial_t;

/* NULL if there is no memory for it. `with_nics`: else only export. With those
 * of the selection, which has to stay. */
uct_peervma_trial_t *uct_peervma_trial_create(
    peervma_context_t *context, int with_nics,
    const uct_peervma_selection_t *selection);
void uct_peervma_trial_destroy(uct_peervma_trial_t *trial);

/* Has the mapping to be staged through host memory? A line says why. */
int uct_peervma_trial_is_staged(uct_peervma_trial_t *trial,
                                const peervma_region_t *region);

/* The mapping was refused in spite of its trial: stage it from now on. */
void uct_peervma_trial_refuse(uct_peervma_trial_t *trial,
                              const peervma_region_t *region);

#endif
