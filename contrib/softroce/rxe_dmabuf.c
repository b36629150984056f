// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory regions of Soft-RoCE over a dma-buf.
 *
 * Soft-RoCE is a NIC whose DMA engine is the CPU. So it attaches to the
 * dma-buf only to pin it and to be told when the memory goes away, maps it with
 * vmap, and copies. Pinned memory does not move, so a move notification, be its
 * reason what it may, ends the region for good: later accesses fail as on a
 * region whose keys are wrong.
 *
 * Lock order: the dma-buf's reservation lock, then rxe_dmabuf.lock. The data
 * path takes the second alone and only around a copy, so whoever revokes waits
 * for copies in flight and for nothing else. rxe's data path runs in a work
 * queue and may sleep.
 */
#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/io.h>
#include <linux/iosys-map.h>
#include <linux/overflow.h>
#include <linux/unaligned.h>

#include "rxe.h"
#include "rxe_dmabuf.h"

#define RXE_DMABUF_ACCESS \
	(RXE_ACCESS_REMOTE | IB_ACCESS_LOCAL_WRITE | IB_ACCESS_OPTIONAL)

/**
 * struct rxe_dmabuf - a memory region over a dma-buf
 * @mr: what rxe knows, and frees; has this instead of pages
 * @dmabuf: the dma-buf, referenced
 * @attach: our attachment; NULL if the exporter never moves its memory
 * @offset: where in the dma-buf the region begins
 * @lock: read around an access through @map, write to change it
 * @map: the whole dma-buf; null once it was revoked
 */
struct rxe_dmabuf {
	struct rxe_mr mr;
	struct dma_buf *dmabuf;
	struct dma_buf_attachment *attach;
	u64 offset;
	struct rw_semaphore lock;
	struct iosys_map map;
};

static void rxe_dmabuf_count(struct rxe_mr *mr, enum rxe_counters counter,
			     s64 n)
{
	atomic64_add(n, &to_rdev(mr->ibmr.device)->stats_counters[counter]);
}

/* Returns whether there was a mapping. */
static bool rxe_dmabuf_unmap(struct rxe_dmabuf *buf)
{
	struct iosys_map map;

	dma_resv_assert_held(buf->dmabuf->resv);

	down_write(&buf->lock);
	map = buf->map;
	iosys_map_clear(&buf->map);
	up_write(&buf->lock);

	if (iosys_map_is_null(&map))
		return false;

	dma_buf_vunmap(buf->dmabuf, &map);
	return true;
}

static void rxe_dmabuf_invalidate(struct dma_buf_attachment *attach)
{
	struct rxe_mr *mr = attach->importer_priv;

	if (rxe_dmabuf_unmap(mr->dmabuf))
		rxe_dmabuf_count(mr, RXE_CNT_DMABUF_REVOKED, 1);
}

/* The callback's name until 7.0. */
#ifndef PEERVMA_HAVE_DMA_BUF_ATTACH_INVALIDATE_MAPPINGS
#define invalidate_mappings move_notify
#endif

static const struct dma_buf_attach_ops rxe_dmabuf_attach_ops = {
	.allow_peer2peer = true,
	.invalidate_mappings = rxe_dmabuf_invalidate,
};

/*
 * Without the region's own lock: nobody copies before the region is finalized.
 *
 * Context: reservation lock held.
 */
static int rxe_dmabuf_vmap(struct rxe_dmabuf *buf)
{
	struct iosys_map map;
	long left;
	int err;

	err = dma_buf_vmap(buf->dmabuf, &map);
	if (err)
		return err;

	/* The exporter may still be moving the memory to where we see it. */
	left = dma_resv_wait_timeout(buf->dmabuf->resv, DMA_RESV_USAGE_KERNEL,
				     false, MAX_SCHEDULE_TIMEOUT);
	if (left <= 0) {
		dma_buf_vunmap(buf->dmabuf, &map);
		return left ?: -ETIMEDOUT;
	}

	buf->map = map;
	return 0;
}

static int rxe_dmabuf_map(struct rxe_dmabuf *buf)
{
	int err = 0;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	if (buf->attach)
		err = dma_buf_pin(buf->attach);
	if (err)
		goto out;

	err = rxe_dmabuf_vmap(buf);
	if (err && buf->attach)
		dma_buf_unpin(buf->attach);
out:
	dma_resv_unlock(buf->dmabuf->resv);
	return err;
}

/*
 * Static exporters get no attachment: they would map the memory for DMA at
 * once, which rxe has no device for, and they have nothing to tell.
 */
static int rxe_dmabuf_attach(struct rxe_mr *mr)
{
	struct rxe_dmabuf *buf = mr->dmabuf;
	struct dma_buf_attachment *attach;

	if (!dma_buf_is_dynamic(buf->dmabuf))
		return 0;

	attach = dma_buf_dynamic_attach(buf->dmabuf, &mr->ibmr.device->dev,
					&rxe_dmabuf_attach_ops, mr);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	buf->attach = attach;
	return 0;
}

static void rxe_dmabuf_free(struct rxe_mr *mr)
{
	struct rxe_dmabuf *buf = mr->dmabuf;

	if (buf->attach)
		dma_buf_detach(buf->dmabuf, buf->attach);
	dma_buf_put(buf->dmabuf);
	mr->dmabuf = NULL;
}

static int rxe_dmabuf_init(struct rxe_dmabuf *buf, u64 offset, u64 length,
			   int fd)
{
	struct dma_buf *dmabuf;
	u64 end;
	int err;

	dmabuf = dma_buf_get(fd);
	if (IS_ERR(dmabuf))
		return PTR_ERR(dmabuf);

	if (!length || check_add_overflow(offset, length, &end) ||
	    end > dmabuf->size) {
		dma_buf_put(dmabuf);
		return -EINVAL;
	}

	buf->dmabuf = dmabuf;
	buf->offset = offset;
	init_rwsem(&buf->lock);
	buf->mr.dmabuf = buf;

	err = rxe_dmabuf_attach(&buf->mr);
	if (!err)
		err = rxe_dmabuf_map(buf);
	if (err)
		rxe_dmabuf_free(&buf->mr);
	return err;
}

static struct ib_mr *rxe_dmabuf_reg(struct ib_pd *ibpd, u64 offset, u64 length,
				    u64 iova, int fd, int access)
{
	struct rxe_dev *rxe = to_rdev(ibpd->device);
	struct rxe_dmabuf *buf;
	struct rxe_mr *mr;
	u64 end;
	int err;

	if (access & ~RXE_DMABUF_ACCESS)
		return ERR_PTR(-EOPNOTSUPP);
	if (check_add_overflow(iova, length, &end))
		return ERR_PTR(-EINVAL);

	buf = kzalloc(sizeof(*buf), GFP_KERNEL);
	if (!buf)
		return ERR_PTR(-ENOMEM);

	mr = &buf->mr;
	err = rxe_add_to_pool(&rxe->mr_pool, mr);
	if (err)
		goto err_free;

	rxe_get(to_rpd(ibpd));
	mr->ibmr.pd = ibpd;
	mr->ibmr.device = ibpd->device;
	rxe_mr_init(access, mr);

	err = rxe_dmabuf_init(buf, offset, length, fd);
	if (err)
		goto err_cleanup;

	mr->ibmr.type = IB_MR_TYPE_USER;
	mr->ibmr.iova = iova;
	mr->ibmr.length = length;
	mr->state = RXE_MR_STATE_VALID;
	rxe_dmabuf_count(mr, RXE_CNT_DMABUF_MRS, 1);
	rxe_dmabuf_count(mr, RXE_CNT_DMABUF_MRS_LIVE, 1);

	rxe_finalize(mr);
	return &mr->ibmr;

err_cleanup:
	rxe_cleanup(mr);
err_free:
	kfree(buf);
	rxe_dbg_pd(to_rpd(ibpd), "no region over fd %d, err = %d\n", fd, err);
	return ERR_PTR(err);
}

/**
 * rxe_reg_user_mr_dmabuf - the verb: register a range of a dma-buf
 * @ibpd: protection domain
 * @offset: first byte in the dma-buf
 * @length: bytes, not zero, not beyond the dma-buf's end
 * @iova: address of the first byte for work requests and peers; the same
 *	within its page as @offset, which uverbs checks
 * @fd: the dma-buf; the region keeps a reference of its own
 * @access: remote and local access; what needs main memory or a memory window
 *	is not supported
 * @dmah: hints for DMA, which are not supported; older kernels have none
 * @attrs: unused
 *
 * Return: the region; -EBADF: no such fd; -EINVAL: not a dma-buf, an exporter
 * without vmap, or a wrong range; -EOPNOTSUPP: access; or the exporter's
 * refusal.
 */
#ifdef PEERVMA_HAVE_REG_USER_MR_DMABUF_DMAH
struct ib_mr *rxe_reg_user_mr_dmabuf(struct ib_pd *ibpd, u64 offset,
				     u64 length, u64 iova, int fd, int access,
				     struct ib_dmah *dmah,
				     struct uverbs_attr_bundle *attrs)
{
	if (dmah)
		return ERR_PTR(-EOPNOTSUPP);
	return rxe_dmabuf_reg(ibpd, offset, length, iova, fd, access);
}
#else
struct ib_mr *rxe_reg_user_mr_dmabuf(struct ib_pd *ibpd, u64 offset,
				     u64 length, u64 iova, int fd, int access,
				     struct uverbs_attr_bundle *attrs)
{
	return rxe_dmabuf_reg(ibpd, offset, length, iova, fd, access);
}
#endif

/**
 * rxe_dmabuf_release - give the dma-buf of a dying region back
 * @mr: the region; nothing refers to it any more
 */
void rxe_dmabuf_release(struct rxe_mr *mr)
{
	struct rxe_dmabuf *buf = mr->dmabuf;

	dma_resv_lock(buf->dmabuf->resv, NULL);
	rxe_dmabuf_unmap(buf);
	if (buf->attach)
		dma_buf_unpin(buf->attach);
	dma_resv_unlock(buf->dmabuf->resv);

	rxe_dmabuf_free(mr);
	rxe_dmabuf_count(mr, RXE_CNT_DMABUF_MRS_LIVE, -1);
}

/*
 * Returns with the map locked and @pos_p set to where in it @iova is, or an
 * error: -EINVAL out of range, -EFAULT revoked.
 */
static int rxe_dmabuf_begin(struct rxe_mr *mr, u64 iova, unsigned int length,
			    size_t *pos_p)
{
	struct rxe_dmabuf *buf = mr->dmabuf;
	int err;

	err = mr_check_range(mr, iova, length);
	if (err)
		return err;

	down_read(&buf->lock);
	if (iosys_map_is_null(&buf->map)) {
		up_read(&buf->lock);
		rxe_dbg_mr(mr, "dma-buf was revoked\n");
		return -EFAULT;
	}

	*pos_p = buf->offset + (iova - mr->ibmr.iova);
	return 0;
}

static void rxe_dmabuf_end(struct rxe_mr *mr)
{
	up_read(&mr->dmabuf->lock);
}

static void rxe_dmabuf_end_write(struct rxe_mr *mr)
{
	/* Write-combined stores must be out before the ACK. */
	wmb();
	rxe_dmabuf_end(mr);
}

/*
 * memcpy_fromio() and memcpy_toio() for whole packets: those of x86 access four
 * bytes at a time, which costs a BAR twice the transactions.
 */
static void rxe_dmabuf_copy_fromio(void *to, const void __iomem *from,
				   size_t length)
{
	size_t head = min(length, -(uintptr_t)from % sizeof(u64));

	memcpy_fromio(to, from, head);
	to += head;
	from += head;
	for (length -= head; length >= sizeof(u64); length -= sizeof(u64)) {
		put_unaligned(__raw_readq(from), (u64 *)to);
		to += sizeof(u64);
		from += sizeof(u64);
	}
	memcpy_fromio(to, from, length);
}

static void rxe_dmabuf_copy_toio(void __iomem *to, const void *from,
				 size_t length)
{
	size_t head = min(length, -(uintptr_t)to % sizeof(u64));

	memcpy_toio(to, from, head);
	to += head;
	from += head;
	for (length -= head; length >= sizeof(u64); length -= sizeof(u64)) {
		__raw_writeq(get_unaligned((const u64 *)from), to);
		to += sizeof(u64);
		from += sizeof(u64);
	}
	memcpy_toio(to, from, length);
}

static void rxe_dmabuf_copy_from(void *to, const struct iosys_map *map,
				 size_t pos, size_t length)
{
	if (map->is_iomem)
		rxe_dmabuf_copy_fromio(to, map->vaddr_iomem + pos, length);
	else
		memcpy(to, map->vaddr + pos, length);
}

static void rxe_dmabuf_copy_to(struct iosys_map *map, size_t pos,
			       const void *from, size_t length)
{
	if (map->is_iomem)
		rxe_dmabuf_copy_toio(map->vaddr_iomem + pos, from, length);
	else
		memcpy(map->vaddr + pos, from, length);
}

/**
 * rxe_dmabuf_copy - rxe_mr_copy() for such a region
 * @mr: the region
 * @iova: first byte
 * @addr: the other side of the copy
 * @length: bytes
 * @dir: direction
 *
 * Return: 0; -EINVAL: out of range; -EFAULT: the memory was revoked
 */
int rxe_dmabuf_copy(struct rxe_mr *mr, u64 iova, void *addr,
		    unsigned int length, enum rxe_mr_copy_dir dir)
{
	struct iosys_map *map = &mr->dmabuf->map;
	size_t pos;
	int err;

	err = rxe_dmabuf_begin(mr, iova, length, &pos);
	if (err)
		return err;

	if (dir == RXE_FROM_MR_OBJ) {
		rxe_dmabuf_copy_from(addr, map, pos, length);
		rxe_dmabuf_end(mr);
		rxe_dmabuf_count(mr, RXE_CNT_DMABUF_READ_BYTES, length);
	} else {
		rxe_dmabuf_copy_to(map, pos, addr, length);
		rxe_dmabuf_end_write(mr);
		rxe_dmabuf_count(mr, RXE_CNT_DMABUF_WRITE_BYTES, length);
	}

	return 0;
}

/* rxe_dmabuf_begin() with the responder's error codes. */
static enum resp_states rxe_dmabuf_begin_atomic(struct rxe_mr *mr, u64 iova,
						size_t *pos_p)
{
	if (rxe_dmabuf_begin(mr, iova, sizeof(u64), pos_p))
		return RESPST_ERR_RKEY_VIOLATION;

	if (*pos_p % sizeof(u64)) {
		rxe_dmabuf_end(mr);
		return RESPST_ERR_MISALIGNED_ATOMIC;
	}
	return RESPST_NONE;
}

/**
 * rxe_dmabuf_atomic_op - rxe_mr_do_atomic_op() for such a region
 * @mr: the region
 * @iova: address, a multiple of 8
 * @opcode: IB_OPCODE_RC_COMPARE_SWAP or IB_OPCODE_RC_FETCH_ADD
 * @compare: what to compare with
 * @swap_add: what to swap in or to add
 * @orig_val: set to the value before
 *
 * Atomic among RDMA atomics on this machine, not against the device or the CPU.
 *
 * Return: RESPST_NONE or the responder's next state
 */
enum resp_states rxe_dmabuf_atomic_op(struct rxe_mr *mr, u64 iova, int opcode,
				      u64 compare, u64 swap_add, u64 *orig_val)
{
	struct iosys_map *map = &mr->dmabuf->map;
	enum resp_states err;
	size_t pos;
	u64 value;

	err = rxe_dmabuf_begin_atomic(mr, iova, &pos);
	if (err)
		return err;

	spin_lock_bh(&atomic_ops_lock);
	value = iosys_map_rd(map, pos, u64);
	*orig_val = value;
	if (opcode != IB_OPCODE_RC_COMPARE_SWAP)
		iosys_map_wr(map, pos, u64, value + swap_add);
	else if (value == compare)
		iosys_map_wr(map, pos, u64, swap_add);
	/* The next holder of the lock may read on another CPU. */
	wmb();
	spin_unlock_bh(&atomic_ops_lock);

	rxe_dmabuf_end(mr);
	return RESPST_NONE;
}

/**
 * rxe_dmabuf_atomic_write - rxe_mr_do_atomic_write() for such a region
 * @mr: the region
 * @iova: address, a multiple of 8
 * @value: what to write
 *
 * Return: RESPST_NONE or the responder's next state
 */
enum resp_states rxe_dmabuf_atomic_write(struct rxe_mr *mr, u64 iova,
					 u64 value)
{
	struct iosys_map *map = &mr->dmabuf->map;
	enum resp_states err;
	size_t pos;

	err = rxe_dmabuf_begin_atomic(mr, iova, &pos);
	if (err)
		return err;

	iosys_map_wr(map, pos, u64, value);
	rxe_dmabuf_end_write(mr);
	return RESPST_NONE;
}

/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
MODULE_INFO(import_ns, "DMA_BUF");
