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

/* What the guard looks at. */
typedef struct {
    unsigned major;
    unsigned minor;
    unsigned release;
    const ucs_class_t *iface_class;
    const ucs_class_t *ep_class;
    const ucs_config_field_t *iface_options;
    const ucs_list_link_t *components;
} uct_peervma_guard_facts_t;

/* The facts of the UCX in this process. */
void uct_peervma_guard_facts(uct_peervma_guard_facts_t *facts_p);

/*
 * Returns 1 if the facts are those of a UCX that the plugin was built for, else
 * 0 with the reason. Memory that is not what abi/ says is not dereferenced.
 */
int uct_peervma_guard_check(const uct_peervma_guard_facts_t *facts,
                            char *reason, size_t reason_size);

#endif
