/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Before there were dma-bufs for it, NIC drivers asked peer-memory clients
 * (nvidia-peermem, for instance) about each pointer given to ibv_reg_mr(). Who
 * has such memory knows it by its vendor's library, so lookups leave it alone;
 * an export says what else to do.
 */
#include "legacy.h"

#include <errno.h>
#include <string.h>

static bool is_served_by_client(const char *path)
{
    static const char *const nodes[] = {"/dev/nvidia", "/dev/kfd"};
    size_t i;

    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
        if (strncmp(path, nodes[i], strlen(nodes[i])) == 0) {
            return true;
        }
    }
    return false;
}

static int add_refusal(const struct peervma_vma *vma, void *arg)
{
    peervma_refusals_t *refusals = arg;

    if (is_served_by_client(vma->path) &&
        refusals->count < PEERVMA_MAX_REFUSALS) {
        refusals->refusal[refusals->count++] = (peervma_refusal_t){
            .provider = "legacy",
            .error = -ENOENT,
            .reason = PEERVMA_REASON_LEGACY,
        };
    }
    return 0;
}

void peervma_legacy_explain(const peervma_context_t *context, uintptr_t address,
                            peervma_refusals_t *refusals)
{
    if (address < UINTPTR_MAX) {
        peervma_maps_walk(&context->maps, address, address + 1, add_refusal,
                          refusals);
    }
}
