// SPDX-License-Identifier: GPL-2.0-only
/* The name of dma_buf_move_notify() since 7.0. */
#include <linux/dma-buf.h>

void probe(struct dma_buf *dmabuf);
void probe(struct dma_buf *dmabuf)
{
	dma_buf_invalidate_mappings(dmabuf);
}
