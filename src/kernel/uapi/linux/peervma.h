/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface of /dev/peervma: from a range of the caller's own virtual
 * memory to the dma-buf of the device memory behind it.
 *
 * Every ioctl takes a pointer to a structure whose first field is the size of
 * that structure in bytes, as the caller knows it. A kernel that knows a longer
 * structure takes the missing fields for zero; one that knows a shorter one
 * refuses with E2BIG unless all that it does not know is zero, and leaves that
 * part alone. Flags must be zero. Fields marked "out" are not read; they are
 * written also on a refusal.
 *
 * Errors, one per cause. Where several apply, it is the first of them, but for
 * those that are marked:
 *
 *	ENOTTY		no such ioctl
 *	EFAULT		the structure cannot be read; or it cannot be written,
 *			which comes after E2BIG and EINVAL for the size, and
 *			before all else
 *	E2BIG		the structure has non-zero fields that this kernel does
 *			not know, or is longer than a page
 *	EINVAL		size is below that of the structure's first version
 *			(PEERVMA_*_SIZE_VER0); a flag is set; EXPORT: zero
 *			length; addr or length not page aligned
 *	EOVERFLOW	addr + length wraps, or lies beyond user addresses
 *	ENXIO		nothing is mapped at addr (PEERVMA_REASON_UNMAPPED)
 *	ERANGE		EXPORT: the range leaves its VMA, or it or the VMA is
 *			longer than the object (PEERVMA_REASON_CROSSES_VMA;
 *			_BEYOND_OBJECT, which comes after EACCES)
 *	ENODEV		mapped, but not device memory: anonymous, file or
 *			hugetlb memory (PEERVMA_REASON_NOT_DEVICE)
 *	EPERM		EXPORT: the mapping is private (PEERVMA_REASON_PRIVATE)
 *	EACCES		EXPORT: the mapping does not allow what a dma-buf would:
 *			it is not both readable and writable, or its file has
 *			given up the object (PEERVMA_REASON_READ_ONLY,
 *			_NOT_ALLOWED)
 *	EOPNOTSUPP	EXPORT: device memory whose exporter does not consent;
 *			`reason` says why (PEERVMA_REASON_NO_EXPORTER and
 *			others)
 *	ESTALE		EXPORT: the device or the object is gone or going
 *			(PEERVMA_REASON_REVOKED)
 *	EDQUOT		EXPORT: the caller's process, its user, or all users
 *			together, hold as many exports of the module's own
 *			making as they may (PEERVMA_REASON_LIMIT)
 *	EMFILE		EXPORT: no file descriptor left; before what only the
 *			export itself finds out, EDQUOT among it
 *
 * Another errno comes unchanged from the exporting driver, with
 * PEERVMA_REASON_EXPORTER: ENOMEM, say, or ENFILE. It may be one of those above:
 * the reason says whose it is.
 */
#ifndef _UAPI_LINUX_PEERVMA_H
#define _UAPI_LINUX_PEERVMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Free in Documentation/userspace-api/ioctl/ioctl-number.rst. */
#define PEERVMA_IOC_TYPE 0xDC

/* What kind of mapping a VMA is: who exports it. */
enum peervma_vma_kind {
	PEERVMA_VMA_NONE = 0,	/* not device memory */
	PEERVMA_VMA_DMABUF = 1,	/* mmap of a dma-buf, also through PRIME */
	PEERVMA_VMA_DRM = 2,	/* mmap of a DRM render, card or accel node */
	PEERVMA_VMA_BAR = 3,	/* mmap of a PCI BAR (sysfs, uio) */
	PEERVMA_VMA_DRIVER = 4,	/* a driver that registered an exporter */
	PEERVMA_VMA_VFIO = 5,	/* mmap of a VFIO device's BAR */
	PEERVMA_VMA_OTHER = 6,	/* device memory of none of these kinds */
};

/* Why a range is refused: an errno's finer part. Values never change. */
enum peervma_reason {
	PEERVMA_REASON_NONE = 0,
	PEERVMA_REASON_UNMAPPED = 1,	/* nothing mapped at addr */
	PEERVMA_REASON_NOT_DEVICE = 2,	/* ordinary memory */
	PEERVMA_REASON_CROSSES_VMA = 3,	/* the range leaves its VMA */
	PEERVMA_REASON_PRIVATE = 4,	/* MAP_PRIVATE */
	PEERVMA_REASON_READ_ONLY = 5,	/* not readable and writable */
	PEERVMA_REASON_NO_EXPORTER = 6,	/* no exporter knows this mapping */
	PEERVMA_REASON_NOT_GEM = 7,	/* DRM offset is no GEM object's */
	PEERVMA_REASON_NO_PRIME = 8,	/* the DRM driver has no PRIME export */
	PEERVMA_REASON_NOT_ALLOWED = 9,	/* the file has no handle of it (now) */
	PEERVMA_REASON_BEYOND_OBJECT = 10, /* VMA or range exceeds the object */
	PEERVMA_REASON_REVOKED = 11,	/* device or object gone */
	PEERVMA_REASON_EXPORTER = 12,	/* the exporter's own errno */
	PEERVMA_REASON_BAR_POLICY = 13,	/* bar_export forbids it */
	PEERVMA_REASON_LIMIT = 14,	/* a limit on exports is reached */
	PEERVMA_REASON_UNKNOWN_OFFSET = 15, /* place in the dma-buf not known */
	PEERVMA_REASON_NOT_REVOCABLE = 16, /* the dma-buf cannot be taken back */
	PEERVMA_REASON_VFIO = 17,	/* VFIO exports, by its own descriptor */
};

/* Features, in peervma_info.features. */
#define PEERVMA_FEATURE_QUERY	0x1ULL
#define PEERVMA_FEATURE_EXPORT	0x2ULL
#define PEERVMA_FEATURE_DRIVERS	0x4ULL	/* drivers can register exporters */
#define PEERVMA_FEATURE_LIMITS	0x8ULL	/* EDQUOT; INFO tells the limits */
#define PEERVMA_FEATURE_PROCESS_LIMIT 0x10ULL /* one for each process, too */

#define PEERVMA_INFO_SIZE_VER0	24	/* bytes, first version of the struct */
#define PEERVMA_INFO_SIZE_VER1	40	/* bytes, with the limits */
#define PEERVMA_INFO_SIZE_VER2	48	/* bytes, with that of a process */

/**
 * struct peervma_info - what this module can do
 * @size: in: sizeof(struct peervma_info)
 * @flags: in: zero
 * @features: out: PEERVMA_FEATURE_*
 * @kinds: out: bit n set: kind n of enum peervma_vma_kind can be exported
 * @max_exports: out: how many exports of the module's own making all users may
 *	hold together; zero if the module does not know this field
 * @max_exports_per_user: out: how many the caller's user may hold
 * @exports: out: how many the caller's user holds
 * @reserved: out: zero
 * @max_exports_per_process: out: how many the caller's process may hold; zero if
 *	the module does not know this field
 * @process_exports: out: how many the caller's process holds
 */
struct peervma_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__aligned_u64 kinds;
	__u32 max_exports;
	__u32 max_exports_per_user;
	__u32 exports;
	__u32 reserved;
	__u32 max_exports_per_process;
	__u32 process_exports;
};

/* Access that a mapping allows, in peervma_query.prot. */
#define PEERVMA_PROT_READ	0x1U
#define PEERVMA_PROT_WRITE	0x2U

#define PEERVMA_QUERY_SIZE_VER0	72	/* bytes, first version of the struct */

/**
 * struct peervma_query - what is at an address
 * @size: in: sizeof(struct peervma_query)
 * @flags: in: zero
 * @addr: in: an address of the caller; any alignment
 * @vma_start: out: first address of the VMA
 * @vma_end: out: first address after the VMA
 * @object_offset: out: offset in bytes of @vma_start in its object; zero if not
 *	known, as for a private mapping
 * @object_size: out: size in bytes of the object, zero if not known; an export
 *	has the same offset and size, unless the driver exports more or less
 * @kind: out: enum peervma_vma_kind
 * @prot: out: PEERVMA_PROT_*
 * @reason: out: why EXPORT would refuse the whole VMA, as far as can be said
 *	without exporting; PEERVMA_REASON_NONE if nothing is known against it
 * @pci_valid: out: 1 if the exporting device is known to be a PCI device
 * @pci_domain: out: its PCI domain
 * @pci_bus: out: its PCI bus
 * @pci_devfn: out: its PCI device << 3 | function
 *
 * Without side effect: takes mmap_lock for reading only and allocates nothing.
 * ENXIO and ENODEV as above, the latter with the VMA's range and protection;
 * other refusals are told in @reason, not by an errno.
 */
struct peervma_query {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 vma_start;
	__aligned_u64 vma_end;
	__aligned_u64 object_offset;
	__aligned_u64 object_size;
	__u32 kind;
	__u32 prot;
	__u32 reason;
	__u32 pci_valid;
	__u32 pci_domain;
	__u16 pci_bus;
	__u16 pci_devfn;
};

#define PEERVMA_EXPORT_SIZE_VER0 48	/* bytes, first version of the struct */

/**
 * struct peervma_export - a dma-buf for a range of the caller's memory
 * @size: in: sizeof(struct peervma_export)
 * @flags: in: zero
 * @addr: in: first byte, page aligned
 * @length: in: bytes, a multiple of the page size, not zero, inside one VMA
 * @offset: out: offset in bytes of @addr in the dma-buf
 * @object_size: out: size in bytes of the dma-buf
 * @fd: out: a fresh file descriptor, O_CLOEXEC, of the object's dma-buf, which
 *	the caller closes; -1 on a refusal
 * @reason: out: enum peervma_reason
 *
 * The dma-buf is that of the whole object, of which the range is a part: the
 * one that mmap was called on, or the driver's own PRIME export. Its open mode
 * is O_RDWR, unless its driver first exported it for reading only. Of a PCI BAR
 * it is one of this module's own, new for each call and just of the range.
 *
 * The dma-buf lives on after munmap as far as its exporter lets it; it is the
 * exporter that revokes. A BAR's is revoked by any change of the mapping.
 */
struct peervma_export {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__aligned_u64 length;
	__aligned_u64 offset;
	__aligned_u64 object_size;
	__s32 fd;
	__u32 reason;
};

#define PEERVMA_IOC_INFO	_IO(PEERVMA_IOC_TYPE, 0x00)
#define PEERVMA_IOC_QUERY	_IO(PEERVMA_IOC_TYPE, 0x01)
#define PEERVMA_IOC_EXPORT	_IO(PEERVMA_IOC_TYPE, 0x02)

#endif /* _UAPI_LINUX_PEERVMA_H */
