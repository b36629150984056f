/* SPDX-License-Identifier: BSD-3-Clause */
#include "list.h"

#include <string.h>

const char *peervma_list_next(const char **list_p, size_t *length_p)
{
    const char *name = *list_p;
    size_t length;

    if (*name == '\0') {
        return NULL;
    }
    length = strcspn(name, ",");
    *list_p = name + length + (name[length] == ',');
    if (*name == '\\') {
        ++name;
        --length;
    }
    *length_p = length;
    return name;
}

bool peervma_list_is_negated(const char *list)
{
    return *list == '^';
}

static bool is_name(const char *text, size_t length, const char *name)
{
    return (length == strlen(name)) && (strncmp(text, name, length) == 0);
}

bool peervma_list_selects(const char *list, const char *const *names)
{
    bool negated = peervma_list_is_negated(list), named = false;
    const char *text;
    size_t length, i;

    list += negated;
    while ((text = peervma_list_next(&list, &length)) != NULL) {
        named |= is_name(text, length, "all");
        for (i = 0; names[i] != NULL; ++i) {
            named |= is_name(text, length, names[i]);
        }
    }
    return named != negated;
}
