// SPDX-License-Identifier: GPL-2.0-only
/*
 * A reset of the accelerator: everything in its memory is lost, at a moment
 * when nobody looks at it. Device work is between two pages, page faults wait,
 * CPU mappings are empty, and importers have let go.
 */
#include <linux/fs.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>

#include "softaccel.h"

static void softaccel_reset(struct softaccel_device *sdev)
{
	lockdep_assert_held_write(&sdev->reset_lock);

	sdev->resets++;
	unmap_mapping_range(sdev->drm.anon_inode->i_mapping, 0, 0, 1);

	mutex_lock(&sdev->exports_lock);
	softaccel_prime_revoke_all(sdev, -EAGAIN);
	softaccel_memory_clear(sdev);
	softaccel_prime_resume_all(sdev);
	mutex_unlock(&sdev->exports_lock);
}

int softaccel_ioctl_reset(struct drm_device *drm, void *data,
			  struct drm_file *file)
{
	struct softaccel_device *sdev = to_softaccel(drm);
	int idx, ret;

	/* Unbinding waits, so it is never undone by the end of a reset. */
	if (!drm_dev_enter(drm, &idx))
		return -ENODEV;

	ret = down_write_killable(&sdev->reset_lock);
	if (!ret) {
		softaccel_reset(sdev);
		up_write(&sdev->reset_lock);
	}
	drm_dev_exit(idx);
	return ret;
}
