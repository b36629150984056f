/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * The interface of /dev/peervma: from a range of the caller's own virtual
 * memory to the dma-buf of the device memory behind it.
 *
 * Every ioctl takes a pointer to a structure whose first field is the size of
 * that structure in bytes, as the caller knows it. The kernel takes a shorter
 * structure for one whose missing fields are zero, and refuses a longer one
 * with E2BIG unless all that it does not know is zero. Reserved fields and
 * unknown flags must be zero.
 *
 * Errors, one per cause:
 *
 *	ENOTTY		no such ioctl
 *	E2BIG		the structure has non-zero fields that this kernel
 *			does not know
 *	EINVAL		size too small; a flag or reserved field not zero; zero
 *			length; addr or length not page aligned (EXPORT)
 *	EFAULT		the structure cannot be read or written
 *	EOVERFLOW	addr + length wraps, or lies beyond user addresses
 *	ENOMEM		out of memory
 *	EMFILE, ENFILE	no file descriptor left (EXPORT)
 *	ENXIO		nothing is mapped at addr (PEERVMA_REASON_UNMAPPED)
 *	ENODEV		mapped, but not device memory: anonymous, file or
 *			hugetlb memory (PEERVMA_REASON_NOT_DEVICE)
 *	ERANGE		the range leaves its VMA (PEERVMA_REASON_CROSSES_VMA)
 *	EACCES		the mapping does not allow what a dma-buf would: it is
 *			private or not both readable and writable
 *			(PEERVMA_REASON_PRIVATE, _READ_ONLY)
 *	EOPNOTSUPP	device memory whose exporter does not consent; `reason`
 *			says why (PEERVMA_REASON_NO_EXPORTER and others)
 *	ESTALE		the device or the object is gone or going
 *			(PEERVMA_REASON_REVOKED)
 *
 * Another errno comes unchanged from the exporting driver, with
 * PEERVMA_REASON_EXPORTER. On a refusal the kernel still writes `reason`.
 */
#ifndef _UAPI_LINUX_PEERVMA_H
#define _UAPI_LINUX_PEERVMA_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Not in use by another driver in Documentation/userspace-api/ioctl. */
#define PEERVMA_IOC_TYPE 0xB7

/* What kind of mapping a VMA is: who exports it. */
enum peervma_vma_kind {
	PEERVMA_VMA_NONE = 0,	/* not device memory */
	PEERVMA_VMA_DMABUF = 1,	/* mmap of a dma-buf, also through PRIME */
	PEERVMA_VMA_DRM = 2,	/* mmap of a DRM render, card or accel node */
	PEERVMA_VMA_BAR = 3,	/* mmap of a PCI BAR (sysfs, uio) */
	PEERVMA_VMA_DRIVER = 4,	/* a driver that registered an exporter */
	PEERVMA_VMA_VFIO = 5,	/* mmap of a VFIO device's BAR */
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
	PEERVMA_REASON_NOT_ALLOWED = 9,	/* this file may not use the object */
	PEERVMA_REASON_BEYOND_OBJECT = 10, /* the VMA is longer than the object */
	PEERVMA_REASON_REVOKED = 11,	/* device or object gone */
	PEERVMA_REASON_EXPORTER = 12,	/* the exporter's own errno */
	PEERVMA_REASON_BAR_POLICY = 13,	/* bar_export forbids it */
	PEERVMA_REASON_LIMIT = 14,	/* a limit on exports is reached */
};

/* Features, in peervma_info.features. */
#define PEERVMA_FEATURE_QUERY	(1ULL << 0)
#define PEERVMA_FEATURE_EXPORT	(1ULL << 1)

/**
 * struct peervma_info - what this module can do
 * @size: in: sizeof(struct peervma_info)
 * @flags: in: zero
 * @features: out: PEERVMA_FEATURE_*
 * @kinds: out: bit n set: kind n of enum peervma_vma_kind can be exported
 */
struct peervma_info {
	__u32 size;
	__u32 flags;
	__aligned_u64 features;
	__aligned_u64 kinds;
};

/* Access that a mapping allows, in peervma_query.prot. */
#define PEERVMA_PROT_READ	(1U << 0)
#define PEERVMA_PROT_WRITE	(1U << 1)

/**
 * struct peervma_query - what is at an address
 * @size: in: sizeof(struct peervma_query)
 * @flags: in: zero
 * @addr: in: an address of the caller; any alignment
 * @vma_start: out: first address of the VMA
 * @vma_end: out: first address after the VMA
 * @object_offset: out: offset in bytes of @vma_start in its dma-buf
 * @object_size: out: size in bytes of the object (of its dma-buf)
 * @kind: out: enum peervma_vma_kind
 * @prot: out: PEERVMA_PROT_*
 * @reason: out: why EXPORT would refuse the whole VMA, as far as can be said
 *	without exporting; PEERVMA_REASON_NONE if nothing is known against it
 * @pci_valid: out: 1 if the exporting device is a PCI device
 * @pci_domain: out: its PCI domain
 * @pci_bus: out: its PCI bus
 * @pci_devfn: out: its PCI device << 3 | function
 *
 * Exporter-independent and without side effect: takes mmap_lock for reading
 * only and allocates nothing. ENXIO and ENODEV as above.
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

/**
 * struct peervma_export - a dma-buf for a range of the caller's memory
 * @size: in: sizeof(struct peervma_export)
 * @flags: in: zero
 * @addr: in: first byte, page aligned
 * @length: in: bytes, a multiple of the page size, not zero, inside one VMA
 * @offset: out: offset in bytes of @addr in the dma-buf
 * @object_size: out: size in bytes of the dma-buf
 * @fd: out: a fresh dma-buf file descriptor, O_CLOEXEC | O_RDWR, which the
 *	caller closes; -1 on a refusal
 * @reason: out: enum peervma_reason
 *
 * The dma-buf lives on after munmap as far as its exporter lets it; it is the
 * exporter that revokes.
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
