/* SPDX-License-Identifier: BSD-3-Clause */
#include "selection.h"

#include <ucs/config/parser.h>
#include <ucs/config/types.h>

/* UCP's own defaults. */
static ucs_config_field_t fields[] = {
    {"TLS", "all", NULL, ucs_offsetof(uct_peervma_selection_t, transports),
     UCS_CONFIG_TYPE_STRING},
    {"NET_DEVICES", "all", NULL,
     ucs_offsetof(uct_peervma_selection_t, net_devices),
     UCS_CONFIG_TYPE_STRING},
    {NULL}};

ucs_status_t uct_peervma_selection_read(uct_peervma_selection_t *selection_p)
{
    ucs_config_global_list_entry_t entry = {.name = "peervma's view of UCP's",
                                            .prefix = "",
                                            .table = fields,
                                            .size = sizeof(*selection_p)};

    return ucs_config_parser_fill_opts(selection_p, &entry,
                                       UCS_DEFAULT_ENV_PREFIX, 0);
}

void uct_peervma_selection_release(uct_peervma_selection_t *selection)
{
    ucs_config_parser_release_opts(selection, fields);
}
