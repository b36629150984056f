/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * peervma_quirks: a DRM driver without memory, whose objects behave oddly or
 * wrongly in ways that real drivers do or might. For the tests of peervma.ko.
 */
#ifndef QUIRKS_DRM_H
#define QUIRKS_DRM_H

#include <drm/drm.h>

/* Two devices: one maps by drm_gem_mmap, one by a function of its own. */
#define QUIRKS_DRIVER_NAME	"quirks"
#define QUIRKS_MMAP_DRIVER_NAME	"quirks-mmap"

enum quirk {
	/* a dma-buf's mapping has the plain offset, as with few drivers */
	QUIRK_PLAIN_OFFSET,
	/* a dma-buf's mapping has the fake offset, as with most */
	QUIRK_FAKE_OFFSET,
	/* a dma-buf's mapping has an offset that says nothing */
	QUIRK_ODD_OFFSET,
	/* a dma-buf's mapping may grow */
	QUIRK_GROWING,
	/* the dma-buf is of the object's first page only */
	QUIRK_SHORT_DMABUF,
	/* export fails with EIO */
	QUIRK_EXPORT_FAILS,
	/* no second handle in a file: EPERM */
	QUIRK_ONE_HANDLE,
	/* no PRIME */
	QUIRK_NO_PRIME,
	/* the node's mapping has the plain offset */
	QUIRK_NODE_PLAIN_OFFSET,
	/* the node can map one page more than the object has */
	QUIRK_NODE_LONGER,
};

/**
 * struct quirks_alloc - an object of no memory: its pages raise SIGBUS
 * @size: in: bytes, whole pages
 * @quirk: in: enum quirk
 * @handle: out: GEM handle
 * @mmap_offset: out: offset for mmap() of the node
 */
struct quirks_alloc {
	__u64 size;
	__u32 quirk;
	__u32 handle;
	__u64 mmap_offset;
};

#define DRM_QUIRKS_ALLOC 0x00
#define DRM_IOCTL_QUIRKS_ALLOC \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_QUIRKS_ALLOC, struct quirks_alloc)

#endif
