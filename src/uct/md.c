/* SPDX-License-Identifier: BSD-3-Clause */
#include "md.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "abi/versions.h"
#include "beyond.h"
#include "common.h"
#include "detect.h"
#include "explain.h"
#include "job.h"
#include "memtype.h"
#include "module.h"
#include "place.h"
#include "speed.h"
#include "stats.h"
#include "status.h"
#include "tls.h"

ucs_config_field_t uct_peervma_md_config_table[] = {
    {"STATS", "n",
     "Print the counters of what peervma did, in one line to stderr when the\n"
     "process exits.",
     ucs_offsetof(uct_peervma_md_config_t, stats), UCS_CONFIG_TYPE_BOOL},

    {"MEM_TYPE", "auto",
     "UCX's memory type that stands for device memory. auto takes the first\n"
     "that no component of UCX has devices of.",
     ucs_offsetof(uct_peervma_md_config_t, mem_type),
     UCS_CONFIG_TYPE_ENUM(uct_peervma_type_settings)},

    {"TRY_NICS", "y",
     "Register each device mapping once with the NICs, for a trial, and stage\n"
     "it through host memory if one refuses. Otherwise such a refusal may "
     "fail\n"
     "the request.",
     ucs_offsetof(uct_peervma_md_config_t, try_nics), UCS_CONFIG_TYPE_BOOL},

    {"COPY_BW_TO_DEVICE", "auto",
     "How quickly the CPU writes device memory, by which UCX chooses between\n"
     "copies and zero-copy. auto is measured, or 4GBps where that cannot be.",
     ucs_offsetof(uct_peervma_md_config_t, copy_bw_to_device),
     UCS_CONFIG_TYPE_BW},

    {"COPY_BW_FROM_DEVICE", "auto",
     "How quickly the CPU reads device memory, likewise; 250MBps.",
     ucs_offsetof(uct_peervma_md_config_t, copy_bw_from_device),
     UCS_CONFIG_TYPE_BW},

    {"COPY_LATENCY", "0",
     "How long the shortest copy takes. 0 is measured; 500ns.",
     ucs_offsetof(uct_peervma_md_config_t, copy_latency), UCS_CONFIG_TYPE_TIME},

    {"ALLOC_DEVICE", "auto",
     "Accelerator on which UCX allocates: a number as of peervma list, a "
     "node,\n"
     "or auto, the first that gives memory.",
     ucs_offsetof(uct_peervma_md_config_t, alloc_device),
     UCS_CONFIG_TYPE_STRING},

    {NULL}};

static uct_peervma_md_t *to_md(uct_md_h md)
{
    return ucs_container_of(md, uct_peervma_md_t, super);
}

static ucs_status_t md_query(uct_md_h md, uct_md_attr_v2_t *attr)
{
    const uint64_t device = UCS_BIT(uct_peervma_types.device);
    const uint64_t all = device | UCS_BIT(uct_peervma_types.staged);

    uct_md_base_md_query(attr);
    attr->flags = UCT_MD_FLAG_REG;
    attr->reg_mem_types = UCS_BIT(UCS_MEMORY_TYPE_HOST) | all;
    attr->access_mem_types = all;
    if (uct_peervma_version->access_host) {
        attr->access_mem_types |= UCS_BIT(UCS_MEMORY_TYPE_HOST);
    }
    attr->detect_mem_types = all;
    attr->dmabuf_mem_types = to_md(md)->promises ? device : 0;
    if (uct_peervma_alloc_has_device(to_md(md)->alloc)) {
        attr->flags |= UCT_MD_FLAG_ALLOC;
        attr->alloc_mem_types = device;
        attr->max_alloc = SIZE_MAX;
    }
    return UCS_OK;
}

/* Where no dma-buf is promised, UCP stages all. */
static ucs_memory_type_t region_type(uct_peervma_md_t *md,
                                     const peervma_region_t *region)
{
    uct_peervma_job_check(0);
    if (md->promises &&
        (uct_peervma_types.staged != uct_peervma_types.device) &&
        uct_peervma_trial_is_staged(md->trial, region)) {
        return uct_peervma_types.staged;
    }
    return uct_peervma_types.device;
}

static int is_beyond(const peervma_region_t *region, const void *address,
                     size_t length)
{
    return length > region->length - ((uintptr_t)address - region->base);
}

/* A fresh dma-buf fd, which UCP closes, and the range's offset in it. */
static ucs_status_t query_dmabuf(uct_peervma_md_t *md,
                                 const peervma_region_t *region,
                                 const void *address, size_t length,
                                 uct_md_mem_attr_t *attr)
{
    peervma_refusals_t refusals;
    peervma_export_t export;
    int ret;

    ret =
        peervma_region_export(md->context, address, length, &export, &refusals);
    if (ret != 0) {
        uct_peervma_stat_add(UCT_PEERVMA_STAT_DMABUF_REFUSED, 1);
        uct_peervma_explain_refused(address, length, ret, &refusals);
        uct_peervma_trial_refuse(md->trial, region);
        return uct_peervma_status(ret);
    }

    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_DMABUF_OFFSET) {
        attr->dmabuf_offset = export.offset;
    }
    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_DMABUF_FD) {
        attr->dmabuf_fd = export.fd;
    } else {
        close(export.fd);
    }
    uct_peervma_stat_add(UCT_PEERVMA_STAT_DMABUF_EXPORTS, 1);
    return UCS_OK;
}

static ucs_status_t md_mem_query(uct_md_h tl_md, const void *address,
                                 size_t length, uct_md_mem_attr_t *attr)
{
    uct_peervma_md_t *md = to_md(tl_md);
    peervma_region_t region;
    int beyond, ret;

    uct_peervma_stat_add(UCT_PEERVMA_STAT_LOOKUPS, 1);
    ret = peervma_region_lookup(md->context, address, &region);
    if (ret != 0) {
        return uct_peervma_status(ret);
    }

    if (!md->promises) {
        uct_peervma_explain_no_export(&region, md->export_error,
                                      md->export_reason);
    }
    beyond = is_beyond(&region, address, length);
    if (beyond) {
        uct_peervma_explain_beyond(address, length, &region);
    } else {
        uct_peervma_beyond_drop(address, length);
    }

    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_MEM_TYPE) {
        attr->mem_type = region_type(md, &region);
        /* With that a request begins. */
        if (beyond) {
            uct_peervma_beyond_add(address, length,
                                   region.base + region.length);
        }
        /* UCP asks for the type before it first weighs the protocols. */
        uct_peervma_speed_meet(md->alloc, &region);
    }
    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_SYS_DEV) {
        attr->sys_dev = uct_peervma_place(&region);
    }
    /* No allocation holds a range that reaches beyond its mapping. UCP cannot
     * register zero bytes, so it fails the request instead of sending what lies
     * behind. */
    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_BASE_ADDRESS) {
        attr->base_address = beyond ? (void *)address : (void *)region.base;
    }
    if (attr->field_mask & UCT_MD_MEM_ATTR_FIELD_ALLOC_LENGTH) {
        attr->alloc_length = beyond ? 0 : region.length;
    }
    if (attr->field_mask & (UCT_MD_MEM_ATTR_FIELD_DMABUF_FD |
                            UCT_MD_MEM_ATTR_FIELD_DMABUF_OFFSET)) {
        return query_dmabuf(md, &region, address, length, attr);
    }
    return UCS_OK;
}

static ucs_status_t md_detect_memory_type(uct_md_h md, const void *address,
                                          size_t length,
                                          ucs_memory_type_t *type_p)
{
    uct_md_mem_attr_t attr = {.field_mask = UCT_MD_MEM_ATTR_FIELD_MEM_TYPE};
    ucs_status_t status;

    status = md_mem_query(md, address, length, &attr);
    if (status == UCS_OK) {
        *type_p = attr.mem_type;
    }
    return status;
}

/* Then a request may go on without the registration. */
static int hides_errors(const uct_md_mem_reg_params_t *params)
{
    return (params->field_mask & UCT_MD_MEM_REG_HAS_FLAGS) &&
           (params->flags & UCT_MD_MEM_FLAG_HIDE_ERRORS);
}

/* The CPU needs no registration: a handle that says nothing, for any memory
 * but a range that is not all there. */
static ucs_status_t md_mem_reg(uct_md_h md, void *address, size_t length,
                               const void *params, uct_mem_h *memh_p)
{
    peervma_region_t region;

    if ((peervma_region_lookup(to_md(md)->context, address, &region) == 0) &&
        is_beyond(&region, address, length)) {
        uct_peervma_explain_beyond(address, length, &region);
        if (!hides_errors(params)) {
            uct_peervma_beyond_take_back(address, length);
        }
        return UCS_ERR_OUT_OF_RANGE;
    }
    *memh_p = md;
    return UCS_OK;
}

static ucs_status_t md_mem_dereg(uct_md_h md, const void *params)
{
    (void)md;
    (void)params;
    return UCS_OK;
}

static ucs_status_t alloc_on(uct_md_h md, const peervma_pci_t *pci,
                             ucs_memory_type_t mem_type, unsigned flags,
                             size_t *length_p, void **address_p,
                             uct_mem_h *memh_p)
{
    uct_peervma_memory_t *memory;
    int ret;

    if ((mem_type != uct_peervma_types.device) ||
        (flags & UCT_MD_MEM_FLAG_FIXED)) {
        return UCS_ERR_UNSUPPORTED;
    }
    ret = uct_peervma_alloc_get(to_md(md)->alloc, pci, *length_p, &memory);
    if (ret != 0) {
        return uct_peervma_status(ret);
    }
    *address_p = memory->address;
    *length_p = memory->length;
    *memh_p = memory;
    return UCS_OK;
}

static ucs_status_t md_mem_alloc_v1_18(uct_md_h md, size_t *length_p,
                                       void **address_p,
                                       ucs_memory_type_t mem_type,
                                       unsigned flags, const char *name,
                                       uct_mem_h *memh_p)
{
    (void)name;
    return alloc_on(md, NULL, mem_type, flags, length_p, address_p, memh_p);
}

static ucs_status_t md_mem_alloc_v1_19(uct_md_h md, size_t *length_p,
                                       void **address_p,
                                       ucs_memory_type_t mem_type,
                                       ucs_sys_device_t sys_device,
                                       unsigned flags, const char *name,
                                       uct_mem_h *memh_p)
{
    ucs_sys_bus_id_t bus_id;
    peervma_pci_t pci;

    (void)name;
    if (ucs_topo_get_device_bus_id(sys_device, &bus_id) != UCS_OK) {
        return alloc_on(md, NULL, mem_type, flags, length_p, address_p, memh_p);
    }
    pci = (peervma_pci_t){.domain = bus_id.domain,
                          .bus = bus_id.bus,
                          .device = bus_id.slot,
                          .function = bus_id.function,
                          .valid = 1};
    return alloc_on(md, &pci, mem_type, flags, length_p, address_p, memh_p);
}

static ucs_status_t md_mem_free(uct_md_h md, uct_mem_h memh)
{
    (void)md;
    uct_peervma_alloc_put(memh);
    return UCS_OK;
}

/* A remote key of ours is empty. */
static ucs_status_t md_mkey_pack(uct_md_h md, uct_mem_h memh, void *address,
                                 size_t length, const void *params,
                                 void *buffer)
{
    (void)md;
    (void)memh;
    (void)address;
    (void)length;
    (void)params;
    (void)buffer;
    return UCS_OK;
}

/* The one that was opened last, unless it is closed again. */
static uct_peervma_md_t *_Atomic last_md;

int uct_peervma_md_is_kept(void)
{
    return last_md != NULL;
}

/* UCP closes a domain at once if none of its transports is wanted. */
static void md_close(uct_md_h md)
{
    const char *transports = to_md(md)->selection.transports;

    if (!to_md(md)->has_iface && !uct_peervma_was_asked() &&
        uct_peervma_is_left_out(transports)) {
        uct_peervma_explain_left_out(transports);
    }
    uct_peervma_job_check(1);
    if ((uct_peervma_stat_get(UCT_PEERVMA_STAT_DMABUF_EXPORTS) > 0) &&
        (uct_peervma_stat_get(UCT_PEERVMA_STAT_PEERS) == 0)) {
        uct_peervma_explain_alone();
    }
    if (last_md == to_md(md)) {
        last_md = NULL;
    }
    uct_peervma_alloc_destroy(to_md(md)->alloc);
    uct_peervma_trial_destroy(to_md(md)->trial);
    uct_peervma_selection_release(&to_md(md)->selection);
    free(to_md(md));
    uct_peervma_detect_stop();
}

static uct_md_ops_t md_ops = {.close = md_close,
                              .query = md_query,
                              .mem_free = md_mem_free,
                              .mem_reg = md_mem_reg,
                              .mem_dereg = md_mem_dereg,
                              .mem_query = md_mem_query,
                              .mkey_pack = md_mkey_pack,
                              .mem_attach = uct_peervma_mem_attach,
                              .detect_memory_type = md_detect_memory_type,
                              .mem_elem_pack = uct_peervma_mem_elem_pack,
                              .mem_elem_release = uct_peervma_mem_elem_release};

/* When the domain is opened all of UCX's modules are loaded. */
static int choose_types(const uct_peervma_md_config_t *config)
{
    uct_peervma_type_users_t users;
    char reason[128];

    uct_peervma_type_users(&users);
    if (uct_peervma_types_choose(config->mem_type, &users,
                                 &uct_peervma_types) == 0) {
        return 1;
    }
    snprintf(reason, sizeof(reason),
             "its memory type (UCX_PEERVMA_MEM_TYPE=%s) belongs to a component "
             "of UCX here",
             uct_peervma_type_settings[config->mem_type]);
    uct_peervma_explain_out(reason);
    return 0;
}

static void set_speed(const uct_peervma_md_config_t *config)
{
    const uct_peervma_speed_t settings = {
        .to_device = config->copy_bw_to_device,
        .from_device = config->copy_bw_from_device,
        .to_latency = config->copy_latency,
        .from_latency = config->copy_latency};

    uct_peervma_speed_set(&settings);
}

ucs_status_t uct_peervma_md_open(uct_component_t *component, const char *name,
                                 const uct_md_config_t *tl_config,
                                 uct_md_h *md_p)
{
    const uct_peervma_md_config_t *config = (const void *)tl_config;
    uct_peervma_md_t *md;
    ucs_status_t status;

    (void)name;
    if (!choose_types(config)) {
        return UCS_ERR_BUSY;
    }
    md = malloc(sizeof(*md));
    if (md == NULL) {
        return UCS_ERR_NO_MEMORY;
    }

    status = uct_peervma_selection_read(&md->selection);
    if (status != UCS_OK) {
        goto err_free;
    }
    status = uct_peervma_detect_start(&md->context);
    if (status != UCS_OK) {
        goto err_release;
    }
    md->trial =
        uct_peervma_trial_create(md->context, config->try_nics, &md->selection);
    if (md->trial == NULL) {
        status = UCS_ERR_NO_MEMORY;
        goto err_stop;
    }
    md->alloc = uct_peervma_alloc_create(config->alloc_device);
    if (md->alloc == NULL) {
        status = UCS_ERR_NO_MEMORY;
        goto err_destroy_trial;
    }
    if (config->stats) {
        uct_peervma_stats_print_at_exit();
    }
    if (uct_peervma_version->alloc_sys_device) {
        md_ops.mem_alloc.v1_19 = md_mem_alloc_v1_19;
    } else {
        md_ops.mem_alloc.v1_18 = md_mem_alloc_v1_18;
    }
    md->super.ops = &md_ops;
    md->super.component = component;
    /* UCP decides at its start how device memory may travel, when there may be
     * no mapping yet to try an export with. Where a type for what is refused is
     * left the answer can be yes: without /dev/peervma, what the program holds
     * open may do for an export. */
    md->export_error = peervma_context_exports(md->context, &md->export_reason);
    md->promises = (md->export_error == 0) ||
                   (uct_peervma_types.staged != uct_peervma_types.device);
    set_speed(config);
    md->has_iface = 0;
    last_md = md;
    *md_p = &md->super;
    return UCS_OK;

err_destroy_trial:
    uct_peervma_trial_destroy(md->trial);
err_stop:
    uct_peervma_detect_stop();
err_release:
    uct_peervma_selection_release(&md->selection);
err_free:
    free(md);
    return status;
}
