/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

static unsigned registered;

int uct_query_components(void **components_p, unsigned *count_p)
{
    const char *plugin = getenv("FAKE_UCX_LOADS");

    if (plugin != NULL) {
        dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
    }
    *components_p = NULL;
    *count_p = registered;
    return 0;
}

void uct_release_component_list(void *components)
{
    (void)components;
}

void uct_component_register(void *component)
{
    (void)component;
    ++registered;
}
