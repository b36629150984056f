/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages of an RDMA device that its library maps: doorbells, device memory.
 *
 * Linux 7.0 and later export them (UVERBS_METHOD_DMABUF_ALLOC: a dma-buf for a
 * page offset of one open uverbs file), where the NIC's driver takes part. That
 * could not be tried, and a mapping does not tell which of a program's files of
 * the node it is of, whose offsets are the same. So they are recognised, and
 * refused.
 */
#include <errno.h>
#include <string.h>

#include "classify.h"
#include "provider.h"
#include "sysfs.h"

static int uverbs_check(const struct peervma_request *request,
                        unsigned *reason_p)
{
    const struct peervma_view *view = &request->context->view;
    struct peervma_class class;
    char subsystem[32];

    peervma_classify(view, request->vma, &class);
    if (class.device != 0 &&
        peervma_sysfs_char_link(view, class.device, "subsystem", subsystem,
                                sizeof(subsystem)) &&
        strcmp(subsystem, "infiniband_verbs") == 0) {
        *reason_p = PEERVMA_REASON_UVERBS;
    } else {
        *reason_p = PEERVMA_REASON_NOT_UVERBS;
    }
    return -EOPNOTSUPP;
}

const struct peervma_provider peervma_provider_uverbs = {
    .name = "uverbs",
    .check = uverbs_check,
};
