// SPDX-License-Identifier: GPL-2.0-only
/*
 * softaccel's buffers as dma-bufs: for peers, for kernel users, for other
 * processes, and taken back from all of them when the device goes.
 *
 * Memory never moves, but it can go. So every importer must be one that can be
 * told, a dynamic one. When it was told, it has to stop before it returns or
 * to add a fence to the reservation object that says when.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/export.h>
#include <linux/iosys-map.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "softaccel.h"
#include "softaccel_compat.h"

/* Lengths in a scatterlist are 32 bits wide. */
#define SOFTACCEL_MAX_SEGMENT SZ_1G

/* Since the module was loaded: most are told when their device goes. */
atomic64_t softaccel_revokes;

int softaccel_prime_init(struct softaccel_device *sdev)
{
	xa_init(&sdev->exports);
	return drmm_mutex_init(&sdev->drm, &sdev->exports_lock);
}

static struct softaccel_object *softaccel_dmabuf_object(struct dma_buf *dmabuf)
{
	return to_softaccel_object(dmabuf->priv);
}

static int softaccel_dmabuf_attach(struct dma_buf *dmabuf,
				   struct dma_buf_attachment *attach)
{
	struct softaccel_object *obj = softaccel_dmabuf_object(dmabuf);

	if (drm_dev_is_unplugged(obj->gem.dev))
		return -ENODEV;

	if (!softaccel_importer_listens(attach))
		return -EOPNOTSUPP;

	atomic64_inc(&to_softaccel(obj->gem.dev)->attaches);
	return 0;
}

static int softaccel_dmabuf_pin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
	return softaccel_dmabuf_object(attach->dmabuf)->refusal;
}

/* Nothing to undo; the dma-buf core wants both or none. */
static void softaccel_dmabuf_unpin(struct dma_buf_attachment *attach)
{
	dma_resv_assert_held(attach->dmabuf->resv);
}

/* A table of DMA addresses only: device memory has no pages to name. */
static struct sg_table *softaccel_sgt_create(dma_addr_t addr, size_t size)
{
	struct scatterlist *sg;
	struct sg_table *sgt;
	size_t length;
	int i;

	sgt = kzalloc(sizeof(*sgt), GFP_KERNEL);
	if (!sgt)
		return NULL;

	if (sg_alloc_table(sgt, DIV_ROUND_UP(size, SOFTACCEL_MAX_SEGMENT),
			   GFP_KERNEL)) {
		kfree(sgt);
		return NULL;
	}

	for_each_sgtable_dma_sg(sgt, sg, i) {
		length = min_t(size_t, size, SOFTACCEL_MAX_SEGMENT);
		sg_set_page(sg, NULL, length, 0);
		sg_dma_address(sg) = addr;
		sg_dma_len(sg) = length;
		addr += length;
		size -= length;
	}
	return sgt;
}

static struct sg_table *softaccel_dmabuf_map(struct dma_buf_attachment *attach,
					     enum dma_data_direction dir)
{
	struct softaccel_object *obj = softaccel_dmabuf_object(attach->dmabuf);
	struct sg_table *sgt;
	dma_addr_t addr;

	dma_resv_assert_held(attach->dmabuf->resv);
	if (obj->refusal)
		return ERR_PTR(obj->refusal);

	if (!attach->peer2peer)
		return ERR_PTR(-EOPNOTSUPP);

	addr = dma_map_resource(attach->dev, softaccel_object_phys(obj),
				obj->gem.size, dir, DMA_ATTR_SKIP_CPU_SYNC);
	if (dma_mapping_error(attach->dev, addr))
		return ERR_PTR(-EIO);

	sgt = softaccel_sgt_create(addr, obj->gem.size);
	if (!sgt) {
		dma_unmap_resource(attach->dev, addr, obj->gem.size, dir,
				   DMA_ATTR_SKIP_CPU_SYNC);
		return ERR_PTR(-ENOMEM);
	}
	return sgt;
}

static void softaccel_dmabuf_unmap(struct dma_buf_attachment *attach,
				   struct sg_table *sgt,
				   enum dma_data_direction dir)
{
	dma_unmap_resource(attach->dev, sg_dma_address(sgt->sgl),
			   attach->dmabuf->size, dir, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

/*
 * The dma-buf core warns when this fails. An importer that pins first, under
 * the same lock, has its error from there.
 */
static int softaccel_dmabuf_vmap(struct dma_buf *dmabuf, struct iosys_map *map)
{
	struct softaccel_object *obj = softaccel_dmabuf_object(dmabuf);

	dma_resv_assert_held(dmabuf->resv);
	if (obj->refusal)
		return obj->refusal;

	/* Who maps without being attached could not be told to stop. */
	if (list_empty(&dmabuf->attachments))
		return -EOPNOTSUPP;

	iosys_map_set_vaddr_iomem(map, softaccel_object_io(obj));
	atomic64_inc(&to_softaccel(obj->gem.dev)->vmaps);
	return 0;
}

static void softaccel_dmabuf_release(struct dma_buf *dmabuf)
{
	struct softaccel_object *obj = softaccel_dmabuf_object(dmabuf);
	struct softaccel_device *sdev = to_softaccel(obj->gem.dev);

	/* Waits for a revocation that looks at it right now. */
	mutex_lock(&sdev->exports_lock);
	xa_erase(&sdev->exports, (unsigned long)dmabuf);
	mutex_unlock(&sdev->exports_lock);

	drm_gem_dmabuf_release(dmabuf);
}

static const struct dma_buf_ops softaccel_dmabuf_ops = {
	.attach = softaccel_dmabuf_attach,
	.pin = softaccel_dmabuf_pin,
	.unpin = softaccel_dmabuf_unpin,
	.map_dma_buf = softaccel_dmabuf_map,
	.unmap_dma_buf = softaccel_dmabuf_unmap,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = softaccel_dmabuf_vmap,
	.release = softaccel_dmabuf_release,
};

/**
 * softaccel_prime_export - make a dma-buf of an object
 * @gem: the object
 * @flags: DRM_CLOEXEC, DRM_RDWR
 *
 * The DRM core keeps an object's dma-buf while the object has handles, and
 * asks for another one if it gets a handle again after that. A doorbell has
 * none, so each of its exports is a dma-buf of its own.
 *
 * Context: may sleep; waits for a reset.
 * Return: the dma-buf, which keeps the object and the module, or an ERR_PTR:
 *	-ENODEV: unplugged.
 */
struct dma_buf *softaccel_prime_export(struct drm_gem_object *gem, int flags)
{
	struct softaccel_device *sdev = to_softaccel(gem->dev);
	struct dma_buf_export_info info = {
		.exp_name = SOFTACCEL_DRIVER_NAME,
		.owner = gem->dev->driver->fops->owner,
		.ops = &softaccel_dmabuf_ops,
		.size = gem->size,
		.flags = flags,
		.priv = gem,
		.resv = gem->resv,
	};
	struct dma_buf *dmabuf;
	int idx, ret;

	/* Revocation begins when this section is over: it misses nothing. */
	if (!drm_dev_enter(gem->dev, &idx))
		return ERR_PTR(-ENODEV);

	dmabuf = drm_gem_dmabuf_export(gem->dev, &info);
	if (IS_ERR(dmabuf))
		goto out_exit;

	mutex_lock(&sdev->exports_lock);
	ret = xa_err(xa_store(&sdev->exports, (unsigned long)dmabuf, dmabuf,
			      GFP_KERNEL));
	mutex_unlock(&sdev->exports_lock);
	if (ret) {
		dma_buf_put(dmabuf);
		dmabuf = ERR_PTR(ret);
		goto out_exit;
	}
	atomic64_inc(&sdev->export_count);

out_exit:
	drm_dev_exit(idx);
	return dmabuf;
}
EXPORT_SYMBOL_GPL(softaccel_prime_export);

struct drm_gem_object *softaccel_prime_import(struct drm_device *drm,
					      struct dma_buf *dmabuf)
{
	struct drm_gem_object *gem;

	/* This device reaches no memory but its own. */
	if (dmabuf->ops != &softaccel_dmabuf_ops)
		return ERR_PTR(-EOPNOTSUPP);

	gem = dmabuf->priv;
	if (gem->dev != drm)
		return ERR_PTR(-EOPNOTSUPP);

	/*
	 * It has handles that stand for another dma-buf of it. The DRM core,
	 * which holds object_name_lock here, would take that for a bug.
	 */
	if (gem->dma_buf && gem->dma_buf != dmabuf)
		return ERR_PTR(-EBUSY);

	drm_gem_object_get(gem);
	return gem;
}

/* Importers get @refusal from now on, and have stopped when this returns. */
static void softaccel_dmabuf_revoke(struct dma_buf *dmabuf, int refusal)
{
	struct softaccel_object *obj = softaccel_dmabuf_object(dmabuf);

	dma_resv_lock(dmabuf->resv, NULL);
	obj->refusal = refusal;
	atomic64_add(list_count_nodes(&dmabuf->attachments),
		     &softaccel_revokes);
	softaccel_dmabuf_notify(dmabuf);
	dma_resv_wait_timeout(dmabuf->resv, DMA_RESV_USAGE_BOOKKEEP, false,
			      MAX_SCHEDULE_TIMEOUT);
	dma_resv_unlock(dmabuf->resv);
}

/**
 * softaccel_prime_revoke_all - take device memory back from all importers
 * @sdev: the device
 * @refusal: what they get instead: -ENODEV, the device being unplugged, so that
 *	no export begins any more; or -EAGAIN until softaccel_prime_resume_all()
 *
 * Context: @sdev->exports_lock held, so no dma-buf comes or goes: exporting
 * waits, as does the last dma_buf_put(). May sleep; waits for importers that
 * are still stopping.
 */
void softaccel_prime_revoke_all(struct softaccel_device *sdev, int refusal)
{
	struct dma_buf *dmabuf;
	unsigned long index;

	/* One that is being released is here yet, and has no importers. */
	lockdep_assert_held(&sdev->exports_lock);
	xa_for_each(&sdev->exports, index, dmabuf)
		softaccel_dmabuf_revoke(dmabuf, refusal);
}

/**
 * softaccel_prime_resume_all - give device memory to importers again
 * @sdev: the device
 *
 * Context: @sdev->exports_lock held since softaccel_prime_revoke_all(). May
 * sleep.
 */
void softaccel_prime_resume_all(struct softaccel_device *sdev)
{
	struct dma_buf *dmabuf;
	unsigned long index;

	lockdep_assert_held(&sdev->exports_lock);
	xa_for_each(&sdev->exports, index, dmabuf) {
		dma_resv_lock(dmabuf->resv, NULL);
		softaccel_dmabuf_object(dmabuf)->refusal = 0;
		dma_resv_unlock(dmabuf->resv);
	}
}
