/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that softaccel builds for. */
#ifndef SOFTACCEL_COMPAT_H
#define SOFTACCEL_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/module.h>

#define SOFTACCEL_IMPORT_DMA_BUF()	MODULE_IMPORT_NS(DMA_BUF)

/* Tell the importers that their mappings are void; @dmabuf->resv is held. */
static inline void softaccel_dmabuf_notify(struct dma_buf *dmabuf)
{
	dma_buf_move_notify(dmabuf);
}

#endif
