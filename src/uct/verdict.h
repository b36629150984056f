/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which mappings can be registered, as found out once for each: remembered
 * until something else is mapped there. Of more mappings than it has places for
 * it forgets some, which are then tried again.
 */
#ifndef UCT_PEERVMA_VERDICT_H
#define UCT_PEERVMA_VERDICT_H

#include <peervma.h>

typedef enum {
    UCT_PEERVMA_VERDICT_NONE, /* not tried yet */
    UCT_PEERVMA_VERDICT_ZERO_COPY,
    UCT_PEERVMA_VERDICT_STAGED /* refused, by the exporter or by a NIC */
} uct_peervma_verdict_t;

typedef struct uct_peervma_verdicts uct_peervma_verdicts_t;

/* NULL if there is no memory for it. */
uct_peervma_verdicts_t *uct_peervma_verdicts_create(void);
void uct_peervma_verdicts_destroy(uct_peervma_verdicts_t *verdicts);

uct_peervma_verdict_t uct_peervma_verdict_get(uct_peervma_verdicts_t *verdicts,
                                              const peervma_region_t *region);
void uct_peervma_verdict_set(uct_peervma_verdicts_t *verdicts,
                             const peervma_region_t *region,
                             uct_peervma_verdict_t verdict);

#endif
