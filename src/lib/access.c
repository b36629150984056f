/* SPDX-License-Identifier: BSD-3-Clause */
/* Accesses of the CPU to mapped dma-bufs, between two calls of the kernel. */
#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "context.h"

#define ACCESS_FLAGS (PEERVMA_ACCESS_READ | PEERVMA_ACCESS_WRITE)

_Static_assert(PEERVMA_ACCESS_READ == DMA_BUF_SYNC_READ &&
                   PEERVMA_ACCESS_WRITE == DMA_BUF_SYNC_WRITE,
               "the flags are the kernel's");

static int sync_dmabuf(int fd, unsigned flags)
{
    struct dma_buf_sync sync = {.flags = flags};
    int ret;

    do {
        ret = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    } while (ret != 0 && (errno == EINTR || errno == EAGAIN));
    return ret != 0 ? -errno : 0;
}

int peervma_access_begin(peervma_context_t *context, const void *address,
                         size_t length, unsigned flags,
                         peervma_access_t *access_p)
{
    peervma_export_t export;
    peervma_region_t region;
    int ret;

    if (access_p == NULL || length == 0 || flags == 0 ||
        (flags & ~ACCESS_FLAGS) != 0) {
        return -EINVAL;
    }
    ret = peervma_region_lookup(context, address, &region);
    if (ret != 0) {
        return ret;
    }
    if (length > region.length - ((uintptr_t)address - region.base)) {
        return -ERANGE;
    }
    if (region.kind != PEERVMA_KIND_DMABUF) {
        *access_p = (peervma_access_t){.fd = -1, .flags = flags};
        return 0;
    }

    ret = peervma_region_export(context, address, length, &export, NULL);
    if (ret != 0) {
        return ret;
    }
    ret = sync_dmabuf(export.fd, flags | DMA_BUF_SYNC_START);
    if (ret != 0) {
        close(export.fd);
        return ret;
    }
    *access_p = (peervma_access_t){.fd = export.fd, .flags = flags};
    return 0;
}

int peervma_access_end(peervma_access_t *access)
{
    int ret;

    if (access == NULL) {
        return -EINVAL;
    }
    if (access->fd < 0) {
        return 0;
    }

    ret = sync_dmabuf(access->fd, access->flags | DMA_BUF_SYNC_END);
    close(access->fd);
    access->fd = -1;
    return ret;
}
