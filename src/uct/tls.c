/* SPDX-License-Identifier: BSD-3-Clause */
#include "tls.h"

#include <string.h>

#include "../settings/list.h"

int uct_peervma_is_left_out(const char *transports)
{
    static const char *const names[] = {UCT_PEERVMA_COPY_TL, NULL};

    return !peervma_list_is_negated(transports) &&
           !peervma_list_selects(transports, names);
}

int uct_peervma_has_rdma(const char *transports)
{
    static const char *const beginnings[] = {"all", "rc",  "ud", "dc",
                                             "ib",  "gga", "srd"};
    const char *name;
    size_t length, i;

    if (peervma_list_is_negated(transports)) {
        return 1;
    }
    while ((name = peervma_list_next(&transports, &length)) != NULL) {
        for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); ++i) {
            if (strncmp(name, beginnings[i], strlen(beginnings[i])) == 0) {
                return 1;
            }
        }
    }
    return 0;
}
