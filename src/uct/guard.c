/* SPDX-License-Identifier: BSD-3-Clause */
#include "guard.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ucp/api/ucp.h>

#include "abi/iface.h"

#define GUARD_MAX_ENTRIES 64 /* of a list; UCX has about 15 components */
#define GUARD_ATTR_ROOM 2048 /* for attributes; UCX's have about 540 bytes */

void uct_peervma_guard_facts(uct_peervma_guard_facts_t *facts_p)
{
    ucp_get_version(&facts_p->major, &facts_p->minor, &facts_p->release);
    facts_p->iface_class = &uct_base_iface_t_class;
    facts_p->ep_class = &uct_base_ep_t_class;
    facts_p->iface_options = uct_iface_config_table;
    facts_p->components = &uct_components_list;
    facts_p->type_names = ucs_memory_type_names;
    facts_p->functions = uct_peervma_version_functions();
    facts_p->md_query = uct_md_query_v2;
}

static int is_mapped(const void *address, size_t length)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t start = (uintptr_t)address & ~(page - 1);
    uintptr_t end = (uintptr_t)address + length;
    unsigned char resident;

    for (; start < end; start += page) {
        if (mincore((void *)start, 1, &resident) != 0) {
            return 0;
        }
    }
    return 1;
}

static int is_function(const void *address)
{
    Dl_info info;

    return (address != NULL) && (dladdr(address, &info) != 0);
}

static int is_name(const char *name, size_t size)
{
    size_t i;

    for (i = 0; (i < size) && (name[i] != '\0'); ++i) {
        if (!isgraph((unsigned char)name[i])) {
            return 0;
        }
    }
    return (i > 0) && (i < size);
}

/* The two neighbours of a link point back to it. */
static int is_linked(const ucs_list_link_t *link)
{
    return is_mapped(link, sizeof(*link)) &&
           is_mapped(link->next, sizeof(*link)) &&
           is_mapped(link->prev, sizeof(*link)) && (link->next->prev == link) &&
           (link->prev->next == link);
}

static int is_transport(const ucs_list_link_t *link)
{
    const uct_tl_t *tl = ucs_container_of(link, uct_tl_t, list);

    return is_mapped(tl, sizeof(*tl)) && is_name(tl->name, sizeof(tl->name)) &&
           is_function((const void *)(uintptr_t)tl->query_devices) &&
           is_function((const void *)(uintptr_t)tl->iface_open);
}

static int is_component(const ucs_list_link_t *link)
{
    const uct_component_t *component =
        ucs_container_of(link, uct_component_t, list);
    const ucs_list_link_t *head, *entry;
    unsigned count = 0;

    if (!is_mapped(component, sizeof(*component)) ||
        !is_name(component->name, sizeof(component->name)) ||
        !is_function((const void *)(uintptr_t)component->query_md_resources) ||
        !is_function((const void *)(uintptr_t)component->md_open)) {
        return 0;
    }

    head = &component->tl_list;
    if (!is_linked(head)) {
        return 0;
    }
    for (entry = head->next; entry != head; entry = entry->next) {
        if ((++count > GUARD_MAX_ENTRIES) || !is_linked(entry) ||
            !is_transport(entry)) {
            return 0;
        }
    }
    return 1;
}

static int are_components(const ucs_list_link_t *head)
{
    const ucs_list_link_t *entry;
    unsigned count = 0;

    if (!is_linked(head)) {
        return 0;
    }
    for (entry = head->next; entry != head; entry = entry->next) {
        if ((++count > GUARD_MAX_ENTRIES) || !is_linked(entry) ||
            !is_component(entry)) {
            return 0;
        }
    }
    return count > 0;
}

/* UCX fills in a struct uct_iface_config of ours by this table. */
static int are_options(const ucs_config_field_t *field)
{
    const size_t last = offsetof(struct uct_iface_config, max_num_eps);
    size_t highest = 0;
    unsigned count;

    for (count = 0; count <= GUARD_MAX_ENTRIES; ++count, ++field) {
        if (!is_mapped(field, sizeof(*field))) {
            return 0;
        }
        if (field->name == NULL) {
            return highest == last;
        }
        if ((field->offset != UCS_CONFIG_DEPRECATED_FIELD_OFFSET) &&
            (field->offset > highest)) {
            highest = field->offset;
        }
    }
    return 0;
}

static int is_class(const ucs_class_t *cls, const char *name, size_t size)
{
    return (cls->size == size) && (strcmp(cls->name, name) == 0);
}

static int is_type(const char *const *names, unsigned type, const char *name)
{
    unsigned i;

    for (i = 0; i < type; ++i) {
        if (names[i] == NULL) {
            return 0;
        }
    }
    return (names[type] != NULL) && (strcmp(names[type], name) == 0);
}

/*
 * The bytes that UCX writes into the attributes of a memory domain if these
 * fields are asked for: those that differ from what was there in one of two
 * tries.
 */
static int find_written(const uct_peervma_guard_facts_t *facts, uct_md_h md,
                        uint64_t field_mask, size_t *start_p, size_t *end_p)
{
    union {
        uct_md_attr_v2_t attr;
        unsigned char bytes[GUARD_ATTR_ROOM];
    } zeros, ones;
    size_t i;

    memset(&zeros, 0, sizeof(zeros));
    memset(&ones, 0xff, sizeof(ones));
    zeros.attr.field_mask = ones.attr.field_mask = field_mask;
    if ((facts->md_query(md, &zeros.attr) != UCS_OK) ||
        (facts->md_query(md, &ones.attr) != UCS_OK)) {
        return 0;
    }

    *start_p = *end_p = 0;
    for (i = sizeof(field_mask); i < GUARD_ATTR_ROOM; ++i) {
        if ((zeros.bytes[i] != 0) || (ones.bytes[i] != 0xff)) {
            *start_p = (*end_p == 0) ? i : *start_p;
            *end_p = i + 1;
        }
    }
    return 1;
}

/* Is each field where abi/ says, and the last one's end where the version's
 * is? */
static int are_md_attributes(const uct_peervma_guard_facts_t *facts,
                             uct_md_h md, size_t attr_end)
{
#define ATTR_FIELD(_bit, _name)                                   \
    {                                                             \
        UCT_MD_ATTR_HAS_##_bit, offsetof(uct_md_attr_v2_t, _name) \
    }
    static const struct {
        uint64_t mask;
        size_t offset;
    } fields[] = {
        ATTR_FIELD(MAX_ALLOC, max_alloc),
        ATTR_FIELD(MAX_REG, max_reg),
        ATTR_FIELD(FLAGS, flags),
        ATTR_FIELD(REG_MEM_TYPES, reg_mem_types),
        ATTR_FIELD(REG_NONBLOCK_MEM_TYPES, reg_nonblock_mem_types),
        ATTR_FIELD(CACHE_MEM_TYPES, cache_mem_types),
        ATTR_FIELD(GVA_MEM_TYPES, gva_mem_types),
        ATTR_FIELD(DETECT_MEM_TYPES, detect_mem_types),
        ATTR_FIELD(ALLOC_MEM_TYPES, alloc_mem_types),
        ATTR_FIELD(ACCESS_MEM_TYPES, access_mem_types),
        ATTR_FIELD(DMABUF_MEM_TYPES, dmabuf_mem_types),
        ATTR_FIELD(RKEY_PACKED_SIZE, rkey_packed_size),
    };
    size_t start, end, i;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); ++i) {
        if (!find_written(facts, md, fields[i].mask, &start, &end) ||
            (start != fields[i].offset) || (end != start + sizeof(uint64_t))) {
            return 0;
        }
    }
    return find_written(facts, md, UINT64_MAX, &start, &end) &&
           (end == attr_end);
}

static uct_component_t *find_component(const ucs_list_link_t *head,
                                       const char *name)
{
    const ucs_list_link_t *entry;
    uct_component_t *component;

    for (entry = head->next; entry != head; entry = entry->next) {
        component = ucs_container_of(entry, uct_component_t, list);
        if (strcmp(component->name, name) == 0) {
            return component;
        }
    }
    return NULL;
}

/* Ask the domain of UCX's own component "self", which is everywhere. */
static int check_md(const uct_peervma_guard_facts_t *facts, size_t attr_end)
{
    uct_component_t *component = find_component(facts->components, "self");
    uct_md_config_t *config;
    uct_md_h md;
    int ok = 0;

    if ((component == NULL) ||
        (uct_md_config_read(component, NULL, NULL, &config) != UCS_OK)) {
        return 0;
    }
    if (component->md_open(component, "self", config, &md) == UCS_OK) {
        ok = are_md_attributes(facts, md, attr_end);
        md->ops->close(md);
    }
    uct_config_release(config);
    return ok;
}

/* Those that the plugin may use. */
static int are_types(const char *const *names, ucs_memory_type_t unknown)
{
    return is_type(names, UCS_MEMORY_TYPE_CUDA, "cuda") &&
           is_type(names, UCS_MEMORY_TYPE_ROCM, "rocm") &&
           is_type(names, UCS_MEMORY_TYPE_RDMA, "rdma") &&
           is_type(names, UCS_MEMORY_TYPE_ZE_DEVICE, "ze-device") &&
           is_type(names, unknown, "unknown");
}

/* What is not as it is in this version, or NULL. */
static const char *find_difference(const uct_peervma_guard_facts_t *facts,
                                   const uct_peervma_version_t *version)
{
    if (!is_class(facts->iface_class, "uct_base_iface_t",
                  sizeof(uct_base_iface_t))) {
        return "interfaces";
    }
    if (!is_class(facts->ep_class, "uct_base_ep_t", sizeof(uct_base_ep_t))) {
        return "endpoints";
    }
    if (!are_options(facts->iface_options)) {
        return "options";
    }
    if (facts->functions != version->functions) {
        return "functions";
    }
    if (!are_types(facts->type_names, version->unknown_type)) {
        return "memory types";
    }
    if (!are_components(facts->components)) {
        return "components";
    }
    if (!check_md(facts, version->md_attr_end)) {
        return "memory domains";
    }
    return NULL;
}

const uct_peervma_version_t *uct_peervma_guard_check(
    const uct_peervma_guard_facts_t *facts, char *reason, size_t reason_size)
{
    const uct_peervma_version_t *version;
    const char *what;

    version = uct_peervma_version_find(facts->major, facts->minor);
    if (version == NULL) {
        snprintf(reason, reason_size,
                 "this process has UCX %u.%u.%u, the plugin is for "
                 "UCX " UCT_PEERVMA_UCX_RANGE,
                 facts->major, facts->minor, facts->release);
        return NULL;
    }
    what = find_difference(facts, version);
    if (what != NULL) {
        snprintf(reason, reason_size,
                 "the %s of this UCX %u.%u.%u are not those of UCX %u.%u", what,
                 facts->major, facts->minor, facts->release, facts->major,
                 facts->minor);
        return NULL;
    }
    return version;
}
