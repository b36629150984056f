/* SPDX-License-Identifier: GPL-2.0-only */
/* Internals of softaccel. */
#ifndef SOFTACCEL_H
#define SOFTACCEL_H

#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_mm.h>

#include "softaccel_drm.h"

/*
 * Locks, outermost first. mmap_lock, the DRM core's locks and the device's
 * unplug section (drm_dev_enter) are taken before any of them.
 *
 *	reset_lock
 *		exports_lock
 *			a dma-buf's reservation lock
 *	reset_lock
 *		memory_lock
 */

/**
 * struct softaccel_device - one bound PCI device
 * @drm: base; all of this lives until its last reference is gone, which may be
 *	long after the device was unbound
 * @start: physical address of the memory BAR
 * @size: its bytes
 * @io: its write-combining mapping, for device work and for importers' vmap.
 *	Mapped until the last reference of @drm is gone, for importers may still
 *	look at it when the device is unbound.
 * @reset_lock: read by whoever touches memory, for a page of device work or to
 *	serve a page fault; written by a reset, from its beginning to its end
 * @resets: counter, see struct softaccel_info; protected by @reset_lock
 * @memory_lock: protects @mm and @used
 * @mm: which parts of the memory are in use
 * @used: how many bytes are
 * @exports_lock: protects @exports, and keeps the dma-bufs in it from being
 *	freed
 * @exports: the living dma-bufs of this device, each at its own address. No
 *	reference is held.
 * @cpu_faults: counter, see struct softaccel_info
 * @export_count: likewise
 * @attaches: likewise
 * @vmaps: likewise
 */
struct softaccel_device {
	struct drm_device drm;
	phys_addr_t start;
	u64 size;
	void __iomem *io;
	struct rw_semaphore reset_lock; /* resets */
	u64 resets;
	struct mutex memory_lock; /* mm, used */
	struct drm_mm mm;
	u64 used;
	struct mutex exports_lock; /* exports */
	struct xarray exports;
	atomic64_t cpu_faults;
	atomic64_t export_count;
	atomic64_t attaches;
	atomic64_t vmaps;
};

/**
 * struct softaccel_object - a buffer in device memory
 * @gem: base
 * @node: its place in the memory, fixed for its lifetime
 * @refusal: what importers get instead of the memory: 0, -EAGAIN while the
 *	device is reset, or -ENODEV. Protected by the reservation lock.
 */
struct softaccel_object {
	struct drm_gem_object gem;
	struct drm_mm_node node;
	int refusal;
};

static inline struct softaccel_device *to_softaccel(struct drm_device *drm)
{
	return container_of(drm, struct softaccel_device, drm);
}

static inline struct softaccel_object *
to_softaccel_object(struct drm_gem_object *gem)
{
	return container_of(gem, struct softaccel_object, gem);
}

static inline phys_addr_t softaccel_object_phys(struct softaccel_object *obj)
{
	return to_softaccel(obj->gem.dev)->start + obj->node.start;
}

static inline void __iomem *softaccel_object_io(struct softaccel_object *obj)
{
	return to_softaccel(obj->gem.dev)->io + obj->node.start;
}

/* softaccel_gem.c */
int softaccel_memory_init(struct softaccel_device *sdev, phys_addr_t start,
			  u64 size);
void softaccel_memory_clear(struct softaccel_device *sdev);
int softaccel_ioctl_alloc(struct drm_device *drm, void *data,
			  struct drm_file *file);

/* softaccel_prime.c */
extern atomic64_t softaccel_revokes;
int softaccel_prime_init(struct softaccel_device *sdev);
struct dma_buf *softaccel_prime_export(struct drm_gem_object *gem, int flags);
struct drm_gem_object *softaccel_prime_import(struct drm_device *drm,
					      struct dma_buf *dmabuf);
void softaccel_prime_revoke_all(struct softaccel_device *sdev, int refusal);
void softaccel_prime_resume_all(struct softaccel_device *sdev);

/* softaccel_reset.c */
int softaccel_ioctl_reset(struct drm_device *drm, void *data,
			  struct drm_file *file);

/* softaccel_work.c */
int softaccel_work_clear(struct softaccel_object *obj);
int softaccel_ioctl_fill(struct drm_device *drm, void *data,
			 struct drm_file *file);
int softaccel_ioctl_checksum(struct drm_device *drm, void *data,
			     struct drm_file *file);
int softaccel_ioctl_add(struct drm_device *drm, void *data,
			struct drm_file *file);

#endif
