/* SPDX-License-Identifier: BSD-3-Clause */
#include "fake.h"

#include <stddef.h>
#include <stdlib.h>

const char *uct_peervma_refusal(void)
{
    return getenv("FAKE_REFUSAL");
}

__attribute__((constructor)) static void plugin_register(void)
{
    if (uct_peervma_refusal() == NULL) {
        uct_component_register(NULL);
    }
}
