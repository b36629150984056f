/* SPDX-License-Identifier: BSD-3-Clause */
#include "common.h"

ucs_status_t uct_peervma_mem_attach(uct_md_h md, const void *mkey, void *params,
                                    uct_mem_h *memh_p)
{
    (void)md;
    (void)mkey;
    (void)params;
    (void)memh_p;
    return UCS_ERR_UNSUPPORTED;
}

/* UCX 1.23 passes one argument more. */
ucs_status_t uct_peervma_mem_elem_pack(uct_md_h md, uct_mem_h memh,
                                       uct_rkey_t rkey, void *mem_elem)
{
    (void)md;
    (void)memh;
    (void)rkey;
    (void)mem_elem;
    return UCS_ERR_UNSUPPORTED;
}

void uct_peervma_mem_elem_release(uct_md_h md, void *release_handle)
{
    (void)md;
    (void)release_handle;
}

void uct_peervma_md_vfs_init(uct_md_h md)
{
    (void)md;
}

ucs_status_t uct_peervma_cm_open(uct_component_t *component,
                                 uct_worker_h worker,
                                 const uct_cm_config_t *config, uct_cm_h *cm_p)
{
    (void)component;
    (void)worker;
    (void)config;
    (void)cm_p;
    return UCS_ERR_UNSUPPORTED;
}

ucs_status_t uct_peervma_rkey_compare(uct_component_t *component,
                                      uct_rkey_t rkey1, uct_rkey_t rkey2,
                                      const void *params, int *result_p)
{
    (void)component;
    (void)params;
    *result_p = (rkey1 > rkey2) - (rkey1 < rkey2);
    return UCS_OK;
}
