/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is this the UCX whose private layouts abi/ declares? Everything else in the
 * plugin relies on them, so they are proved before it registers.
 */
#ifndef UCT_PEERVMA_GUARD_H
#define UCT_PEERVMA_GUARD_H

#include <stddef.h>

#include <ucs/config/parser.h>
#include <ucs/datastruct/list.h>
#include <ucs/type/class.h>

#include "abi/component.h"
#include "abi/versions.h"

/* What the guard looks at. */
typedef struct {
    unsigned major;
    unsigned minor;
    unsigned release;
    const ucs_class_t *iface_class;
    const ucs_class_t *ep_class;
    const ucs_config_field_t *iface_options;
    const ucs_list_link_t *components;
    const char *const *type_names; /* of memory, up to NULL */
    unsigned functions;            /* UCT_PEERVMA_HAS_* */
    ucs_status_t (*md_query)(uct_md_h md, uct_md_attr_v2_t *attr);
} uct_peervma_guard_facts_t;

/* The facts of the UCX in this process. */
void uct_peervma_guard_facts(uct_peervma_guard_facts_t *facts_p);

/*
 * Returns the version of UCX whose facts these are, or NULL with the reason if
 * it is none that the plugin knows. Memory that is not what abi/ says is not
 * dereferenced.
 */
const uct_peervma_version_t *uct_peervma_guard_check(
    const uct_peervma_guard_facts_t *facts, char *reason, size_t reason_size);

#endif
