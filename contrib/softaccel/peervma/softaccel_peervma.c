// SPDX-License-Identifier: GPL-2.0-only
/*
 * softaccel's consent: mappings of its doorbells may be exported by their
 * address. A module of its own, so that softaccel works without peervma.ko, and
 * the sample of what a driver has to write for that.
 *
 * The promise to revoke is kept by softaccel: by unbinding, a reset and the
 * removal of the device, also after this module is gone. What is exported keeps
 * softaccel loaded, not this.
 */
#include <linux/module.h>
#include <linux/peervma-exporter.h>

#include <drm/drm.h>
#include <drm/drm_device.h>
#include <drm/drm_gem.h>

#include "softaccel_doorbell.h"

static bool softaccel_peervma_match(struct vm_area_struct *vma,
				    struct peervma_mapping *mapping)
{
	struct drm_gem_object *gem = softaccel_doorbell_get(vma);

	if (!gem)
		return false;

	mapping->size = gem->size;
	mapping->dev = gem->dev->dev;
	mapping->priv = gem;
	return true;
}

static struct dma_buf *softaccel_peervma_export(struct peervma_mapping *mapping)
{
	return softaccel_prime_export(mapping->priv, DRM_CLOEXEC | DRM_RDWR);
}

static void softaccel_peervma_release(struct peervma_mapping *mapping)
{
	drm_gem_object_put(mapping->priv);
}

static const struct peervma_exporter_ops softaccel_peervma_ops = {
	.owner = THIS_MODULE,
	.name = "softaccel",
	.flags = PEERVMA_EXPORTER_REVOKES,
	.match = softaccel_peervma_match,
	.export = softaccel_peervma_export,
	.release = softaccel_peervma_release,
};

static int __init softaccel_peervma_init(void)
{
	return peervma_register_exporter(&softaccel_peervma_ops);
}
module_init(softaccel_peervma_init);

static void __exit softaccel_peervma_exit(void)
{
	peervma_unregister_exporter(&softaccel_peervma_ops);
}
module_exit(softaccel_peervma_exit);

MODULE_DESCRIPTION("Doorbells of the simulated accelerator by their address");
MODULE_LICENSE("GPL");
