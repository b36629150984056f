/* SPDX-License-Identifier: BSD-3-Clause */
/* What the kernel tells of a dma-buf that a process has open. */
#ifndef PEERVMA_TOOLS_DMABUF_INFO_H
#define PEERVMA_TOOLS_DMABUF_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct dmabuf_info {
    char exporter[64]; /* "softaccel", a driver's name as a rule */
    char name[64];     /* given by DMA_BUF_SET_NAME; "" if none */
    uint64_t size;     /* bytes */
};

/*
 * Of descriptor `fd` of the process whose folder in proc this is. False if
 * that is no dma-buf, or not to be seen.
 */
bool dmabuf_info_read(const char *proc, int fd, struct dmabuf_info *info_p);

/* Of the dma-buf with this inode number, if the process has it open. */
bool dmabuf_info_find(const char *proc, uint64_t inode,
                      struct dmabuf_info *info_p);

#endif
