/* SPDX-License-Identifier: BSD-3-Clause */
#include "ipc_md.h"

#include <stdlib.h>
#include <string.h>

#include "abi/iface.h"
#include "abi/versions.h"
#include "common.h"
#include "detect.h"
#include "explain.h"
#include "ipc_cache.h"
#include "ipc_copy.h"
#include "ipc_export.h"
#include "ipc_fault.h"
#include "ipc_iface.h"
#include "ipc_service.h"
#include "md.h"
#include "memtype.h"
#include "status.h"

/* All settings are those of the domain "peervma". */
static ucs_config_field_t config_table[] = {{NULL}};

/* The handle of memory that cannot be exported: UCX registers it still, and
 * the key tells the peer to go another way. */
static char nothing;

static uct_peervma_ipc_md_t *to_md(uct_md_h md)
{
    return ucs_container_of(md, uct_peervma_ipc_md_t, super);
}

static ucs_status_t md_query(uct_md_h md, uct_md_attr_v2_t *attr)
{
    const uint64_t device = UCS_BIT(uct_peervma_types.device);

    (void)md;
    uct_md_base_md_query(attr);
    attr->flags = UCT_MD_FLAG_REG | UCT_MD_FLAG_NEED_RKEY;
    attr->reg_mem_types = device;
    attr->cache_mem_types = device;
    attr->access_mem_types = device | UCS_BIT(uct_peervma_types.staged) |
                             UCS_BIT(UCS_MEMORY_TYPE_HOST);
    attr->rkey_packed_size = sizeof(uct_peervma_ipc_key_t);
    return UCS_OK;
}

static ucs_status_t md_mem_query(uct_md_h md, const void *address,
                                 size_t length, uct_md_mem_attr_t *attr)
{
    (void)md;
    (void)address;
    (void)length;
    (void)attr;
    return UCS_ERR_UNSUPPORTED; /* the domain "peervma" knows */
}

static ucs_status_t md_detect_memory_type(uct_md_h md, const void *address,
                                          size_t length,
                                          ucs_memory_type_t *type_p)
{
    (void)md;
    (void)address;
    (void)length;
    (void)type_p;
    return UCS_ERR_UNSUPPORTED;
}

static ucs_status_t md_mem_reg(uct_md_h md, void *address, size_t length,
                               const void *params, uct_mem_h *memh_p)
{
    uct_peervma_ipc_export_t *export;

    (void)params;
    export = uct_peervma_ipc_export_get(to_md(md)->context, address, length);
    *memh_p = (export != NULL) ? (uct_mem_h) export : &nothing;
    return UCS_OK;
}

static ucs_status_t md_mem_dereg(uct_md_h md, const void *arg)
{
    const uct_md_mem_dereg_params_t *params = arg;

    (void)md;
    if (!(params->field_mask & UCT_MD_MEM_DEREG_HAS_MEMH)) {
        return UCS_ERR_INVALID_PARAM;
    }
    if ((params->field_mask & UCT_MD_MEM_DEREG_HAS_FLAGS) &&
        (params->flags != 0)) {
        return UCS_ERR_UNSUPPORTED; /* to invalidate: we do not offer it */
    }
    if (params->memh != (uct_mem_h)&nothing) {
        uct_peervma_ipc_export_put(params->memh);
    }
    return UCS_OK;
}

static ucs_status_t md_mkey_pack(uct_md_h md, uct_mem_h memh, void *address,
                                 size_t length, const void *params,
                                 void *buffer)
{
    const uct_peervma_ipc_export_t *export = NULL;
    uct_peervma_ipc_key_t key;

    (void)md;
    (void)address;
    (void)length;
    (void)params;
    if ((memh != (uct_mem_h)&nothing) &&
        (uct_peervma_ipc_service_answer() == 0)) {
        export = memh;
    }
    uct_peervma_ipc_export_key(export, &key);
    memcpy(buffer, &key, sizeof(key));
    return UCS_OK;
}

static void md_close(uct_md_h md)
{
    uct_peervma_ipc_service_stop();
    uct_peervma_detect_stop();
    free(to_md(md));
}

static const uct_md_ops_t md_ops = {.close = md_close,
                                    .query = md_query,
                                    .mem_reg = md_mem_reg,
                                    .mem_dereg = md_mem_dereg,
                                    .mem_query = md_mem_query,
                                    .mkey_pack = md_mkey_pack,
                                    .mem_attach = uct_peervma_mem_attach,
                                    .detect_memory_type = md_detect_memory_type,
                                    .mem_elem_pack = uct_peervma_mem_elem_pack,
                                    .mem_elem_release =
                                        uct_peervma_mem_elem_release};

static const uct_peervma_ipc_service_ops_t service_ops = {
    .open = uct_peervma_ipc_export_open, .dropped = uct_peervma_ipc_cache_drop};

static ucs_status_t md_open(uct_component_t *component, const char *name,
                            const uct_md_config_t *config, uct_md_h *md_p)
{
    uct_peervma_ipc_md_t *md;
    ucs_status_t status;
    int ret;

    (void)name;
    (void)config;
    md = malloc(sizeof(*md));
    if (md == NULL) {
        return UCS_ERR_NO_MEMORY;
    }
    status = uct_peervma_detect_start(&md->context);
    if (status != UCS_OK) {
        goto err_free;
    }
    ret = uct_peervma_ipc_service_start(&service_ops, md->context);
    if (ret != 0) {
        status = uct_peervma_status(ret);
        goto err_stop;
    }
    md->super.ops = &md_ops;
    md->super.component = component;
    *md_p = &md->super;
    return UCS_OK;

err_stop:
    uct_peervma_detect_stop();
err_free:
    free(md);
    return status;
}

/* Memory that cannot be mapped here is unreachable by us, and UCX takes another
 * of its transports. */
static ucs_status_t rkey_unpack_v1_18(uct_component_t *component,
                                      const void *buffer, uct_rkey_t *rkey_p,
                                      void **handle_p)
{
    uct_peervma_ipc_mapping_t *mapping;
    uct_peervma_ipc_key_t key;
    int ret;

    (void)component;
    memcpy(&key, buffer, sizeof(key));
    uct_peervma_ipc_fault_catch();
    ret = uct_peervma_ipc_cache_get(&key, &mapping);
    if (ret != 0) {
        uct_peervma_explain_ipc_unreachable(key.base, key.length, ret);
        return UCS_ERR_UNREACHABLE;
    }
    *rkey_p = (uintptr_t)mapping;
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
    void *address;

    (void)component;
    (void)handle;
    address = uct_peervma_ipc_address((const uct_peervma_ipc_mapping_t *)rkey,
                                      remote_address, 1);
    if (address == NULL) {
        return UCS_ERR_INVALID_ADDR;
    }
    *address_p = address;
    return UCS_OK;
}

static ucs_status_t rkey_release(uct_component_t *component, uct_rkey_t rkey,
                                 void *handle)
{
    (void)component;
    (void)handle;
    uct_peervma_ipc_cache_put((uct_peervma_ipc_mapping_t *)rkey);
    return UCS_OK;
}

/* Without the flag for it rkey_ptr is for applications only: UCX would copy by
 * memcpy(), which is not for device memory. */
static uct_component_t component = {
    .name = "peervma_ipc",
    .query_md_resources = uct_md_query_single_md_resource,
    .md_open = md_open,
    .cm_open = uct_peervma_cm_open,
    .rkey_ptr = rkey_ptr,
    .rkey_release = rkey_release,
    .rkey_compare = uct_peervma_rkey_compare,
    .md_config = {.name = "peervma_ipc memory domain",
                  .prefix = "PEERVMA_IPC_",
                  .table = config_table,
                  .size = sizeof(void *)},
    .cm_config = UCS_CONFIG_EMPTY_GLOBAL_LIST_ENTRY,
    .tl_list = UCS_LIST_INITIALIZER(&component.tl_list, &component.tl_list),
    .md_vfs_init = uct_peervma_md_vfs_init};

static uct_tl_t tl = {.name = UCT_PEERVMA_IPC_TL,
                      .query_devices = uct_peervma_ipc_query_devices,
                      .iface_open = uct_peervma_ipc_iface_open,
                      .config = {.name = "pvma_ipc transport",
                                 .prefix = "PEERVMA_IPC_TL_",
                                 .table = uct_iface_config_table,
                                 .size = sizeof(uct_iface_config_t)}};

void uct_peervma_ipc_register(void)
{
    if (uct_peervma_version->rkey_unpack_params) {
        component.rkey_unpack.v1_19 = rkey_unpack_v1_19;
    } else {
        component.rkey_unpack.v1_18 = rkey_unpack_v1_18;
    }
    uct_peervma_ipc_iface_init();
    uct_component_register(&component);
    uct_tl_register(&component, &tl);
}
