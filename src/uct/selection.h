/* SPDX-License-Identifier: BSD-3-Clause */
/* Which transports and devices UCP may use, as the user set it. */
#ifndef UCT_PEERVMA_SELECTION_H
#define UCT_PEERVMA_SELECTION_H

#include <ucs/type/status.h>

typedef struct {
    char *transports;  /* UCX_TLS */
    char *net_devices; /* UCX_NET_DEVICES */
} uct_peervma_selection_t;

/* From the environment, or UCX's configuration files: where UCP reads it. */
ucs_status_t uct_peervma_selection_read(uct_peervma_selection_t *selection_p);
void uct_peervma_selection_release(uct_peervma_selection_t *selection);

#endif
