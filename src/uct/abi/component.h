/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UCX's private layouts of component, transport and memory domain, as facts of
 * UCX 1.18 to 1.23 on x86-64. UCX promises none of them: guard.c proves them at
 * load, and test_layouts.c compares them with layouts.tsv.
 */
#ifndef UCT_PEERVMA_ABI_COMPONENT_H
#define UCT_PEERVMA_ABI_COMPONENT_H

#include <stddef.h>
#include <stdint.h>

#include <ucs/config/parser.h>
#include <ucs/datastruct/list.h>
#include <ucs/sys/topo/base/topo.h>
#include <uct/api/uct.h>

typedef struct uct_component uct_component_t;
typedef struct uct_tl uct_tl_t;
typedef struct uct_tl_device uct_tl_device_t;
typedef struct uct_md_attr_v2 uct_md_attr_v2_t;

/* UCX 1.19 added the parameters. */
typedef ucs_status_t (*uct_component_rkey_unpack_v1_18_t)(
    uct_component_t *component, const void *buffer, uct_rkey_t *rkey_p,
    void **handle_p);
typedef ucs_status_t (*uct_component_rkey_unpack_v1_19_t)(
    uct_component_t *component, const void *buffer, const void *params,
    uct_rkey_t *rkey_p, void **handle_p);

struct uct_component {
    char name[UCT_COMPONENT_NAME_MAX];
    ucs_status_t (*query_md_resources)(uct_component_t *component,
                                       uct_md_resource_desc_t **resources_p,
                                       unsigned *count_p);
    ucs_status_t (*md_open)(uct_component_t *component, const char *name,
                            const uct_md_config_t *config, uct_md_h *md_p);
    ucs_status_t (*cm_open)(uct_component_t *component, uct_worker_h worker,
                            const uct_cm_config_t *config, uct_cm_h *cm_p);
    union {
        uct_component_rkey_unpack_v1_18_t v1_18;
        uct_component_rkey_unpack_v1_19_t v1_19;
    } rkey_unpack;
    ucs_status_t (*rkey_ptr)(uct_component_t *component, uct_rkey_t rkey,
                             void *handle, uint64_t remote_address,
                             void **address_p);
    ucs_status_t (*rkey_release)(uct_component_t *component, uct_rkey_t rkey,
                                 void *handle);
    ucs_status_t (*rkey_compare)(uct_component_t *component, uct_rkey_t rkey1,
                                 uct_rkey_t rkey2, const void *params,
                                 int *result_p);
    ucs_config_global_list_entry_t md_config;
    ucs_config_global_list_entry_t cm_config;
    ucs_list_link_t tl_list;
    ucs_list_link_t list; /* in uct_components_list */
    uint64_t flags;
    void (*md_vfs_init)(uct_md_h md);
};

struct uct_tl {
    char name[UCT_TL_NAME_MAX];
    ucs_status_t (*query_devices)(uct_md_h md, uct_tl_device_t **devices_p,
                                  unsigned *count_p);
    ucs_status_t (*iface_open)(uct_md_h md, uct_worker_h worker,
                               const uct_iface_params_t *params,
                               const uct_iface_config_t *config,
                               uct_iface_h *iface_p);
    ucs_config_global_list_entry_t config;
    ucs_list_link_t list; /* in uct_component.tl_list */
};

/* UCX 1.19 added the system device. */
typedef ucs_status_t (*uct_md_mem_alloc_v1_18_t)(
    uct_md_h md, size_t *length_p, void **address_p, ucs_memory_type_t mem_type,
    unsigned flags, const char *name, uct_mem_h *memh_p);
typedef ucs_status_t (*uct_md_mem_alloc_v1_19_t)(
    uct_md_h md, size_t *length_p, void **address_p, ucs_memory_type_t mem_type,
    ucs_sys_device_t sys_device, unsigned flags, const char *name,
    uct_mem_h *memh_p);

struct uct_md_ops {
    void (*close)(uct_md_h md);
    ucs_status_t (*query)(uct_md_h md, uct_md_attr_v2_t *attr);
    union {
        uct_md_mem_alloc_v1_18_t v1_18;
        uct_md_mem_alloc_v1_19_t v1_19;
    } mem_alloc;
    ucs_status_t (*mem_free)(uct_md_h md, uct_mem_h memh);
    ucs_status_t (*mem_advise)(uct_md_h md, uct_mem_h memh, void *address,
                               size_t length, unsigned advice);
    ucs_status_t (*mem_reg)(uct_md_h md, void *address, size_t length,
                            const void *params, uct_mem_h *memh_p);
    ucs_status_t (*mem_dereg)(uct_md_h md, const void *params);
    /* Since 1.22 it gets uct_md_mem_attr_v2_t, which begins like this one. */
    ucs_status_t (*mem_query)(uct_md_h md, const void *address, size_t length,
                              uct_md_mem_attr_t *attr);
    ucs_status_t (*mkey_pack)(uct_md_h md, uct_mem_h memh, void *address,
                              size_t length, const void *params, void *buffer);
    ucs_status_t (*mem_attach)(uct_md_h md, const void *mkey, void *params,
                               uct_mem_h *memh_p);
    ucs_status_t (*detect_memory_type)(uct_md_h md, const void *address,
                                       size_t length,
                                       ucs_memory_type_t *type_p);
    /* Since 1.21; 1.23 adds an argument. */
    ucs_status_t (*mem_elem_pack)(uct_md_h md, uct_mem_h memh, uct_rkey_t rkey,
                                  void *mem_elem);
    /* Since 1.23. */
    void (*mem_elem_release)(uct_md_h md, void *release_handle);
};
typedef struct uct_md_ops uct_md_ops_t;

struct uct_md {
    const uct_md_ops_t *ops;
    uct_component_t *component;
};
typedef struct uct_md uct_md_t;

/* The part of the attributes that a memory domain of ours sets. */
struct uct_md_attr_v2 {
    uint64_t field_mask;
    uint64_t max_alloc;
    size_t max_reg;
    uint64_t flags;
    uint64_t reg_mem_types;
    uint64_t reg_nonblock_mem_types;
    uint64_t cache_mem_types;
    uint64_t gva_mem_types;
    uint64_t detect_mem_types;
    uint64_t alloc_mem_types;
    uint64_t access_mem_types;
    uint64_t dmabuf_mem_types;
    ucs_linear_func_t reg_cost;
    char component_name[UCT_COMPONENT_NAME_MAX];
    size_t rkey_packed_size;
};

#define UCT_MD_ATTR_HAS_MAX_ALLOC (UINT64_C(1) << 0)
#define UCT_MD_ATTR_HAS_MAX_REG (UINT64_C(1) << 1)
#define UCT_MD_ATTR_HAS_FLAGS (UINT64_C(1) << 2)
#define UCT_MD_ATTR_HAS_REG_MEM_TYPES (UINT64_C(1) << 3)
#define UCT_MD_ATTR_HAS_REG_NONBLOCK_MEM_TYPES (UINT64_C(1) << 4)
#define UCT_MD_ATTR_HAS_CACHE_MEM_TYPES (UINT64_C(1) << 5)
#define UCT_MD_ATTR_HAS_DETECT_MEM_TYPES (UINT64_C(1) << 6)
#define UCT_MD_ATTR_HAS_ALLOC_MEM_TYPES (UINT64_C(1) << 7)
#define UCT_MD_ATTR_HAS_ACCESS_MEM_TYPES (UINT64_C(1) << 8)
#define UCT_MD_ATTR_HAS_DMABUF_MEM_TYPES (UINT64_C(1) << 9)
#define UCT_MD_ATTR_HAS_RKEY_PACKED_SIZE (UINT64_C(1) << 12)
#define UCT_MD_ATTR_HAS_GVA_MEM_TYPES (UINT64_C(1) << 17)

/* The beginning of what mem_reg() gets. */
typedef struct {
    uint64_t field_mask;
    uint64_t flags; /* of enum uct_md_mem_flags */
} uct_md_mem_reg_params_t;

#define UCT_MD_MEM_REG_HAS_FLAGS (UINT64_C(1) << 0)

/* What mem_dereg() gets. */
typedef struct {
    uint64_t field_mask;
    unsigned flags;
    uct_mem_h memh;
    uct_completion_t *comp;
} uct_md_mem_dereg_params_t;

#define UCT_MD_MEM_DEREG_HAS_MEMH (UINT64_C(1) << 0)
#define UCT_MD_MEM_DEREG_HAS_FLAGS (UINT64_C(1) << 1)

_Static_assert(sizeof(ucs_config_global_list_entry_t) == 56, "UCX layout");
_Static_assert(sizeof(uct_component_t) == 232, "UCX layout");
_Static_assert(offsetof(uct_component_t, md_config) == 72, "UCX layout");
_Static_assert(offsetof(uct_component_t, tl_list) == 184, "UCX layout");
_Static_assert(offsetof(uct_component_t, list) == 200, "UCX layout");
_Static_assert(sizeof(uct_tl_t) == 104, "UCX layout");
_Static_assert(sizeof(uct_md_ops_t) == 104, "UCX layout");
_Static_assert(sizeof(uct_md_t) == 16, "UCX layout");
_Static_assert(offsetof(uct_md_attr_v2_t, flags) == 24, "UCX layout");
_Static_assert(offsetof(uct_md_attr_v2_t, dmabuf_mem_types) == 88,
               "UCX layout");
_Static_assert(offsetof(uct_md_attr_v2_t, rkey_packed_size) == 128,
               "UCX layout");
_Static_assert(offsetof(uct_md_mem_reg_params_t, flags) == 8, "UCX layout");
_Static_assert(sizeof(uct_md_mem_dereg_params_t) == 32, "UCX layout");
_Static_assert(sizeof(uct_md_mem_attr_t) == 48, "UCX layout");

extern ucs_list_link_t uct_components_list;
extern ucs_config_field_t uct_iface_config_table[];

void uct_component_register(uct_component_t *component);
void uct_tl_register(uct_component_t *component, uct_tl_t *tl);
void uct_md_base_md_query(uct_md_attr_v2_t *attr);
ucs_status_t uct_md_query_v2(uct_md_h md, uct_md_attr_v2_t *attr);
ucs_status_t uct_md_query_single_md_resource(
    uct_component_t *component, uct_md_resource_desc_t **resources_p,
    unsigned *count_p);
ucs_status_t uct_single_device_resource(uct_md_h md, const char *name,
                                        uct_device_type_t type,
                                        ucs_sys_device_t sys_device,
                                        uct_tl_device_t **devices_p,
                                        unsigned *count_p);

#endif
