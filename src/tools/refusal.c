/* SPDX-License-Identifier: BSD-3-Clause */
#include "refusal.h"

#include <linux/peervma.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void refusal_append(char *text, size_t size, const peervma_refusal_t *refusal)
{
    bool by_errno = refusal->reason == PEERVMA_REASON_SYSTEM ||
                    refusal->reason == PEERVMA_REASON_EXPORTER;
    size_t used = strlen(text);

    snprintf(text + used, size - used, "%s%s: %s%s%s", used > 0 ? "; " : "",
             refusal->provider, peervma_reason_string(refusal->reason),
             by_errno ? ": " : "", by_errno ? strerror(-refusal->error) : "");
}
