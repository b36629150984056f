/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

int fake_ucp_count(void)
{
    unsigned count;
    void *components;

    if (uct_query_components(&components, &count) != 0) {
        return -1;
    }
    uct_release_component_list(components);
    return (int)count;
}
