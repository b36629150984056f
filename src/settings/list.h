/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file list.h
 * The lists of UCX's and Open MPI's settings: "a,b" selects what it names,
 * "^a,b" all else. "all" is a name of everything; UCX's "\a" is the name a.
 */
#ifndef PEERVMA_SETTINGS_LIST_H
#define PEERVMA_SETTINGS_LIST_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Take the next name off a list. Names may be empty.
 *
 * @param [in,out] list_p    A list without its "^", or what the last call left
 *                           of it.
 * @param [out]    length_p  Of the name.
 * @return The name, in the list; NULL at its end.
 */
const char *peervma_list_next(const char **list_p, size_t *length_p);

/** Does the list exclude what it names? */
bool peervma_list_is_negated(const char *list);

/** Does a list select what has these names? @a names ends with NULL. */
bool peervma_list_selects(const char *list, const char *const *names);

#endif
