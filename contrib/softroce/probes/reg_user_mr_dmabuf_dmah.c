// SPDX-License-Identifier: GPL-2.0-only
/* The verb got DMA hints in 6.17. */
#include <rdma/ib_verbs.h>

struct ib_mr *probe(struct ib_pd *pd, struct ib_dmah *dmah);
struct ib_mr *probe(struct ib_pd *pd, struct ib_dmah *dmah)
{
	return pd->device->ops.reg_user_mr_dmabuf(pd, 0, 0, 0, 0, 0, dmah, NULL);
}
