/* SPDX-License-Identifier: GPL-2.0-only */
/* Internals of softaccel. */
#ifndef SOFTACCEL_H
#define SOFTACCEL_H

#include <linux/atomic.h>
#include <linux/io.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/rwsem.h>
#include <linux/sizes.h>
#include <linux/types.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_mm.h>

#include "softaccel_doorbell.h"
#include "softaccel_drm.h"

/* The end of the BAR, where the doorbells are; the rest is memory. */
#define SOFTACCEL_APERTURE SZ_64K

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
 * @start: physical address of the BAR
 * @size: bytes of memory, at the BAR's beginning; the doorbells are behind it
 * @io: the memory's write-combining mapping, for device work and for importers'
 *	vmap. Mapped until the last reference of @drm is gone, for importers may
 *	still look at it when the device is unbound.
 * @doorbells: the doorbells' uncached mapping, likewise
 * @reset_lock: read by whoever touches memory, for a page of device work or to
 *	serve a page fault; written by a reset, from its beginning to its end
 * @resets: counter, see struct softaccel_info; protected by @reset_lock
 * @memory_lock: protects @mm and @used
 * @mm: which parts of the BAR are in use
 * @used: how many bytes of memory are
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
	void __iomem *doorbells;
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
 * struct softaccel_object - a buffer in device memory, or a doorbell
 * @gem: base
 * @node: its place in the BAR, fixed for its lifetime
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

/* The kernel's mapping of the BAR from @offset to the end of its part. */
static inline void __iomem *softaccel_io(struct softaccel_device *sdev,
					 u64 offset)
{
	if (offset < sdev->size)
		return sdev->io + offset;
	return sdev->doorbells + (offset - sdev->size);
}

static inline void __iomem *softaccel_object_io(struct softaccel_object *obj)
{
	return softaccel_io(to_softaccel(obj->gem.dev), obj->node.start);
}

static inline bool softaccel_object_is_doorbell(struct softaccel_object *obj)
{
	return obj->node.start >= to_softaccel(obj->gem.dev)->size;
}

/* softaccel_gem.c */
int softaccel_memory_init(struct softaccel_device *sdev, phys_addr_t start,
			  u64 size);
void softaccel_memory_clear(struct softaccel_device *sdev);
struct softaccel_object *
softaccel_object_create(struct softaccel_device *sdev, size_t size,
			bool doorbell);
vm_fault_t softaccel_gem_fault(struct vm_fault *vmf);
int softaccel_gem_mmap(struct drm_gem_object *gem, struct vm_area_struct *vma);
int softaccel_ioctl_alloc(struct drm_device *drm, void *data,
			  struct drm_file *file);
int softaccel_ioctl_mmap_offset(struct drm_device *drm, void *data,
				struct drm_file *file);

/* softaccel_prime.c */
extern atomic64_t softaccel_revokes;
int softaccel_prime_init(struct softaccel_device *sdev);
struct drm_gem_object *softaccel_prime_import(struct drm_device *drm,
					      struct dma_buf *dmabuf);
void softaccel_prime_revoke_all(struct softaccel_device *sdev, int refusal);
void softaccel_prime_resume_all(struct softaccel_device *sdev);

/* softaccel_doorbell.c */
int softaccel_ioctl_doorbell(struct drm_device *drm, void *data,
			     struct drm_file *file);

/* softaccel_reset.c */
int softaccel_ioctl_reset(struct drm_device *drm, void *data,
			  struct drm_file *file);

/* softaccel_work.c */
int softaccel_work_clear(struct softaccel_object *obj);
int softaccel_work_read_word(struct softaccel_object *obj, u64 offset,
			     u64 *word);
int softaccel_ioctl_fill(struct drm_device *drm, void *data,
			 struct drm_file *file);
int softaccel_ioctl_checksum(struct drm_device *drm, void *data,
			     struct drm_file *file);
int softaccel_ioctl_add(struct drm_device *drm, void *data,
			struct drm_file *file);

#endif
