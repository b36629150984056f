/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that softaccel builds for. */
#ifndef SOFTACCEL_COMPAT_H
#define SOFTACCEL_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/module.h>

#include "probed.h"

/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
#define SOFTACCEL_IMPORT_DMA_BUF()	MODULE_INFO(import_ns, "DMA_BUF")

/* Tell the importers that their mappings are void; @dmabuf->resv is held. */
static inline void softaccel_dmabuf_notify(struct dma_buf *dmabuf)
{
#ifdef PEERVMA_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
	dma_buf_invalidate_mappings(dmabuf);
#else
	dma_buf_move_notify(dmabuf);
#endif
}

/* Whether the importer can be told so; from 7.0 on not each dynamic one can. */
static inline bool softaccel_importer_listens(struct dma_buf_attachment *attach)
{
#ifdef PEERVMA_HAVE_DMA_BUF_ATTACH_REVOCABLE
	return dma_buf_attach_revocable(attach);
#else
	return attach->importer_ops;
#endif
}

#endif
