// SPDX-License-Identifier: GPL-2.0-only
/* Compiles with every kernel: if not, no other probe says anything. */
#include <linux/dma-buf.h>
#include <linux/module.h>

size_t probe(struct dma_buf *dmabuf);
size_t probe(struct dma_buf *dmabuf)
{
	return dmabuf->size;
}
