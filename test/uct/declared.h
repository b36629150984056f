/* SPDX-License-Identifier: BSD-3-Clause */
/* What src/uct/abi declares, and for which versions of UCX 1. */
#ifndef UCT_PEERVMA_TEST_DECLARED_H
#define UCT_PEERVMA_TEST_DECLARED_H

#include <stddef.h>

#include "abi/component.h"
#include "abi/iface.h"
#include "abi/memtype_cache.h"
#include "abi/perftest.h"
#include "abi/versions.h"

#define FIRST UCT_PEERVMA_UCX_FIRST
#define LAST UCT_PEERVMA_UCX_LAST

typedef struct {
    const char *type;
    const char *member; /* "-": the whole type */
    size_t offset;      /* or the value of a constant */
    size_t size;
    unsigned first; /* minor versions */
    unsigned last;
} declared_t;

/* clang-format off */
#define ENTRY(_type, _member, _offset, _size, _first, _last) \
    {_type, _member, _offset, _size, _first, _last}

/* A field of our type _ours, which stands for UCX's _type. */
#define FIELD_AS(_type, _ours, _member, _our_member, _first, _last) \
    ENTRY(#_type, #_member, offsetof(_ours, _our_member),           \
          sizeof(((_ours *)0)->_our_member), _first, _last)
#define FIELD_IN(_type, _member, _first, _last) \
    FIELD_AS(_type, _type, _member, _member, _first, _last)
#define FIELD(_type, _member) FIELD_IN(_type, _member, FIRST, LAST)

#define SIZE_AS(_type, _size, _first, _last) \
    ENTRY(#_type, "-", 0, _size, _first, _last)
#define SIZE(_type) SIZE_AS(_type, sizeof(_type), FIRST, LAST)

#define VALUE_IN(_type, _constant, _value, _first, _last) \
    ENTRY(#_type, #_constant, _value, 0, _first, _last)
#define VALUE(_type, _constant, _value) \
    VALUE_IN(_type, _constant, _value, FIRST, LAST)

#define ATTR(_member, _constant)                              \
    FIELD(uct_md_attr_v2_t, _member),                         \
    VALUE(uct_md_attr_field_t, UCT_MD_ATTR_FIELD_##_constant, \
          UCT_MD_ATTR_HAS_##_constant)

/* mem_query() gets the second from 1.22 on, and takes it for the first. */
#define MEM_ATTR(_member)                                               \
    FIELD(uct_md_mem_attr_t, _member),                                  \
    FIELD_AS(uct_md_mem_attr_v2_t, uct_md_mem_attr_t, _member, _member, \
             22, LAST)

#define OPS(_layout, _member, _first, _last)                                 \
    FIELD_AS(uct_iface_internal_ops_t, uct_iface_internal_ops_##_layout##_t, \
             _member, _member, _first, _last)
#define OPS_OF_ALL(_layout, _first, _last)              \
    OPS(_layout, iface_estimate_perf, _first, _last),   \
    OPS(_layout, iface_vfs_refresh, _first, _last),     \
    OPS(_layout, ep_query, _first, _last),              \
    OPS(_layout, ep_invalidate, _first, _last),         \
    OPS(_layout, ep_connect_to_ep_v2, _first, _last),   \
    OPS(_layout, iface_is_reachable_v2, _first, _last), \
    OPS(_layout, ep_is_connected, _first, _last)

#define PERFTEST(_member, _our_member)                                 \
    FIELD_AS(ucx_perf_allocator, ucx_perf_allocator_t, _member, _our_member, \
             FIRST, LAST)

#define PERF(_member) FIELD(uct_perf_attr_t, _member)
#define PERF_END(_member)                                             \
    FIELD_AS(uct_perf_attr_t, uct_perf_attr_t, _member, v1_18._member, \
             FIRST, 18),                                              \
    FIELD_AS(uct_perf_attr_t, uct_perf_attr_t, _member,               \
             v1_19.end._member, 19, LAST)
#define PERF_END_BIT(_constant, _flag)                         \
    VALUE_IN(uct_perf_attr_field, _constant,                   \
             (_flag) << UCT_PERF_END_BIT_V1_18, FIRST, 18),    \
    VALUE_IN(uct_perf_attr_field, _constant,                   \
             (_flag) << UCT_PERF_END_BIT_V1_19, 19, LAST)
/* clang-format on */

static const declared_t declared[] = {
    SIZE(uct_component_t),
    FIELD(uct_component_t, name),
    FIELD(uct_component_t, query_md_resources),
    FIELD(uct_component_t, md_open),
    FIELD(uct_component_t, cm_open),
    FIELD(uct_component_t, rkey_unpack),
    FIELD(uct_component_t, rkey_ptr),
    FIELD(uct_component_t, rkey_release),
    FIELD(uct_component_t, rkey_compare),
    FIELD(uct_component_t, md_config),
    FIELD(uct_component_t, cm_config),
    FIELD(uct_component_t, tl_list),
    FIELD(uct_component_t, list),
    FIELD(uct_component_t, flags),
    FIELD(uct_component_t, md_vfs_init),

    SIZE(uct_tl_t),
    FIELD(uct_tl_t, name),
    FIELD(uct_tl_t, query_devices),
    FIELD(uct_tl_t, iface_open),
    FIELD(uct_tl_t, config),
    FIELD(uct_tl_t, list),

    SIZE_AS(uct_md_ops_t, offsetof(uct_md_ops_t, mem_elem_pack), FIRST, 20),
    SIZE_AS(uct_md_ops_t, offsetof(uct_md_ops_t, mem_elem_release), 21, 22),
    SIZE_AS(uct_md_ops_t, sizeof(uct_md_ops_t), 23, LAST),
    FIELD(uct_md_ops_t, close),
    FIELD(uct_md_ops_t, query),
    FIELD(uct_md_ops_t, mem_alloc),
    FIELD(uct_md_ops_t, mem_free),
    FIELD(uct_md_ops_t, mem_advise),
    FIELD(uct_md_ops_t, mem_reg),
    FIELD(uct_md_ops_t, mem_dereg),
    FIELD(uct_md_ops_t, mem_query),
    FIELD(uct_md_ops_t, mkey_pack),
    FIELD(uct_md_ops_t, mem_attach),
    FIELD(uct_md_ops_t, detect_memory_type),
    FIELD_IN(uct_md_ops_t, mem_elem_pack, 21, LAST),
    FIELD_IN(uct_md_ops_t, mem_elem_release, 23, LAST),

    SIZE(uct_md_t),
    FIELD(uct_md_t, ops),
    FIELD(uct_md_t, component),

    FIELD(uct_md_attr_v2_t, field_mask),
    ATTR(max_alloc, MAX_ALLOC),
    ATTR(max_reg, MAX_REG),
    ATTR(flags, FLAGS),
    ATTR(reg_mem_types, REG_MEM_TYPES),
    ATTR(reg_nonblock_mem_types, REG_NONBLOCK_MEM_TYPES),
    ATTR(cache_mem_types, CACHE_MEM_TYPES),
    ATTR(gva_mem_types, GVA_MEM_TYPES),
    ATTR(detect_mem_types, DETECT_MEM_TYPES),
    ATTR(alloc_mem_types, ALLOC_MEM_TYPES),
    ATTR(access_mem_types, ACCESS_MEM_TYPES),
    ATTR(dmabuf_mem_types, DMABUF_MEM_TYPES),
    ATTR(rkey_packed_size, RKEY_PACKED_SIZE),
    FIELD(uct_md_attr_v2_t, reg_cost),
    FIELD(uct_md_attr_v2_t, component_name),

    FIELD(uct_md_mem_reg_params_t, field_mask),
    FIELD(uct_md_mem_reg_params_t, flags),
    VALUE(uct_md_mem_reg_field_mask_t, UCT_MD_MEM_REG_FIELD_FLAGS,
          UCT_MD_MEM_REG_HAS_FLAGS),
    VALUE(uct_md_mem_flags, UCT_MD_MEM_FLAG_HIDE_ERRORS,
          UCT_MD_MEM_FLAG_HIDE_ERRORS),
    SIZE(uct_md_mem_dereg_params_t),
    FIELD(uct_md_mem_dereg_params_t, field_mask),
    FIELD(uct_md_mem_dereg_params_t, flags),
    FIELD(uct_md_mem_dereg_params_t, memh),
    FIELD(uct_md_mem_dereg_params_t, comp),
    VALUE(uct_md_mem_dereg_field_mask_t, UCT_MD_MEM_DEREG_FIELD_MEMH,
          UCT_MD_MEM_DEREG_HAS_MEMH),
    VALUE(uct_md_mem_dereg_field_mask_t, UCT_MD_MEM_DEREG_FIELD_FLAGS,
          UCT_MD_MEM_DEREG_HAS_FLAGS),

    SIZE(uct_md_mem_attr_t),
    MEM_ATTR(field_mask),
    MEM_ATTR(mem_type),
    MEM_ATTR(sys_dev),
    MEM_ATTR(base_address),
    MEM_ATTR(alloc_length),
    MEM_ATTR(dmabuf_fd),
    MEM_ATTR(dmabuf_offset),

    SIZE(uct_base_iface_t),
    FIELD(uct_base_iface_t, super),
    FIELD(uct_base_iface_t, internal_ops),
    FIELD(uct_base_iface_t, md),
    FIELD(uct_base_iface_t, worker),
    SIZE(uct_base_ep_t),
    FIELD(uct_base_ep_t, super),
    SIZE_AS(uct_iface_config, sizeof(struct uct_iface_config), FIRST, LAST),
    FIELD_AS(uct_iface_config, struct uct_iface_config, failure, failure, FIRST,
             LAST),
    FIELD_AS(uct_iface_config, struct uct_iface_config, max_num_eps,
             max_num_eps, FIRST, LAST),

    SIZE_AS(uct_iface_internal_ops_t,
            offsetof(uct_iface_internal_ops_v1_18_t, ep_get_device_ep), FIRST,
            19),
    OPS_OF_ALL(v1_18, FIRST, 19),
    SIZE_AS(uct_iface_internal_ops_t, sizeof(uct_iface_internal_ops_v1_20_t),
            20, 20),
    OPS_OF_ALL(v1_20, 20, 20),
    OPS(v1_20, iface_query_v2, 20, 20),
    OPS(v1_20, iface_mem_element_pack, 20, 20),
    OPS(v1_20, ep_get_device_ep, 20, 20),
    SIZE_AS(uct_iface_internal_ops_t, sizeof(uct_iface_internal_ops_v1_18_t),
            21, 21),
    OPS_OF_ALL(v1_18, 21, 21),
    OPS(v1_18, ep_get_device_ep, 21, 21),
    SIZE_AS(uct_iface_internal_ops_t,
            offsetof(uct_iface_internal_ops_v1_22_t, ep_get_sgl_zcopy), 22, 22),
    SIZE_AS(uct_iface_internal_ops_t, sizeof(uct_iface_internal_ops_v1_22_t),
            23, LAST),
    OPS_OF_ALL(v1_22, 22, LAST),
    OPS(v1_22, iface_query_v2, 22, LAST),
    OPS(v1_22, ep_get_device_ep, 22, LAST),
    OPS(v1_22, ep_put_sgl_zcopy, 22, LAST),
    OPS(v1_22, ep_get_sgl_zcopy, 23, LAST),
    OPS(v1_22, ep_outstanding_purge, 23, LAST),

    SIZE_AS(uct_perf_attr_t,
            offsetof(uct_perf_attr_t, v1_18) + sizeof(uct_perf_attr_end_t),
            FIRST, 18),
    SIZE_AS(uct_perf_attr_t, sizeof(uct_perf_attr_t), 19, LAST),
    PERF(field_mask),
    PERF(operation),
    PERF(local_memory_type),
    PERF(remote_memory_type),
    PERF(local_sys_device),
    PERF(remote_sys_device),
    PERF(send_pre_overhead),
    PERF(send_post_overhead),
    PERF(recv_overhead),
    PERF(bandwidth),
    FIELD_AS(uct_perf_attr_t, uct_perf_attr_t, path_bandwidth,
             v1_19.path_bandwidth, 19, LAST),
    PERF_END(latency),
    PERF_END(max_inflight_eps),
    PERF_END(flags),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_OPERATION,
          UCT_PERF_HAS_OPERATION),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_LOCAL_MEMORY_TYPE,
          UCT_PERF_HAS_LOCAL_MEM_TYPE),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_SEND_PRE_OVERHEAD,
          UCT_PERF_HAS_SEND_PRE),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_SEND_POST_OVERHEAD,
          UCT_PERF_HAS_SEND_POST),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_RECV_OVERHEAD,
          UCT_PERF_HAS_RECV),
    VALUE(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_BANDWIDTH,
          UCT_PERF_HAS_BANDWIDTH),
    VALUE_IN(uct_perf_attr_field, UCT_PERF_ATTR_FIELD_PATH_BANDWIDTH,
             UCT_PERF_HAS_PATH_BANDWIDTH, 19, LAST),
    PERF_END_BIT(UCT_PERF_ATTR_FIELD_LATENCY, UCT_PERF_END_HAS_LATENCY),
    PERF_END_BIT(UCT_PERF_ATTR_FIELD_MAX_INFLIGHT_EPS,
                 UCT_PERF_END_HAS_MAX_INFLIGHT),
    PERF_END_BIT(UCT_PERF_ATTR_FIELD_FLAGS, UCT_PERF_END_HAS_FLAGS),
    VALUE(uct_ep_operation_t, UCT_EP_OP_PUT_SHORT, UCT_OP_PUT_SHORT),
    VALUE(uct_ep_operation_t, UCT_EP_OP_PUT_ZCOPY, UCT_OP_PUT_ZCOPY),
    VALUE(uct_ep_operation_t, UCT_EP_OP_GET_SHORT, UCT_OP_GET_SHORT),
    VALUE(uct_ep_operation_t, UCT_EP_OP_GET_ZCOPY, UCT_OP_GET_ZCOPY),

    FIELD_AS(uct_iface_is_reachable_params_t, uct_reachable_params_t,
             field_mask, field_mask, FIRST, LAST),
    FIELD_AS(uct_iface_is_reachable_params_t, uct_reachable_params_t,
             device_addr, device_addr, FIRST, LAST),
    FIELD_AS(uct_iface_is_reachable_params_t, uct_reachable_params_t,
             iface_addr, iface_addr, FIRST, LAST),
    VALUE(uct_iface_is_reachable_field_mask_t,
          UCT_IFACE_IS_REACHABLE_FIELD_DEVICE_ADDR,
          UCT_REACHABLE_HAS_DEVICE_ADDR),
    VALUE(uct_iface_is_reachable_field_mask_t,
          UCT_IFACE_IS_REACHABLE_FIELD_IFACE_ADDR,
          UCT_REACHABLE_HAS_IFACE_ADDR),

    SIZE_AS(ucs_memory_info_t, offsetof(ucs_memory_info_t, mem_flags), FIRST,
            21),
    SIZE_AS(ucs_memory_info_t, sizeof(ucs_memory_info_t), 22, LAST),
    FIELD(ucs_memory_info_t, type),
    FIELD(ucs_memory_info_t, sys_dev),
    FIELD(ucs_memory_info_t, base_address),
    FIELD(ucs_memory_info_t, alloc_length),
    FIELD_IN(ucs_memory_info_t, mem_flags, 22, LAST),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_HOST, UCS_MEMORY_TYPE_HOST),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_CUDA, UCS_MEMORY_TYPE_CUDA),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_ROCM, UCS_MEMORY_TYPE_ROCM),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_RDMA),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_ZE_DEVICE,
          UCS_MEMORY_TYPE_ZE_DEVICE),

    PERFTEST(mem_type, mem_type),
    PERFTEST(init, init),
    PERFTEST(uct_alloc, uct_alloc),
    PERFTEST(uct_free, uct_free),
    PERFTEST(memcpy, copy),
    PERFTEST(memset, set),
    SIZE_AS(ucx_perf_allocator, sizeof(ucx_perf_allocator_t), FIRST, LAST),
    VALUE(ucs_memory_type_t, UCS_MEMORY_TYPE_ZE_DEVICE, UCX_PERF_ZE_DEVICE),

    /* Of the headers that the plugin is built with, not of abi/. */
    SIZE(uct_iface_ops_t),
    SIZE(uct_iface_attr_t),
    SIZE(ucs_class_t),
    SIZE(ucs_config_field_t),
    SIZE(ucs_config_global_list_entry_t),
    SIZE(ucs_list_link_t),
};

#define DECLARED_COUNT (sizeof(declared) / sizeof(declared[0]))

#endif
