// SPDX-License-Identifier: GPL-2.0-only
/*
 * softaccel: a simulated accelerator. This file binds the DRM driver to the
 * PCI device whose BAR is the accelerator's memory.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_ioctl.h>

#include "softaccel.h"
#include "softaccel_compat.h"

#define SOFTACCEL_BAR 2

static bool softaccel_accel;
module_param_named(accel, softaccel_accel, bool, 0444);
MODULE_PARM_DESC(accel, "Make an accel node instead of a render node (default: no)");

static int softaccel_ioctl_info(struct drm_device *drm, void *data,
				struct drm_file *file)
{
	struct softaccel_device *sdev = to_softaccel(drm);
	struct softaccel_info *info = data;

	mutex_lock(&sdev->memory_lock);
	info->memory_used = sdev->used;
	mutex_unlock(&sdev->memory_lock);

	down_read(&sdev->reset_lock);
	info->resets = sdev->resets;
	up_read(&sdev->reset_lock);

	info->memory_size = sdev->size;
	info->cpu_faults = atomic64_read(&sdev->cpu_faults);
	info->exports = atomic64_read(&sdev->export_count);
	info->attaches = atomic64_read(&sdev->attaches);
	info->vmaps = atomic64_read(&sdev->vmaps);
	info->revokes = atomic64_read(&softaccel_revokes);
	return 0;
}

static const struct drm_ioctl_desc softaccel_ioctls[] = {
	DRM_IOCTL_DEF_DRV(SOFTACCEL_INFO, softaccel_ioctl_info,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_ALLOC, softaccel_ioctl_alloc,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_FILL, softaccel_ioctl_fill,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_CHECKSUM, softaccel_ioctl_checksum,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_ADD, softaccel_ioctl_add,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_DOORBELL, softaccel_ioctl_doorbell,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_MMAP_OFFSET, softaccel_ioctl_mmap_offset,
			  DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(SOFTACCEL_RESET, softaccel_ioctl_reset,
			  DRM_RENDER_ALLOW | DRM_ROOT_ONLY),
};

static const struct file_operations softaccel_render_fops = {
	.owner = THIS_MODULE,
	DRM_GEM_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct file_operations softaccel_accel_fops = {
	.owner = THIS_MODULE,
	DRM_ACCEL_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

#define SOFTACCEL_DRIVER_COMMON \
	.name = SOFTACCEL_DRIVER_NAME, \
	.desc = "simulated accelerator", \
	.major = 1, \
	.ioctls = softaccel_ioctls, \
	.num_ioctls = ARRAY_SIZE(softaccel_ioctls), \
	.gem_prime_import = softaccel_prime_import, \
	.show_fdinfo = drm_show_memory_stats

static const struct drm_driver softaccel_render_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.fops = &softaccel_render_fops,
	SOFTACCEL_DRIVER_COMMON,
};

static const struct drm_driver softaccel_accel_driver = {
	.driver_features = DRIVER_GEM | DRIVER_COMPUTE_ACCEL,
	.fops = &softaccel_accel_fops,
	SOFTACCEL_DRIVER_COMMON,
};

static int softaccel_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct softaccel_device *sdev;
	int ret;

	sdev = devm_drm_dev_alloc(&pdev->dev,
				  softaccel_accel ? &softaccel_accel_driver :
						    &softaccel_render_driver,
				  struct softaccel_device, drm);
	if (IS_ERR(sdev))
		return PTR_ERR(sdev);

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	if (!(pci_resource_flags(pdev, SOFTACCEL_BAR) & IORESOURCE_MEM))
		return dev_err_probe(&pdev->dev, -ENODEV,
				     "BAR %d is no memory\n", SOFTACCEL_BAR);

	ret = pcim_request_region(pdev, SOFTACCEL_BAR, SOFTACCEL_DRIVER_NAME);
	if (ret)
		return ret;

	ret = softaccel_memory_init(sdev,
				    pci_resource_start(pdev, SOFTACCEL_BAR),
				    pci_resource_len(pdev, SOFTACCEL_BAR));
	if (ret)
		return ret;

	ret = softaccel_prime_init(sdev);
	if (ret)
		return ret;

	pci_set_drvdata(pdev, sdev);
	return drm_dev_register(&sdev->drm, 0);
}

static void softaccel_remove(struct pci_dev *pdev)
{
	struct softaccel_device *sdev = pci_get_drvdata(pdev);

	/*
	 * From the first call on nothing new begins, what was begun has ended,
	 * and no CPU mapping is left; then the importers have to let go.
	 */
	drm_dev_unplug(&sdev->drm);

	mutex_lock(&sdev->exports_lock);
	softaccel_prime_revoke_all(sdev, -ENODEV);
	mutex_unlock(&sdev->exports_lock);
}

static const struct pci_device_id softaccel_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_REDHAT_QUMRANET, 0x1110) }, /* ivshmem */
	{ }
};
MODULE_DEVICE_TABLE(pci, softaccel_ids);

static struct pci_driver softaccel_pci_driver = {
	.name = SOFTACCEL_DRIVER_NAME,
	.id_table = softaccel_ids,
	.probe = softaccel_probe,
	.remove = softaccel_remove,
};
module_pci_driver(softaccel_pci_driver);

MODULE_DESCRIPTION("Simulated accelerator over the BAR of a virtual PCI device");
MODULE_LICENSE("GPL");
SOFTACCEL_IMPORT_DMA_BUF();
