// SPDX-License-Identifier: GPL-2.0-only
/* Since 7.0 an importer says whether it can stop. */
#include <linux/dma-buf.h>

bool probe(struct dma_buf_attachment *attach);
bool probe(struct dma_buf_attachment *attach)
{
	return dma_buf_attach_revocable(attach);
}
