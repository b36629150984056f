/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels that the module builds for. */
#ifndef PEERVMA_COMPAT_H
#define PEERVMA_COMPAT_H

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>

#include "probed.h"

/* Tell the importers that their mappings are void; @dmabuf->resv is held. */
static inline void peervma_invalidate_mappings(struct dma_buf *dmabuf)
{
	dma_resv_assert_held(dmabuf->resv);
#ifdef PEERVMA_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
	dma_buf_invalidate_mappings(dmabuf);
#else
	dma_buf_move_notify(dmabuf);
#endif
}

/*
 * Whether the importer stops when it is told to. Before 7.0 that is asked of
 * all that can be told.
 */
static inline bool peervma_attach_revocable(struct dma_buf_attachment *attach)
{
#ifdef PEERVMA_HAVE_DMA_BUF_ATTACH_REVOCABLE
	return dma_buf_attach_revocable(attach);
#else
	return attach->importer_ops;
#endif
}

#endif /* PEERVMA_COMPAT_H */
