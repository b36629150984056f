/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For drivers of devices with memory: how to consent that what user space has
 * mapped of it is given out as a dma-buf, by the mapping's address.
 *
 * A driver needs this only if peervma.ko cannot serve it as it is: mappings of
 * dma-bufs, and those of DRM nodes whose mmap is drm_gem_mmap(), are served
 * without.
 */
#ifndef _LINUX_PEERVMA_EXPORTER_H
#define _LINUX_PEERVMA_EXPORTER_H

#include <linux/bits.h>
#include <linux/types.h>

struct device;
struct dma_buf;
struct file;
struct module;
struct vm_area_struct;

/**
 * struct peervma_mapping - what a VMA maps, as its driver says
 * @file: in: the VMA's file, held until release
 * @offset: in and out: offset in bytes of the VMA's first address in the
 *	dma-buf that export gives; preset to that in @file
 * @size: out: bytes in that dma-buf, zero if not known before it is exported
 * @dev: out: the device whose memory it is, or NULL; looked at before match
 *	returns to user space, so it is enough that the VMA keeps it
 * @priv: out: the driver's own, for export and release
 */
struct peervma_mapping {
	struct file *file;
	u64 offset;
	u64 size;
	struct device *dev;
	void *priv;
};

/*
 * The promise without which nobody is registered: when the memory moves or
 * goes, the driver tells the importers of the dma-buf (move_notify, from 7.0
 * invalidate_mappings), maps it for nobody any more, and gives the memory to
 * no other use before they have let go. Only a dma-buf with pin and unpin, a
 * dynamic one, can keep it: others are refused at export.
 */
#define PEERVMA_EXPORTER_REVOKES	BIT(0)

/**
 * struct peervma_exporter_ops - a driver that consents
 * @owner: THIS_MODULE; held during every call
 * @name: the driver's name, told in tracepoints
 * @flags: PEERVMA_EXPORTER_REVOKES, and nothing else
 * @match: whether the VMA, which maps a file, is this driver's and may be
 *	exported; if so, fills in the mapping, with a reference in @priv to what
 *	is to be exported, for the VMA may be gone when export is called. The
 *	rights of the mapping need no check: only shared mappings that can be
 *	read and written are exported. Called under mmap_lock and RCU: it may
 *	neither sleep nor allocate, nor lock what is held over a page fault.
 * @export: a reference to the dma-buf of what match found, or an ERR_PTR. The
 *	caller gets an errno unchanged, but for -ENODEV, the device is gone,
 *	which it gets as ESTALE. Called without locks; may sleep.
 * @release: drop the reference in @priv; called once for each match that was
 *	true, whether there was an export or not. May sleep. NULL if there is
 *	none to drop.
 *
 * One call to export or none lies between a match and its release.
 */
struct peervma_exporter_ops {
	struct module *owner;
	const char *name;
	unsigned long flags;
	bool (*match)(struct vm_area_struct *vma,
		      struct peervma_mapping *mapping);
	struct dma_buf *(*export)(struct peervma_mapping *mapping);
	void (*release)(struct peervma_mapping *mapping);
};

int peervma_register_exporter(const struct peervma_exporter_ops *ops);
void peervma_unregister_exporter(const struct peervma_exporter_ops *ops);

#endif /* _LINUX_PEERVMA_EXPORTER_H */
