/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>

#include "declared.h"
#include "describe.h"
#include "legacy.h"
#include "provider.h"

#define MAX_ALIGNMENT (1ULL << 30)

static void add_refusal(peervma_refusals_t *refusals,
                        const struct peervma_provider *provider, int error,
                        unsigned reason)
{
    if (refusals->count < PEERVMA_MAX_REFUSALS) {
        refusals->refusal[refusals->count++] = (peervma_refusal_t){
            .provider = provider->name,
            .error = error,
            .reason = reason,
        };
    }
}

static int climb(const struct peervma_request *request,
                 peervma_export_t *export_p, peervma_refusals_t *refusals)
{
    const struct peervma_provider *const *provider;
    peervma_export_t export = {.fd = -1};
    unsigned reason;
    int ret = -EOPNOTSUPP;

    for (provider = peervma_providers; *provider != NULL; provider++) {
        reason = PEERVMA_REASON_NONE;
        ret = (*provider)->check(request, &reason);
        if (ret == 0) {
            ret = (*provider)->export(request, &export, &reason);
        }
        if (ret == 0) {
            export.provider = (*provider)->name;
            *export_p = export;
            return 0;
        }
        add_refusal(refusals, *provider, ret, reason);
    }
    return ret;
}

/* The mapping is asked for anew: what is exported must be what is there. */
static int export_range(peervma_context_t *context, uintptr_t address,
                        size_t length, peervma_export_t *export_p,
                        peervma_refusals_t *refusals)
{
    struct peervma_vma vma;
    peervma_region_t region;
    struct peervma_request request = {
        .context = context,
        .vma = &vma,
        .region = &region,
        .address = address,
        .length = length,
    };
    int ret;

    ret = peervma_context_enter(context);
    if (ret != 0) {
        return ret;
    }
    ret = peervma_mapping_at(context, address, &vma, &region);
    if (ret == -ENOENT) {
        ret = peervma_declared_export(context, address, length, export_p);
        if (ret == -ENOENT) {
            peervma_legacy_explain(context, address, refusals);
        }
        return ret;
    }
    if (ret != 0) {
        return ret;
    }
    if (length > vma.end - address) {
        return -ERANGE;
    }
    return climb(&request, export_p, refusals);
}

/* By what an address and its offset in the dma-buf are aligned alike. */
static uint64_t alignment(uintptr_t address, uint64_t offset,
                          uintptr_t page_size)
{
    uint64_t size = page_size;

    while (size < MAX_ALIGNMENT && (address ^ offset) % (2 * size) == 0) {
        size *= 2;
    }
    return size;
}

int peervma_region_export(peervma_context_t *context, const void *address,
                          size_t length, peervma_export_t *export_p,
                          peervma_refusals_t *refusals_p)
{
    peervma_refusals_t refusals = {.count = 0};
    int ret = -EINVAL;

    if (context != NULL && length != 0 && export_p != NULL) {
        ret = export_range(context, (uintptr_t)address, length, export_p,
                           &refusals);
    }
    if (ret == 0) {
        export_p->alignment =
            alignment((uintptr_t)address, export_p->offset, context->page_size);
    }
    if (refusals_p != NULL) {
        *refusals_p = refusals;
    }
    return ret;
}
