/* SPDX-License-Identifier: BSD-3-Clause */
#include "memtype.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ucs/sys/math.h>

#include "abi/component.h"

#define MAX_FILES 3

uct_peervma_types_t uct_peervma_types = {.device = UCS_MEMORY_TYPE_ZE_DEVICE,
                                         .staged = UCS_MEMORY_TYPE_ZE_DEVICE};

const char *uct_peervma_type_settings[] = {"auto", "ze-device", "rdma",
                                           "rocm", "cuda",      NULL};

/*
 * Those of memory that the CPU should not touch, by preference. UCX copies
 * between managed or host types by itself. Nobody detects rdma: UCX uses it for
 * what it allocates in a NIC, in some that its component ib has.
 */
static const struct {
    ucs_memory_type_t type;
    const char *components;       /* how the names of its components begin */
    int is_of_some;               /* of their domains, which tell it */
    const char *files[MAX_FILES]; /* where UCX's ib module looks for a driver
                                   * by which NICs register it as it is */
} types[] = {
    {UCS_MEMORY_TYPE_ZE_DEVICE, "ze_", 0, {"/sys/module/xe/srcversion"}},
    {UCS_MEMORY_TYPE_RDMA, "ib", 1, {NULL}},
    {UCS_MEMORY_TYPE_ROCM, "rocm_", 0, {"/dev/kfd"}},
    {UCS_MEMORY_TYPE_CUDA,
     "cuda_",
     0,
     {"/sys/kernel/mm/memory_peers/nv_mem/version",
      "/sys/module/nvidia_peermem/version",
      "/sys/module/nv_peer_mem/version"}}};

#define TYPE_COUNT (sizeof(types) / sizeof(types[0]))

_Static_assert(sizeof(uct_peervma_type_settings) /
                       sizeof(uct_peervma_type_settings[0]) ==
                   TYPE_COUNT + 2,
               "a setting for each type");

static int domain_allocates(uct_component_h component, const char *name,
                            const uct_md_config_t *config,
                            ucs_memory_type_t type)
{
    uct_md_attr_v2_t attr = {.field_mask = UCT_MD_ATTR_HAS_ALLOC_MEM_TYPES};
    ucs_status_t status;
    uct_md_h md;

    if (uct_md_open(component, name, config, &md) != UCS_OK) {
        return 0;
    }
    status = uct_md_query_v2(md, &attr);
    uct_md_close(md);
    return (status == UCS_OK) && (attr.alloc_mem_types & UCS_BIT(type));
}

/* UCP opens each of them, too: it is a NIC more until one has such memory. */
static int some_domain_allocates(uct_component_h component, unsigned count,
                                 ucs_memory_type_t type)
{
    uct_md_resource_desc_t *domains = calloc(count, sizeof(*domains));
    uct_component_attr_t attr = {.field_mask =
                                     UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES,
                                 .md_resources = domains};
    uct_md_config_t *config;
    int found = 0;
    unsigned i;

    if ((domains != NULL) &&
        (uct_component_query(component, &attr) == UCS_OK) &&
        (uct_md_config_read(component, NULL, NULL, &config) == UCS_OK)) {
        for (i = 0; !found && (i < count); ++i) {
            found =
                domain_allocates(component, domains[i].md_name, config, type);
        }
        uct_config_release(config);
    }
    free(domains);
    return found;
}

static int is_of_component(size_t type, uct_component_h component)
{
    const char *name = types[type].components;
    uct_component_attr_t attr = {
        .field_mask = UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT};

    return (strncmp(component->name, name, strlen(name)) == 0) &&
           (uct_component_query(component, &attr) == UCS_OK) &&
           (attr.md_resource_count > 0) &&
           (!types[type].is_of_some ||
            some_domain_allocates(component, attr.md_resource_count,
                                  types[type].type));
}

static uint64_t types_of_component(uct_component_h component)
{
    uint64_t mask = 0;
    size_t i;

    for (i = 0; i < TYPE_COUNT; ++i) {
        if (is_of_component(i, component)) {
            mask |= UCS_BIT(types[i].type);
        }
    }
    return mask;
}

void uct_peervma_type_users(uct_peervma_type_users_t *users_p)
{
    uct_component_h *components;
    unsigned count, i;
    size_t type, file;

    *users_p = (uct_peervma_type_users_t){.active = 0};
    if (uct_query_components(&components, &count) == UCS_OK) {
        for (i = 0; i < count; ++i) {
            users_p->active |= types_of_component(components[i]);
        }
        uct_release_component_list(components);
    }
    for (type = 0; type < TYPE_COUNT; ++type) {
        for (file = 0; file < MAX_FILES; ++file) {
            if ((types[type].files[file] != NULL) &&
                (access(types[type].files[file], F_OK) == 0)) {
                users_p->registered |= UCS_BIT(types[type].type);
            }
        }
    }
}

int uct_peervma_types_choose(unsigned setting,
                             const uct_peervma_type_users_t *users,
                             uct_peervma_types_t *types_p)
{
    uint64_t taken = users->active;
    size_t first = (setting == 0) ? 0 : setting - 1, i;

    for (i = first; taken & UCS_BIT(types[i].type); ++i) {
        if ((setting != 0) || (i == TYPE_COUNT - 1)) {
            return -1;
        }
    }
    types_p->device = types_p->staged = types[i].type;

    taken |= users->registered | UCS_BIT(types_p->device);
    /* rdma first, which cannot become active later. */
    for (i = 1; i <= TYPE_COUNT; ++i) {
        if (!(taken & UCS_BIT(types[i % TYPE_COUNT].type))) {
            types_p->staged = types[i % TYPE_COUNT].type;
            break;
        }
    }
    return 0;
}
