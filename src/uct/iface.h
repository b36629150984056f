/* SPDX-License-Identifier: BSD-3-Clause */
/* The transport pvma_copy: host and device memory of this process, by CPU. */
#ifndef UCT_PEERVMA_IFACE_H
#define UCT_PEERVMA_IFACE_H

#include <stdint.h>

#include <peervma.h>

#include "abi/component.h"
#include "abi/iface.h"
#include "md.h"
#include "sync.h"

typedef struct {
    uct_base_iface_t super;
    uint64_t id; /* the address: an interface reaches itself only */
    peervma_context_t *context;
    uintptr_t run_end; /* of the copies that follow each other */
    size_t run_length;
    uct_peervma_sync_t sync;
} uct_peervma_iface_t;

/* Once, before any is opened: threads may open some at once. */
void uct_peervma_iface_init(void);

ucs_status_t uct_peervma_iface_open(uct_md_h md, uct_worker_h worker,
                                    const uct_iface_params_t *params,
                                    const uct_iface_config_t *config,
                                    uct_iface_h *iface_p);

ucs_status_t uct_peervma_query_devices(uct_md_h md, uct_tl_device_t **devices_p,
                                       unsigned *count_p);

#endif
