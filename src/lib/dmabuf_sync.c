/* SPDX-License-Identifier: BSD-3-Clause */
#include "dmabuf_sync.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>

int peervma_dmabuf_sync(int fd, unsigned flags)
{
    struct dma_buf_sync sync = {.flags = flags};
    int ret;

    do {
        ret = ioctl(fd, DMA_BUF_IOCTL_SYNC, &sync);
    } while (ret != 0 && (errno == EINTR || errno == EAGAIN));
    return ret != 0 ? -errno : 0;
}
