/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * softaccel: a simulated accelerator, a DRM driver over BAR2 of a virtual PCI
 * device (QEMU's ivshmem-plain, 1af4:1110). Its memory is the BAR; "the
 * device" that works on it is the driver's own code.
 *
 * A buffer is a GEM object. ALLOC makes one, its mmap offset maps it (shared,
 * from the start of the buffer) through the DRM node, PRIME
 * (DRM_IOCTL_PRIME_HANDLE_TO_FD) exports it, and DRM_IOCTL_GEM_CLOSE drops it.
 * Memory is zeroed when it is allocated, and it never moves.
 *
 * Offsets and lengths are bytes; a length of zero does nothing. FILL, CHECKSUM
 * and ADD return when the device is done. Errors:
 *
 *	EINVAL	a field called `pad` or a flag is not zero; size zero; no such
 *		type; a range leaves its buffer or is not aligned (ADD)
 *	ENOENT	no such handle in this file
 *	ENOSPC	no such hole in device memory (ALLOC), no doorbell left
 *	ENOMEM	out of main memory
 *	EINTR	a fatal signal; how much of the work was done is not known
 *	ECANCELED the device was reset in the midst of the work (FILL, CHECKSUM,
 *		ADD): the contents of its buffers are gone
 *	EACCES	the caller lacks CAP_SYS_ADMIN (RESET)
 *	ENODEV	the device was unbound: also any later ioctl and mmap, while
 *		access to an old mapping raises SIGBUS
 *
 * A dma-buf can be mapped and be imported by its own device; otherwise only
 * importers that can be told to stop may attach (EOPNOTSUPP), and only those
 * that allow peer-to-peer get DMA addresses. This device imports no others'.
 *
 * RESET is what a device reset is for memory on a device: everything in it is
 * lost, for all its users, and nothing else is. Handles, mappings, offsets and
 * dma-bufs stay, and what they stand for reads as zero. Importers are told and
 * have to stop, as for unbinding; afterwards they may map again, but what they
 * mapped before is void: a NIC's memory region has to be registered anew. While
 * it lasts, importers get EAGAIN and page faults wait. @resets of struct
 * softaccel_info tells a user whether his data survived. As such things go, it
 * is root's alone.
 */
#ifndef SOFTACCEL_DRM_H
#define SOFTACCEL_DRM_H

/* libdrm has it everywhere, the distribution's kernel headers do not. */
#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <drm.h>
#endif

#define SOFTACCEL_DRIVER_NAME "softaccel"

/**
 * struct softaccel_info - the device and its counters
 * @memory_size: out: bytes of device memory
 * @memory_used: out: bytes allocated now
 * @cpu_faults: out: page faults of the CPU on mappings of device memory since
 *	the driver was bound: zero while no CPU touched it
 * @exports: out: dma-bufs made, since the driver was bound
 * @attaches: out: attachments of importers, likewise
 * @vmaps: out: kernel mappings given to importers, likewise; a dma-buf's
 *	importers share one
 * @revokes: out: importers told that their memory is gone, since the module
 *	was loaded, on all its devices: by unbinding or by a reset
 * @resets: out: resets since the driver was bound
 */
struct softaccel_info {
	__u64 memory_size;
	__u64 memory_used;
	__u64 cpu_faults;
	__u64 exports;
	__u64 attaches;
	__u64 vmaps;
	__u64 revokes;
	__u64 resets;
};

/**
 * struct softaccel_alloc - allocate a buffer
 * @size: in: bytes, not zero; out: rounded up to whole pages
 * @flags: in: zero
 * @handle: out: GEM handle
 * @mmap_offset: out: offset for mmap() of the DRM node
 * @bar_offset: out: where the buffer lies in the device's memory, to find it
 *	in the memory's backing file from outside the machine
 */
struct softaccel_alloc {
	__u64 size;
	__u32 flags;
	__u32 handle;
	__u64 mmap_offset;
	__u64 bar_offset;
};

/**
 * struct softaccel_fill - the device writes a pattern
 * @handle: in: GEM handle
 * @pad: in: zero
 * @offset: in: first byte
 * @length: in: bytes
 * @seed: in: seed
 *
 * Byte i of the range is byte (i % 4), little-endian, of
 * mix(seed + i / 4), in 32-bit arithmetic, where
 * mix(x): x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b;
 * x ^= x >> 16  ("lowbias32" of Chris Wellons' hash-prospector).
 */
struct softaccel_fill {
	__u32 handle;
	__u32 pad;
	__u64 offset;
	__u64 length;
	__u32 seed;
	__u32 pad2;
};

/**
 * struct softaccel_checksum - the device reads a range
 * @handle: in: GEM handle
 * @pad: in: zero
 * @offset: in: first byte
 * @length: in: bytes
 * @checksum: out: CRC-32 of the range as zlib's crc32(), so that any program
 *	can check it
 */
struct softaccel_checksum {
	__u32 handle;
	__u32 pad;
	__u64 offset;
	__u64 length;
	__u32 checksum;
	__u32 pad2;
};

/**
 * struct softaccel_doorbell - get doorbells of one's own
 * @flags: in: zero
 * @fd: out: a fresh descriptor, O_CLOEXEC, for mmap() and pread()
 * @size: out: bytes of the mapping that it allows, whole pages: one doorbell
 *	page for each queue
 * @bar_offset: out: where they lie in the device's BAR
 *
 * A doorbell is 8 bytes at an address that is a multiple of 8. Who writes it,
 * the CPU or a NIC, rings; pread() of it tells what the device sees there, and
 * takes no other length. The pages are zero at first, uncached, no part of
 * the device's memory, and have no handle. They stay until the descriptor, all
 * mappings and all dma-bufs of them are gone.
 */
struct softaccel_doorbell {
	__u32 flags;
	__s32 fd;
	__u64 size;
	__u64 bar_offset;
};

/**
 * struct softaccel_mmap_offset - where a buffer is mapped
 * @handle: in: GEM handle
 * @pad: in: zero
 * @offset: out: as softaccel_alloc.mmap_offset
 */
struct softaccel_mmap_offset {
	__u32 handle;
	__u32 pad;
	__u64 offset;
};

enum softaccel_type {
	SOFTACCEL_TYPE_U8 = 0,
	SOFTACCEL_TYPE_U32 = 1,
	SOFTACCEL_TYPE_U64 = 2,
};

/**
 * struct softaccel_add - dst[i] = a[i] + b[i], modulo the type
 * @dst: in: GEM handle
 * @a: in: GEM handle
 * @b: in: GEM handle
 * @type: in: enum softaccel_type
 * @dst_offset: in: bytes, a multiple of the type's size, as the next two
 * @a_offset: in: bytes
 * @b_offset: in: bytes
 * @count: in: elements
 *
 * The result's range may be that of a or of b, but not overlap it otherwise
 * (EINVAL). Elements are in the byte order of the machine.
 */
struct softaccel_add {
	__u32 dst;
	__u32 a;
	__u32 b;
	__u32 type;
	__u64 dst_offset;
	__u64 a_offset;
	__u64 b_offset;
	__u64 count;
};

#define DRM_SOFTACCEL_INFO	0x00
#define DRM_SOFTACCEL_ALLOC	0x01
#define DRM_SOFTACCEL_FILL	0x02
#define DRM_SOFTACCEL_CHECKSUM	0x03
#define DRM_SOFTACCEL_ADD	0x04
#define DRM_SOFTACCEL_RESET	0x05
#define DRM_SOFTACCEL_DOORBELL	0x06
#define DRM_SOFTACCEL_MMAP_OFFSET 0x07

#define DRM_IOCTL_SOFTACCEL_INFO \
	DRM_IOR(DRM_COMMAND_BASE + DRM_SOFTACCEL_INFO, struct softaccel_info)
#define DRM_IOCTL_SOFTACCEL_ALLOC \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SOFTACCEL_ALLOC, struct softaccel_alloc)
#define DRM_IOCTL_SOFTACCEL_FILL \
	DRM_IOW(DRM_COMMAND_BASE + DRM_SOFTACCEL_FILL, struct softaccel_fill)
#define DRM_IOCTL_SOFTACCEL_CHECKSUM \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SOFTACCEL_CHECKSUM, \
		 struct softaccel_checksum)
#define DRM_IOCTL_SOFTACCEL_ADD \
	DRM_IOW(DRM_COMMAND_BASE + DRM_SOFTACCEL_ADD, struct softaccel_add)
#define DRM_IOCTL_SOFTACCEL_RESET \
	DRM_IO(DRM_COMMAND_BASE + DRM_SOFTACCEL_RESET)
#define DRM_IOCTL_SOFTACCEL_DOORBELL \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SOFTACCEL_DOORBELL, \
		 struct softaccel_doorbell)

#define DRM_IOCTL_SOFTACCEL_MMAP_OFFSET \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_SOFTACCEL_MMAP_OFFSET, \
		 struct softaccel_mmap_offset)

#endif
