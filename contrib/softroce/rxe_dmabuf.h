/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory regions of Soft-RoCE over a dma-buf.
 */
#ifndef RXE_DMABUF_H
#define RXE_DMABUF_H

#include "probed.h"
#include "rxe_loc.h"

struct uverbs_attr_bundle;

#ifdef PEERVMA_HAVE_REG_USER_MR_DMABUF_DMAH
struct ib_mr *rxe_reg_user_mr_dmabuf(struct ib_pd *ibpd, u64 offset,
				     u64 length, u64 iova, int fd, int access,
				     struct ib_dmah *dmah,
				     struct uverbs_attr_bundle *attrs);
#else
struct ib_mr *rxe_reg_user_mr_dmabuf(struct ib_pd *ibpd, u64 offset,
				     u64 length, u64 iova, int fd, int access,
				     struct uverbs_attr_bundle *attrs);
#endif
void rxe_dmabuf_release(struct rxe_mr *mr);
int rxe_dmabuf_copy(struct rxe_mr *mr, u64 iova, void *addr,
		    unsigned int length, enum rxe_mr_copy_dir dir);
enum resp_states rxe_dmabuf_atomic_op(struct rxe_mr *mr, u64 iova, int opcode,
				      u64 compare, u64 swap_add, u64 *orig_val);
enum resp_states rxe_dmabuf_atomic_write(struct rxe_mr *mr, u64 iova,
					 u64 value);

#endif /* RXE_DMABUF_H */
