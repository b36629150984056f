/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef UCT_PEERVMA_IPC_IFACE_H
#define UCT_PEERVMA_IPC_IFACE_H

#include "abi/component.h"
#include "abi/iface.h"
#include "ipc_md.h"

typedef struct uct_peervma_ipc_failure uct_peervma_ipc_failure_t;

typedef struct {
    uct_base_iface_t super;
    peervma_context_t *context;
    uint64_t node;    /* same node, network namespace, user */
    uint64_t process; /* this one */
    uct_peervma_ipc_failure_t *failures; /* to be told, the oldest first */
    uct_worker_cb_id_t progress_id;      /* of who tells them */
    ucs_status_t failed;                 /* since its last flush */
} uct_peervma_ipc_iface_t;

/* Once, before any is opened: threads may open some at once. */
void uct_peervma_ipc_iface_init(void);

ucs_status_t uct_peervma_ipc_iface_open(uct_md_h md, uct_worker_h worker,
                                        const uct_iface_params_t *params,
                                        const uct_iface_config_t *config,
                                        uct_iface_h *iface_p);

ucs_status_t uct_peervma_ipc_query_devices(uct_md_h md,
                                           uct_tl_device_t **devices_p,
                                           unsigned *count_p);

#endif
