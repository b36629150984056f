/* SPDX-License-Identifier: BSD-3-Clause */
/* The component, and its registration with the UCX of this process. */
#include "module.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "abi/component.h"
#include "abi/iface.h"
#include "abi/versions.h"
#include "common.h"
#include "explain.h"
#include "guard.h"
#include "iface.h"
#include "ipc_md.h"
#include "md.h"
#include "tls.h"

static char refusal[256];
static atomic_int asked;

int uct_peervma_was_asked(void)
{
    return asked;
}

const char *uct_peervma_refusal(void)
{
    asked = 1;
    return (refusal[0] == '\0') ? NULL : refusal;
}

/* A remote key of ours is empty. */
static ucs_status_t rkey_unpack_v1_18(uct_component_t *component,
                                      const void *buffer, uct_rkey_t *rkey_p,
                                      void **handle_p)
{
    (void)component;
    (void)buffer;
    *rkey_p = 0;
    *handle_p = NULL;
    return UCS_OK;
}

static ucs_status_t rkey_unpack_v1_19(uct_component_t *component,
                                      const void *buffer, const void *params,
                                      uct_rkey_t *rkey_p, void **handle_p)
{
    (void)params;
    return rkey_unpack_v1_18(component, buffer, rkey_p, handle_p);
}

static ucs_status_t rkey_ptr(uct_component_t *component, uct_rkey_t rkey,
                             void *handle, uint64_t remote_address,
                             void **address_p)
{
    (void)component;
    (void)rkey;
    (void)handle;
    (void)remote_address;
    (void)address_p;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t rkey_release(uct_component_t *component, uct_rkey_t rkey,
                                 void *handle)
{
    (void)component;
    (void)rkey;
    (void)handle;
    return UCS_OK;
}

static uct_component_t component = {
    .name = "peervma",
    .query_md_resources = uct_md_query_single_md_resource,
    .md_open = uct_peervma_md_open,
    .cm_open = uct_peervma_cm_open,
    .rkey_ptr = rkey_ptr,
    .rkey_release = rkey_release,
    .rkey_compare = uct_peervma_rkey_compare,
    .md_config = {.name = "peervma memory domain",
                  .prefix = "PEERVMA_",
                  .table = uct_peervma_md_config_table,
                  .size = sizeof(uct_peervma_md_config_t)},
    .cm_config = UCS_CONFIG_EMPTY_GLOBAL_LIST_ENTRY,
    .tl_list = UCS_LIST_INITIALIZER(&component.tl_list, &component.tl_list),
    .md_vfs_init = uct_peervma_md_vfs_init};

static uct_tl_t copy_tl = {.name = UCT_PEERVMA_COPY_TL,
                           .query_devices = uct_peervma_query_devices,
                           .iface_open = uct_peervma_iface_open,
                           .config = {.name = "pvma_copy transport",
                                      .prefix = "PEERVMA_COPY_",
                                      .table = uct_iface_config_table,
                                      .size = sizeof(uct_iface_config_t)}};

/* As another file, by UCX_PLUGIN_PATH for instance: one is enough. */
static int is_registered(void)
{
    const uct_component_t *other;

    ucs_list_for_each(other, &uct_components_list, list)
    {
        if (strcmp(other->name, component.name) == 0) {
            return 1;
        }
    }
    return 0;
}

__attribute__((constructor)) static void module_init(void)
{
    uct_peervma_guard_facts_t facts;

    uct_peervma_guard_facts(&facts);
    uct_peervma_version =
        uct_peervma_guard_check(&facts, refusal, sizeof(refusal));
    if (uct_peervma_version == NULL) {
        uct_peervma_explain_out(refusal);
        return;
    }
    if (is_registered()) {
        return;
    }
    if (uct_peervma_version->rkey_unpack_params) {
        component.rkey_unpack.v1_19 = rkey_unpack_v1_19;
    } else {
        component.rkey_unpack.v1_18 = rkey_unpack_v1_18;
    }
    uct_peervma_iface_init();
    uct_component_register(&component);
    uct_tl_register(&component, &copy_tl);
    uct_peervma_ipc_register();
}
