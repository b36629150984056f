/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_DMABUF_SYNC_H
#define PEERVMA_DMABUF_SYNC_H

/* Ask the exporter, by DMA_BUF_SYNC_ flags, until no signal interrupts it. 0 or
 * -errno. */
int peervma_dmabuf_sync(int fd, unsigned flags);

#endif
