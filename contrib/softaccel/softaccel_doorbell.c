// SPDX-License-Identifier: GPL-2.0-only
/*
 * Doorbells: pages of the BAR that are no memory. They are mapped through a
 * file of their own, so whoever looks for a GEM object behind an offset of the
 * DRM node finds none. Inside they are objects like buffers, which makes them
 * dma-bufs like buffers, taken back on the same occasions.
 */
#include <linux/anon_inodes.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>

#include "softaccel.h"

#define SOFTACCEL_DOORBELL_SIZE (4 * PAGE_SIZE)

static const struct vm_operations_struct softaccel_doorbell_vm_ops = {
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
	.fault = softaccel_gem_fault,
};

/**
 * softaccel_doorbell_get - what is exported of a mapping of doorbells
 * @vma: any VMA
 *
 * Context: mmap_lock held; neither sleeps nor allocates.
 * Return: the doorbells, with a reference, for softaccel_prime_export() while
 *	@vma's file is held; NULL if @vma maps something else.
 */
struct drm_gem_object *softaccel_doorbell_get(struct vm_area_struct *vma)
{
	struct drm_gem_object *gem = vma->vm_private_data;

	if (vma->vm_ops != &softaccel_doorbell_vm_ops)
		return NULL;

	drm_gem_object_get(gem);
	return gem;
}
EXPORT_SYMBOL_GPL(softaccel_doorbell_get);

static int softaccel_doorbell_mmap(struct file *file,
				   struct vm_area_struct *vma)
{
	struct drm_gem_object *gem = file->private_data;
	unsigned long pages = gem->size >> PAGE_SHIFT;
	int ret;

	if (vma->vm_pgoff > pages || vma_pages(vma) > pages - vma->vm_pgoff)
		return -EINVAL;

	ret = softaccel_gem_mmap(gem, vma);
	if (ret)
		return ret;

	drm_gem_object_get(gem);
	vma->vm_private_data = gem;
	vma->vm_ops = &softaccel_doorbell_vm_ops;
	return 0;
}

static ssize_t softaccel_doorbell_read(struct file *file, char __user *data,
				       size_t length, loff_t *pos)
{
	struct drm_gem_object *gem = file->private_data;
	u64 word;
	int ret;

	if (length != sizeof(word) || !IS_ALIGNED(*pos, sizeof(word)) ||
	    *pos < 0 || *pos >= gem->size)
		return -EINVAL;

	ret = softaccel_work_read_word(to_softaccel_object(gem), *pos, &word);
	if (ret)
		return ret;

	return copy_to_user(data, &word, sizeof(word)) ? -EFAULT : sizeof(word);
}

static int softaccel_doorbell_release(struct inode *inode, struct file *file)
{
	struct drm_gem_object *gem = file->private_data;
	struct drm_device *drm = gem->dev;

	drm_gem_object_put(gem);
	drm_dev_put(drm);
	return 0;
}

static const struct file_operations softaccel_doorbell_fops = {
	.owner = THIS_MODULE,
	.mmap = softaccel_doorbell_mmap,
	.read = softaccel_doorbell_read,
	.release = softaccel_doorbell_release,
};

static struct file *softaccel_doorbell_file(struct softaccel_object *obj)
{
	struct drm_device *drm = obj->gem.dev;
	struct file *file;

	file = anon_inode_getfile("[softaccel-doorbell]",
				  &softaccel_doorbell_fops, &obj->gem, O_RDWR);
	if (IS_ERR(file))
		return file;

	drm_gem_object_get(&obj->gem);
	drm_dev_get(drm);
	/* What unplugging and a reset empty. */
	file->f_mapping = drm->anon_inode->i_mapping;
	file->f_mode |= FMODE_PREAD;
	return file;
}

int softaccel_ioctl_doorbell(struct drm_device *drm, void *data,
			     struct drm_file *unused)
{
	struct softaccel_doorbell *args = data;
	struct softaccel_object *obj;
	struct file *file;

	if (args->flags)
		return -EINVAL;

	args->fd = get_unused_fd_flags(O_CLOEXEC);
	if (args->fd < 0)
		return args->fd;

	obj = softaccel_object_create(to_softaccel(drm),
				      SOFTACCEL_DOORBELL_SIZE, true);
	file = IS_ERR(obj) ? ERR_CAST(obj) : softaccel_doorbell_file(obj);
	if (!IS_ERR(obj)) {
		args->size = obj->gem.size;
		args->bar_offset = obj->node.start;
		drm_gem_object_put(&obj->gem);
	}
	if (IS_ERR(file)) {
		put_unused_fd(args->fd);
		return PTR_ERR(file);
	}

	fd_install(args->fd, file);
	return 0;
}
