// SPDX-License-Identifier: GPL-2.0-only
/* softaccel's memory: buffers in the BAR and their CPU mappings. */
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_vma_manager.h>

#include "softaccel.h"

static void softaccel_memory_fini(struct drm_device *drm, void *unused)
{
	struct softaccel_device *sdev = to_softaccel(drm);

	drm_mm_takedown(&sdev->mm);
	iounmap(sdev->doorbells);
	iounmap(sdev->io);
}

/* Let @sdev manage the BAR, @size bytes at @start, until it is released. */
int softaccel_memory_init(struct softaccel_device *sdev, phys_addr_t start,
			  u64 size)
{
	int ret;

	if (size <= SOFTACCEL_APERTURE)
		return -ENODEV;

	init_rwsem(&sdev->reset_lock);
	ret = drmm_mutex_init(&sdev->drm, &sdev->memory_lock);
	if (ret)
		return ret;

	sdev->start = start;
	sdev->size = size - SOFTACCEL_APERTURE;
	sdev->io = ioremap_wc(start, sdev->size);
	if (!sdev->io)
		return -ENOMEM;

	sdev->doorbells = ioremap(start + sdev->size, SOFTACCEL_APERTURE);
	if (!sdev->doorbells) {
		iounmap(sdev->io);
		return -ENOMEM;
	}

	drm_mm_init(&sdev->mm, 0, size);
	return drmm_add_action_or_reset(&sdev->drm, softaccel_memory_fini,
					NULL);
}

static int softaccel_memory_take(struct softaccel_device *sdev,
				 struct softaccel_object *obj, bool doorbell)
{
	u64 end = sdev->size + SOFTACCEL_APERTURE;
	int ret;

	mutex_lock(&sdev->memory_lock);
	ret = drm_mm_insert_node_in_range(&sdev->mm, &obj->node, obj->gem.size,
					  0, 0, doorbell ? sdev->size : 0,
					  doorbell ? end : sdev->size,
					  DRM_MM_INSERT_BEST);
	if (!ret && !doorbell)
		sdev->used += obj->gem.size;
	mutex_unlock(&sdev->memory_lock);
	return ret;
}

/**
 * softaccel_memory_clear - zero all that is allocated
 * @sdev: the device, in a reset
 *
 * Context: @sdev->reset_lock held for writing; may sleep.
 */
void softaccel_memory_clear(struct softaccel_device *sdev)
{
	struct drm_mm_node *node;
	u64 offset;

	lockdep_assert_held_write(&sdev->reset_lock);
	mutex_lock(&sdev->memory_lock);
	drm_mm_for_each_node(node, &sdev->mm) {
		for (offset = 0; offset < node->size; offset += PAGE_SIZE) {
			memset_io(softaccel_io(sdev, node->start + offset), 0,
				  PAGE_SIZE);
			cond_resched();
		}
	}
	mutex_unlock(&sdev->memory_lock);

	/* Out of the write-combining buffers, before anybody looks again. */
	wmb();
}

static void softaccel_gem_free(struct drm_gem_object *gem)
{
	struct softaccel_device *sdev = to_softaccel(gem->dev);
	struct softaccel_object *obj = to_softaccel_object(gem);

	drm_gem_object_release(gem);

	mutex_lock(&sdev->memory_lock);
	if (drm_mm_node_allocated(&obj->node)) {
		if (!softaccel_object_is_doorbell(obj))
			sdev->used -= gem->size;
		drm_mm_remove_node(&obj->node);
	}
	mutex_unlock(&sdev->memory_lock);
	kfree(obj);
}

vm_fault_t softaccel_gem_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct softaccel_object *obj = to_softaccel_object(vma->vm_private_data);
	struct drm_gem_object *gem = &obj->gem;
	struct softaccel_device *sdev = to_softaccel(gem->dev);
	unsigned long pgoff = vmf->pgoff - drm_vma_node_start(&gem->vma_node);
	vm_fault_t ret;
	int idx;

	if (pgoff >= gem->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	/* Unplugging waits for this section, and then zaps what it inserted. */
	if (!drm_dev_enter(gem->dev, &idx))
		return VM_FAULT_SIGBUS;

	atomic64_inc(&sdev->cpu_faults);
	down_read(&sdev->reset_lock);
	ret = vmf_insert_pfn(vma, vmf->address,
			     PHYS_PFN(softaccel_object_phys(obj)) + pgoff);
	up_read(&sdev->reset_lock);
	drm_dev_exit(idx);
	return ret;
}

static const struct vm_operations_struct softaccel_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = softaccel_gem_fault,
};

int softaccel_gem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma)
{
	pgprot_t prot;

	if (drm_dev_is_unplugged(gem->dev))
		return -ENODEV;

	/* A private copy would be made of pages, and there are none. */
	if (is_cow_mapping(vma->vm_flags))
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	prot = vm_get_page_prot(vma->vm_flags);
	prot = softaccel_object_is_doorbell(to_softaccel_object(gem)) ?
	       pgprot_noncached(prot) : pgprot_writecombine(prot);
	vma->vm_page_prot = pgprot_decrypted(prot);
	return 0;
}

static const struct drm_gem_object_funcs softaccel_gem_funcs = {
	.free = softaccel_gem_free,
	.export = softaccel_prime_export,
	.mmap = softaccel_gem_mmap,
	.vm_ops = &softaccel_vm_ops,
};

/* An object of @size bytes, whole pages, in its part of the BAR, zeroed. */
struct softaccel_object *
softaccel_object_create(struct softaccel_device *sdev, size_t size,
			bool doorbell)
{
	struct softaccel_object *obj;
	int ret;

	obj = kzalloc(sizeof(*obj), GFP_KERNEL);
	if (!obj)
		return ERR_PTR(-ENOMEM);

	obj->gem.funcs = &softaccel_gem_funcs;
	drm_gem_private_object_init(&sdev->drm, &obj->gem, size);

	ret = softaccel_memory_take(sdev, obj, doorbell);
	if (ret)
		goto err_put;

	/* Through the DRM node there is no way to a doorbell. */
	if (!doorbell)
		ret = drm_gem_create_mmap_offset(&obj->gem);
	if (ret)
		goto err_put;

	/* What another user left there is not for this one to see. */
	ret = softaccel_work_clear(obj);
	if (ret)
		goto err_put;

	return obj;

err_put:
	drm_gem_object_put(&obj->gem);
	return ERR_PTR(ret);
}

int softaccel_ioctl_alloc(struct drm_device *drm, void *data,
			  struct drm_file *file)
{
	struct softaccel_device *sdev = to_softaccel(drm);
	struct softaccel_alloc *args = data;
	struct softaccel_object *obj;
	int ret;

	if (!args->size || args->flags)
		return -EINVAL;

	if (args->size > sdev->size)
		return -ENOSPC;

	obj = softaccel_object_create(sdev, PAGE_ALIGN(args->size), false);
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	ret = drm_gem_handle_create(file, &obj->gem, &args->handle);
	if (!ret) {
		args->size = obj->gem.size;
		args->mmap_offset = drm_vma_node_offset_addr(&obj->gem.vma_node);
		args->bar_offset = obj->node.start;
	}

	/* The handle has a reference of its own. */
	drm_gem_object_put(&obj->gem);
	return ret;
}

/* By no other way can a program tell which of its handles is mapped where. */
int softaccel_ioctl_mmap_offset(struct drm_device *drm, void *data,
				struct drm_file *file)
{
	struct softaccel_mmap_offset *args = data;
	struct drm_gem_object *gem;

	if (args->pad)
		return -EINVAL;

	gem = drm_gem_object_lookup(file, args->handle);
	if (!gem)
		return -ENOENT;

	args->offset = drm_vma_node_offset_addr(&gem->vma_node);
	drm_gem_object_put(gem);
	return 0;
}
