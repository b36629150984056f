/* SPDX-License-Identifier: BSD-3-Clause */
/* What memory domains and components of ours have in common: mostly that they
 * do not support it. */
#ifndef UCT_PEERVMA_COMMON_H
#define UCT_PEERVMA_COMMON_H

#include "abi/component.h"

ucs_status_t uct_peervma_mem_attach(uct_md_h md, const void *mkey, void *params,
                                    uct_mem_h *memh_p);
ucs_status_t uct_peervma_mem_elem_pack(uct_md_h md, uct_mem_h memh,
                                       uct_rkey_t rkey, void *mem_elem);
void uct_peervma_mem_elem_release(uct_md_h md, void *release_handle);
void uct_peervma_md_vfs_init(uct_md_h md);

ucs_status_t uct_peervma_cm_open(uct_component_t *component,
                                 uct_worker_h worker,
                                 const uct_cm_config_t *config, uct_cm_h *cm_p);

/* By the keys' own values. */
ucs_status_t uct_peervma_rkey_compare(uct_component_t *component,
                                      uct_rkey_t rkey1, uct_rkey_t rkey2,
                                      const void *params, int *result_p);

#endif
