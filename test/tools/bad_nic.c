/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * To be preloaded into `peervma check`: a NIC whose driver registers dma-bufs,
 * and BAD_NIC says what is wrong with it:
 *
 * refuse  the exporter does not let it: the errno that such a peer gets
 * lose    it reports success, but never reaches the device, as behind a host
 *         bridge that drops peer-to-peer traffic
 */
#include <errno.h>
#include <infiniband/verbs.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096

__attribute__((visibility("default"))) struct ibv_mr *ibv_reg_dmabuf_mr(
    struct ibv_pd *pd, uint64_t offset, size_t length, uint64_t iova, int fd,
    int access)
{
    const char *fault = getenv("BAD_NIC");
    void *elsewhere;

    (void)offset;
    if (fd < 0) {
        errno = EBADF;
        return NULL;
    }
    if (fault == NULL || strcmp(fault, "lose") != 0) {
        errno = EOPNOTSUPP;
        return NULL;
    }
    /* Freed with the process. */
    elsewhere = aligned_alloc(PAGE, (length + PAGE - 1) & ~(size_t)(PAGE - 1));
    if (elsewhere == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    memset(elsewhere, 0, length);
    return ibv_reg_mr_iova(pd, elsewhere, length, iova, access);
}
