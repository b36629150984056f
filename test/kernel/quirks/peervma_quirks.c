// SPDX-License-Identifier: GPL-2.0-only
/*
 * A DRM driver whose objects are odd, see quirks_drm.h.
 */
#include <linux/device.h>
#include <linux/dma-buf.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/drm_prime.h>
#include <drm/drm_vma_manager.h>

#include "quirks_drm.h"

struct quirks_object {
	struct drm_gem_object gem;
	enum quirk quirk;
};

static struct quirks_object *to_quirks(struct drm_gem_object *gem)
{
	return container_of(gem, struct quirks_object, gem);
}

static vm_fault_t quirks_fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct quirks_gem_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = quirks_fault,
};

static const struct vm_operations_struct quirks_dmabuf_vm_ops = {
	.fault = quirks_fault,
};

static int quirks_dmabuf_mmap(struct dma_buf *dmabuf,
			      struct vm_area_struct *vma)
{
	struct quirks_object *obj = to_quirks(dmabuf->priv);

	vma->vm_ops = &quirks_dmabuf_vm_ops;
	switch (obj->quirk) {
	case QUIRK_FAKE_OFFSET:
		vma->vm_pgoff += drm_vma_node_start(&obj->gem.vma_node);
		break;
	case QUIRK_ODD_OFFSET:
		vma->vm_pgoff += 12345678;
		break;
	case QUIRK_GROWING:
		return 0;
	default:
		break;
	}
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static struct sg_table *quirks_dmabuf_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void quirks_dmabuf_unmap(struct dma_buf_attachment *attach,
				struct sg_table *sgt,
				enum dma_data_direction dir)
{
}

static const struct dma_buf_ops quirks_dmabuf_ops = {
	.map_dma_buf = quirks_dmabuf_map,
	.unmap_dma_buf = quirks_dmabuf_unmap,
	.mmap = quirks_dmabuf_mmap,
	.release = drm_gem_dmabuf_release,
};

static struct dma_buf *quirks_export(struct drm_gem_object *gem, int flags)
{
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = &quirks_dmabuf_ops,
		.size = gem->size,
		.flags = flags,
		.priv = gem,
		.resv = gem->resv,
	};

	if (to_quirks(gem)->quirk == QUIRK_EXPORT_FAILS)
		return ERR_PTR(-EIO);
	if (to_quirks(gem)->quirk == QUIRK_SHORT_DMABUF)
		info.size = PAGE_SIZE;
	return drm_gem_dmabuf_export(gem->dev, &info);
}

static int quirks_open(struct drm_gem_object *gem, struct drm_file *file)
{
	/* This handle is counted already. */
	if (to_quirks(gem)->quirk == QUIRK_ONE_HANDLE && gem->handle_count > 1)
		return -EPERM;
	return 0;
}

static int quirks_gem_mmap(struct drm_gem_object *gem,
			   struct vm_area_struct *vma)
{
	if (to_quirks(gem)->quirk == QUIRK_NODE_PLAIN_OFFSET)
		vma->vm_pgoff -= drm_vma_node_start(&gem->vma_node);
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	return 0;
}

static void quirks_free(struct drm_gem_object *gem)
{
	drm_gem_object_release(gem);
	kfree(to_quirks(gem));
}

static const struct drm_gem_object_funcs quirks_funcs = {
	.free = quirks_free,
	.open = quirks_open,
	.export = quirks_export,
	.mmap = quirks_gem_mmap,
	.vm_ops = &quirks_gem_vm_ops,
};

static const struct drm_gem_object_funcs quirks_no_prime_funcs = {
	.free = quirks_free,
	.mmap = quirks_gem_mmap,
	.vm_ops = &quirks_gem_vm_ops,
};

static int quirks_mmap_offset(struct quirks_object *obj)
{
	size_t size = obj->gem.size;

	if (obj->quirk == QUIRK_NODE_LONGER)
		size += PAGE_SIZE;
	return drm_gem_create_mmap_offset_size(&obj->gem, size);
}

static int quirks_ioctl_alloc(struct drm_device *drm, void *data,
			      struct drm_file *file)
{
	struct quirks_alloc *args = data;
	struct quirks_object *obj;
	int ret;

	if (!args->size || !PAGE_ALIGNED(args->size))
		return -EINVAL;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	if (!obj)
		return -ENOMEM;

	obj->quirk = args->quirk;
	obj->gem.funcs = obj->quirk == QUIRK_NO_PRIME ?
			 &quirks_no_prime_funcs : &quirks_funcs;
	drm_gem_private_object_init(drm, &obj->gem, args->size);
	ret = quirks_mmap_offset(obj);
	if (!ret)
		ret = drm_gem_handle_create(file, &obj->gem, &args->handle);
	args->mmap_offset = drm_vma_node_offset_addr(&obj->gem.vma_node);
	drm_gem_object_put(&obj->gem);
	return ret;
}

static int quirks_mmap(struct file *file, struct vm_area_struct *vma)
{
	return drm_gem_mmap(file, vma);
}

static const struct drm_ioctl_desc quirks_ioctls[] = {
	DRM_IOCTL_DEF_DRV(QUIRKS_ALLOC, quirks_ioctl_alloc, DRM_RENDER_ALLOW),
};

DEFINE_DRM_GEM_FOPS(quirks_gem_fops);

static const struct file_operations quirks_mmap_fops = {
	.owner = THIS_MODULE,
	.open = drm_open,
	.release = drm_release,
	.unlocked_ioctl = drm_ioctl,
	.mmap = quirks_mmap,
	.fop_flags = FOP_UNSIGNED_OFFSET,
};

#define QUIRKS_DRIVER_COMMON \
	.driver_features = DRIVER_GEM | DRIVER_RENDER, \
	.desc = "DRM objects with quirks", \
	.ioctls = quirks_ioctls, \
	.num_ioctls = ARRAY_SIZE(quirks_ioctls)

static const struct drm_driver quirks_drivers[] = {
	{
		QUIRKS_DRIVER_COMMON,
		.name = QUIRKS_DRIVER_NAME,
		.fops = &quirks_gem_fops,
	}, {
		QUIRKS_DRIVER_COMMON,
		.name = QUIRKS_MMAP_DRIVER_NAME,
		.fops = &quirks_mmap_fops,
	},
};

static struct {
	struct device *parent;
	struct drm_device *drm;
} quirks[ARRAY_SIZE(quirks_drivers)];

static void quirks_remove(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(quirks) && quirks[i].drm; i++) {
		drm_dev_unplug(quirks[i].drm);
		drm_dev_put(quirks[i].drm);
		root_device_unregister(quirks[i].parent);
	}
}

static int quirks_add(size_t i)
{
	const struct drm_driver *driver = &quirks_drivers[i];
	struct device *parent = root_device_register(driver->name);
	struct drm_device *drm;
	int ret;

	if (IS_ERR(parent))
		return PTR_ERR(parent);

	drm = drm_dev_alloc(driver, parent);
	if (IS_ERR(drm)) {
		ret = PTR_ERR(drm);
		goto err_parent;
	}
	ret = drm_dev_register(drm, 0);
	if (ret)
		goto err_drm;

	quirks[i].parent = parent;
	quirks[i].drm = drm;
	return 0;

err_drm:
	drm_dev_put(drm);
err_parent:
	root_device_unregister(parent);
	return ret;
}

static int __init quirks_init(void)
{
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(quirks); i++) {
		ret = quirks_add(i);
		if (ret) {
			quirks_remove();
			return ret;
		}
	}
	return 0;
}
module_init(quirks_init);
module_exit(quirks_remove);

MODULE_DESCRIPTION("DRM objects with quirks, to test peervma.ko");
MODULE_LICENSE("GPL");
/* As MODULE_IMPORT_NS(), whose argument is a token or a string by kernel. */
MODULE_INFO(import_ns, "DMA_BUF");
