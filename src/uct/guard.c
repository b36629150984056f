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

#include "abi/component.h"
#include "abi/iface.h"

#define GUARD_MAJOR 1
#define GUARD_MINOR 18

#define GUARD_MAX_ENTRIES 64 /* of a list; UCX has about 15 components */

void uct_peervma_guard_facts(uct_peervma_guard_facts_t *facts_p)
{
    ucp_get_version(&facts_p->major, &facts_p->minor, &facts_p->release);
    facts_p->iface_class = &uct_base_iface_t_class;
    facts_p->ep_class = &uct_base_ep_t_class;
    facts_p->iface_options = uct_iface_config_table;
    facts_p->components = &uct_components_list;
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

int uct_peervma_guard_check(const uct_peervma_guard_facts_t *facts,
                            char *reason, size_t reason_size)
{
    const char *what = NULL;

    if ((facts->major != GUARD_MAJOR) || (facts->minor != GUARD_MINOR)) {
        snprintf(reason, reason_size,
                 "this process has UCX %u.%u.%u, the plugin is for UCX %d.%d",
                 facts->major, facts->minor, facts->release, GUARD_MAJOR,
                 GUARD_MINOR);
        return 0;
    }

    if (!is_class(facts->iface_class, "uct_base_iface_t",
                  sizeof(uct_base_iface_t))) {
        what = "interfaces";
    } else if (!is_class(facts->ep_class, "uct_base_ep_t",
                         sizeof(uct_base_ep_t))) {
        what = "endpoints";
    } else if (!are_options(facts->iface_options)) {
        what = "options";
    } else if (!are_components(facts->components)) {
        what = "components";
    }
    if (what == NULL) {
        return 1;
    }

    snprintf(reason, reason_size,
             "the %s of this UCX %u.%u.%u have another layout than those the "
             "plugin was built for",
             what, facts->major, facts->minor, facts->release);
    return 0;
}
