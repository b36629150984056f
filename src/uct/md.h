/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory domain: what is device memory, and a dma-buf for it. */
#ifndef UCT_PEERVMA_MD_H
#define UCT_PEERVMA_MD_H

#include <peervma.h>

#include "abi/component.h"
#include "alloc.h"
#include "selection.h"
#include "trial.h"

typedef struct {
    uct_md_t super;
    peervma_context_t *context;
    uct_peervma_selection_t selection;
    uct_peervma_trial_t *trial;
    uct_peervma_alloc_t *alloc;
    int promises;           /* dma-bufs of the device type */
    int export_error;       /* exports cannot be counted on; < 0 */
    unsigned export_reason; /* then: why */
    _Atomic int has_iface;  /* UCX opened one, sooner or later */
} uct_peervma_md_t;

typedef struct {
    int stats;
    unsigned mem_type; /* in uct_peervma_type_settings */
    int try_nics;
    double copy_bw_to_device;   /* bytes per second; auto is negative */
    double copy_bw_from_device; /* likewise */
    double copy_latency;        /* seconds; 0: not set */
    char *alloc_device;
} uct_peervma_md_config_t;

extern ucs_config_field_t uct_peervma_md_config_table[];

ucs_status_t uct_peervma_md_open(uct_component_t *component, const char *name,
                                 const uct_md_config_t *config, uct_md_h *md_p);

/*
 * Does UCP keep the domain that it opened last? It opens all that a context may
 * need one after the other, this one before that of pvma_ipc.
 */
int uct_peervma_md_is_kept(void);

#endif
