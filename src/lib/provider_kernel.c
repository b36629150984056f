/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/peervma: the kernel finds the object behind the mapping. */
#include <errno.h>

#include "provider.h"

static int kernel_check(const struct peervma_request *request,
                        unsigned *reason_p)
{
    const struct peervma_module *module = &request->context->module;
    struct peervma_info info;

    if (module->error != 0) {
        *reason_p = peervma_module_reason(module);
        return module->error;
    }

    /* Of its own process the kernel says more on export. */
    if (!request->context->view.own &&
        peervma_module_info(module, &info) == 0 &&
        !(info.kinds >> request->region->kind & 1)) {
        *reason_p = PEERVMA_REASON_NO_EXPORTER;
        return -EOPNOTSUPP;
    }
    return peervma_provider_check_access(request->vma, reason_p);
}

static int kernel_export(const struct peervma_request *request,
                         peervma_export_t *export_p, unsigned *reason_p)
{
    uintptr_t mask = request->context->page_size - 1;
    uintptr_t start = request->address & ~mask;
    uintptr_t end = (request->address + request->length + mask) & ~mask;
    struct peervma_export export;
    int ret;

    ret = peervma_module_export(&request->context->module, start, end - start,
                                &export);
    if (ret != 0) {
        *reason_p = export.reason != PEERVMA_REASON_NONE
                        ? export.reason
                        : PEERVMA_REASON_SYSTEM;
        return ret;
    }

    *export_p = (peervma_export_t){
        .fd = export.fd,
        .offset = export.offset + (request->address & mask),
        .object_size = export.object_size,
    };
    return 0;
}

const struct peervma_provider peervma_provider_kernel = {
    .name = "kernel",
    .check = kernel_check,
    .export = kernel_export,
};
