/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The test's importer of dma-bufs, /dev/softaccel_importer: one attachment for
 * each open file. It shows a test what an importer in the kernel gets. Told to
 * let go, it unmaps what it holds for DMA, but keeps its kernel mapping.
 */
#ifndef SOFTACCEL_IMPORTER_H
#define SOFTACCEL_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

enum softaccel_importer_kind {
	SOFTACCEL_IMPORTER_STATIC = 0,	/* can't be told */
	SOFTACCEL_IMPORTER_HOST = 1,	/* can be told, no peer-to-peer */
	SOFTACCEL_IMPORTER_PEER = 2,	/* can be told, peer-to-peer */
	SOFTACCEL_IMPORTER_DEVICE = 3,	/* likewise, in a PCI device's name */
};

/*
 * Attach to dma-buf @fd. @device is for SOFTACCEL_IMPORTER_DEVICE: bus << 8 |
 * device << 3 | function, in domain 0. EBUSY: the file has an attachment.
 */
struct softaccel_importer_attach {
	__s32 fd;
	__u32 kind;
	__u32 device;
	__u32 pad;
};

/*
 * Map for DMA, look, and unmap. @address is the first DMA address, @length the
 * sum of lengths, @contiguous and @pages whether the segments follow each other
 * and whether any names a struct page.
 */
struct softaccel_importer_map {
	__u64 address;
	__u64 length;
	__u32 contiguous;
	__u32 pages;
};

/* Access by the kernel mapping. ENXIO: there is none. */
struct softaccel_importer_read {
	__u64 offset;
	__u32 value;
	__u32 pad;
};

/* A register, 4 bytes wide, at @offset, a multiple of 4. */
struct softaccel_importer_register {
	__u64 offset;
	__u32 value;
	__u32 pad;
};

#define SOFTACCEL_IMPORTER_ATTACH \
	_IOW('s', 0, struct softaccel_importer_attach)
#define SOFTACCEL_IMPORTER_MAP	_IOR('s', 1, struct softaccel_importer_map)
/* Pin and map into the kernel. */
#define SOFTACCEL_IMPORTER_VMAP	_IO('s', 2)
/* Read the byte at @offset. */
#define SOFTACCEL_IMPORTER_READ	_IOWR('s', 3, struct softaccel_importer_read)
/* Returns how often this attachment was told to let go. */
#define SOFTACCEL_IMPORTER_TOLD	_IO('s', 4)
/* Map for DMA until told to let go or closed. */
#define SOFTACCEL_IMPORTER_HOLD	_IO('s', 5)
/* Returns whether it is still mapped so. */
#define SOFTACCEL_IMPORTER_HELD	_IO('s', 6)
#define SOFTACCEL_IMPORTER_READ_REGISTER \
	_IOWR('s', 7, struct softaccel_importer_register)
#define SOFTACCEL_IMPORTER_WRITE_REGISTER \
	_IOW('s', 8, struct softaccel_importer_register)

#endif
