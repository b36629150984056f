// SPDX-License-Identifier: GPL-2.0-only
/*
 * VMAs made by mmap of a DRM render, card or accel node: the PRIME export of
 * the GEM object that is mapped.
 */
#include <linux/dma-buf.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include <drm/drm_accel.h>
#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include "internal.h"

/**
 * peervma_drm_dmabuf_describe() - what only DRM knows of its dma-bufs
 * @dmabuf: any dma-buf
 * @pci: gets the PCI device of a GEM object's dma-buf
 *
 * Return: the page at which the fake offsets of the GEM object behind @dmabuf
 *	begin; zero if it has none, or is not known to be a GEM object.
 */
u64 peervma_drm_dmabuf_describe(const struct dma_buf *dmabuf,
				struct peervma_pci *pci)
{
	struct drm_gem_object *obj = dmabuf->priv;

	/* Both of DRM's own callbacks take priv for a GEM object. */
	if (dmabuf->ops->mmap != drm_gem_dmabuf_mmap &&
	    dmabuf->ops->release != drm_gem_dmabuf_release)
		return 0;
	peervma_pci_set(pci, obj->dev->dev);
	return drm_vma_node_start(&obj->vma_node);
}

static struct drm_file *peervma_drm_file(const struct file *file)
{
	return file->private_data;
}

static bool peervma_drm_match(struct vm_area_struct *vma)
{
	const struct inode *inode = file_inode(vma->vm_file);

	return S_ISCHR(inode->i_mode) && (imajor(inode) == DRM_MAJOR ||
					  imajor(inode) == ACCEL_MAJOR);
}

/*
 * The object mapped, with a reference, or NULL with a reason. The VMA's own
 * reference need not be the GEM object's: TTM's is one of its own.
 */
static struct drm_gem_object *
peervma_drm_object_get(struct vm_area_struct *vma,
		       struct drm_device *dev, enum peervma_reason *reason)
{
	struct drm_vma_offset_manager *mgr = dev->vma_offset_manager;
	struct drm_gem_object *obj = NULL;
	struct drm_vma_offset_node *node;

	*reason = PEERVMA_REASON_NOT_GEM;
	drm_vma_offset_lock_lookup(mgr);
	node = drm_vma_offset_lookup_locked(mgr, vma->vm_pgoff,
					    vma_pages(vma));
	if (node) {
		obj = container_of(node, struct drm_gem_object, vma_node);
		if (!kref_get_unless_zero(&obj->refcount)) {
			*reason = PEERVMA_REASON_REVOKED;
			obj = NULL;
		}
	}
	drm_vma_offset_unlock_lookup(mgr);
	return obj;
}

/* A dma-buf that no importer could map is none. */
static bool peervma_drm_has_prime(const struct drm_gem_object *obj)
{
	return obj->import_attach || obj->funcs->export ||
	       obj->funcs->get_sg_table;
}

static enum peervma_reason
peervma_drm_refusal(struct vm_area_struct *vma,
		    struct drm_gem_object *obj,
		    const struct peervma_object *object)
{
	if (!drm_vma_node_is_allowed(&obj->vma_node,
				     peervma_drm_file(vma->vm_file)))
		return PEERVMA_REASON_NOT_ALLOWED;
	if (!peervma_drm_has_prime(obj))
		return PEERVMA_REASON_NO_PRIME;
	if (object->offset + (vma->vm_end - vma->vm_start) > object->size)
		return PEERVMA_REASON_BEYOND_OBJECT;
	return PEERVMA_REASON_NONE;
}

static void peervma_drm_hold(struct vm_area_struct *vma,
			     struct peervma_object *object)
{
	struct drm_gem_object *obj;
	struct drm_device *dev;

	/* Else private_data or the offsets may be of the driver's own making. */
	if (vma->vm_file->f_op->mmap != drm_gem_mmap) {
		object->reason = PEERVMA_REASON_NOT_GEM;
		return;
	}
	dev = peervma_drm_file(vma->vm_file)->minor->dev;
	peervma_pci_set(&object->pci, dev->dev);
	if (drm_dev_is_unplugged(dev)) {
		object->reason = PEERVMA_REASON_REVOKED;
		return;
	}
	obj = peervma_drm_object_get(vma, dev, &object->reason);
	if (!obj)
		return;
	object->priv = obj;
	object->size = obj->size;
	object->offset = (u64)(vma->vm_pgoff -
			       drm_vma_node_start(&obj->vma_node)) << PAGE_SHIFT;
	object->reason = peervma_drm_refusal(vma, obj, object);
}

/* The dma-buf that an object has already, with a reference, or NULL. */
static struct dma_buf *peervma_drm_dmabuf_get(struct drm_gem_object *obj)
{
	struct dma_buf *dmabuf;

	mutex_lock(&obj->dev->object_name_lock);
	dmabuf = obj->import_attach ? obj->import_attach->dmabuf : obj->dma_buf;
	if (dmabuf)
		get_dma_buf(dmabuf);
	mutex_unlock(&obj->dev->object_name_lock);
	return dmabuf;
}

/*
 * DRM exports by handle, so the object gets one more in its file, for the time
 * of the call. Another thread may guess it, close it and have it given to
 * another object meanwhile: what comes back is looked at.
 */
static struct dma_buf *
peervma_drm_prime_export(struct peervma_object *object,
			 struct drm_gem_object *obj)
{
	struct drm_file *priv = peervma_drm_file(object->file);
	struct dma_buf *dmabuf, *known;
	u32 handle;
	int ret;

	ret = drm_gem_handle_create(priv, obj, &handle);
	if (ret)
		return ERR_PTR(ret);
	dmabuf = drm_gem_prime_handle_to_dmabuf(obj->dev, priv, handle,
						DRM_CLOEXEC | DRM_RDWR);
	known = peervma_drm_dmabuf_get(obj);
	drm_gem_handle_delete(priv, handle);
	if (!IS_ERR(dmabuf) && dmabuf != known) {
		dma_buf_put(dmabuf);
		object->reason = PEERVMA_REASON_REVOKED;
		dmabuf = ERR_PTR(-ESTALE);
	}
	if (known)
		dma_buf_put(known);
	return dmabuf;
}

static struct dma_buf *peervma_drm_export(struct peervma_object *object)
{
	struct drm_gem_object *obj = object->priv;
	struct dma_buf *dmabuf;
	int idx;

	might_lock(&obj->dev->object_name_lock);
	if (!drm_dev_enter(obj->dev, &idx)) {
		object->reason = PEERVMA_REASON_REVOKED;
		return ERR_PTR(-ESTALE);
	}
	/*
	 * Once exported, an object keeps its dma-buf while it has a handle: no
	 * new one is needed, which an importer could take for the object's own.
	 */
	dmabuf = peervma_drm_dmabuf_get(obj);
	if (!dmabuf)
		dmabuf = peervma_drm_prime_export(object, obj);
	drm_dev_exit(idx);
	return dmabuf;
}

static void peervma_drm_release(struct peervma_object *object)
{
	drm_gem_object_put(object->priv);
}

const struct peervma_exporter peervma_drm_exporter = {
	.kind = PEERVMA_VMA_DRM,
	.match = peervma_drm_match,
	.hold = peervma_drm_hold,
	.export = peervma_drm_export,
	.release = peervma_drm_release,
};
