/* SPDX-License-Identifier: BSD-3-Clause */
#include "provider.h"

#include <errno.h>
#include <sys/mman.h>

const struct peervma_provider *const peervma_providers[] = {
    &peervma_provider_fd,
    &peervma_provider_drm,
    &peervma_provider_vfio,
    &peervma_provider_uverbs,
    &peervma_provider_kernel,
    NULL,
};

_Static_assert(sizeof(peervma_providers) / sizeof(peervma_providers[0]) - 1 <=
                   PEERVMA_MAX_REFUSALS,
               "every provider's refusal has a place");

int peervma_provider_check_access(const struct peervma_vma *vma,
                                  unsigned *reason_p)
{
    const int both = PROT_READ | PROT_WRITE;

    if (!vma->shared) {
        *reason_p = PEERVMA_REASON_PRIVATE;
        return -EPERM;
    }
    if ((vma->prot & both) != both) {
        *reason_p = PEERVMA_REASON_READ_ONLY;
        return -EACCES;
    }
    return 0;
}
