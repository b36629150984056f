/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file peervma.h
 * What memory is at this address, and a dma-buf for it.
 *
 * Functions return 0 or a negative errno and print nothing. Outputs are the
 * last arguments, named `*_p`, and are written only on success unless said
 * otherwise. Addresses are the calling process's own; lengths and offsets are
 * bytes.
 *
 * Threads: every function may be called by several threads at once on the same
 * context, except peervma_context_close(), which must be the last.
 *
 * Signals: only the peervma_notify_*() and peervma_copy_*() functions may be
 * called in a signal handler or from inside a memory allocator.
 *
 * fork: the child may go on using the context; the next call in it notices the
 * fork and looks at the child's own mappings. Parent and child each close it.
 * The context's descriptors are O_CLOEXEC.
 */
#ifndef PEERVMA_H
#define PEERVMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/** A library instance: the region map and the providers. Opaque. */
typedef struct peervma_context peervma_context_t;

/**
 * The caller reports every mmap, munmap and mremap of the process by
 * peervma_notify_map() and peervma_notify_unmap(), so lookups are answered
 * from the region map, without a system call while nothing was reported.
 * Without it each lookup asks the kernel.
 */
#define PEERVMA_CONTEXT_NOTIFIED (1U << 0)

/** Who owns the memory behind a mapping. */
typedef enum peervma_kind {
    PEERVMA_KIND_NONE = 0,     /**< not device memory */
    PEERVMA_KIND_DMABUF = 1,   /**< mapping of a dma-buf */
    PEERVMA_KIND_DRM = 2,      /**< mapping of a DRM or accel node */
    PEERVMA_KIND_BAR = 3,      /**< mapping of a PCI BAR (sysfs, uio) */
    PEERVMA_KIND_DRIVER = 4,   /**< a driver registered with peervma.ko */
    PEERVMA_KIND_VFIO = 5,     /**< mapping of a VFIO device */
    PEERVMA_KIND_OTHER = 6,    /**< device memory that only the kernel knows */
    PEERVMA_KIND_DECLARED = 32 /**< no mapping: peervma_region_declare() */
} peervma_kind_t;

/** How the CPU's caches treat a mapping. */
typedef enum peervma_cache {
    PEERVMA_CACHE_UNKNOWN = 0, /**< as its driver likes: ask that */
    PEERVMA_CACHE_UNCACHED = 1,
    PEERVMA_CACHE_WRITE_COMBINING = 2
} peervma_cache_t;

/** A PCI device. */
typedef struct peervma_pci {
    uint32_t domain;
    uint8_t bus;
    uint8_t device;
    uint8_t function;
    uint8_t valid; /**< 0: the exporter is no PCI device, or not known */
} peervma_pci_t;

/** One device memory mapping: one VMA. */
typedef struct peervma_region {
    uintptr_t base;         /**< first address of the VMA */
    size_t length;          /**< bytes */
    uint64_t object_offset; /**< of @ref base in the object, if known */
    uint64_t object_size;   /**< bytes; 0: not known */
    uint64_t generation;    /**< see peervma_region_lookup() */
    peervma_kind_t kind;
    int prot;      /**< PROT_READ | PROT_WRITE; see below */
    int numa_node; /**< of the device; -1: none or not known */
    peervma_pci_t pci;
    peervma_cache_t cache; /**< told by sysfs, UIO and VFIO only */
    uint64_t reserved[4];
} peervma_region_t;

/**
 * A dma-buf for a range. (The tag is not peervma_export: linux/peervma.h, which
 * may be included beside this header, has a structure of that name.)
 */
typedef struct peervma_exported {
    int fd;               /**< fresh, O_CLOEXEC; the caller closes it */
    uint64_t offset;      /**< of the range's first byte in the dma-buf */
    uint64_t object_size; /**< bytes in the dma-buf */
    const char *provider; /**< who gave it; static string */
    uint64_t alignment;   /**< bytes; see peervma_region_export() */
    uint64_t reserved[1];
} peervma_export_t;

/**
 * Reasons of the library's own. Smaller numbers are the kernel's: enum
 * peervma_reason in linux/peervma.h. Values never change.
 */
typedef enum peervma_library_reason {
    PEERVMA_REASON_NO_MODULE = 256,     /**< there is no /dev/peervma */
    PEERVMA_REASON_NO_PERMISSION = 257, /**< /dev/peervma may not be opened */
    PEERVMA_REASON_NOT_DMABUF = 258,    /**< mapping of something else */
    PEERVMA_REASON_NO_DESCRIPTOR = 259, /**< dma-buf not open in the process */
    PEERVMA_REASON_OFFSET = 260,   /**< where in the dma-buf cannot be told */
    PEERVMA_REASON_SYSTEM = 261,   /**< a system call failed: see the errno */
    PEERVMA_REASON_NOT_VFIO = 262, /**< no mapping of a VFIO device */
    PEERVMA_REASON_NO_VFIO_DEVICE = 263, /**< it is not open in the process */
    PEERVMA_REASON_VFIO_UNKNOWN = 264,   /**< which device cannot be told */
    PEERVMA_REASON_NO_VFIO_DMABUF = 265, /**< VFIO makes none of it */
    PEERVMA_REASON_NOT_DRM = 266,        /**< no mapping of a DRM node */
    PEERVMA_REASON_NO_NODE = 267,    /**< DRM node not open in the process */
    PEERVMA_REASON_NO_OFFSETS = 268, /**< driver tells no mmap offsets */
    PEERVMA_REASON_NO_HANDLE = 269,  /**< object has no handle in the process */
    PEERVMA_REASON_NOT_UVERBS = 270, /**< no pages of an RDMA device */
    PEERVMA_REASON_UVERBS = 271,     /**< its driver exports none of them */
    PEERVMA_REASON_LEGACY = 272,     /**< a peer-memory client's */
    PEERVMA_REASON_UVERBS_FILE = 273 /**< which open file cannot be told */
} peervma_library_reason_t;

#define PEERVMA_MAX_REFUSALS 8

/** Why one provider did not export a range. */
typedef struct peervma_refusal {
    const char *provider; /**< static string */
    int error;            /**< negative errno */
    unsigned reason;      /**< for peervma_reason_string() */
} peervma_refusal_t;

/** The refusals met on the way through the providers, in their order. */
typedef struct peervma_refusals {
    unsigned count;
    peervma_refusal_t refusal[PEERVMA_MAX_REFUSALS];
} peervma_refusals_t;

/**
 * Open a context.
 *
 * It opens /dev/peervma if that can be opened, and remembers why if not; a
 * machine without it is no error. A context holds at most two descriptors, and
 * one for each declaration.
 *
 * @param [in]  flags      PEERVMA_CONTEXT_*.
 * @param [out] context_p  The context; peervma_context_close() frees it.
 *
 * @return 0; -EINVAL (unknown flag, NULL); -ENOMEM; -EMFILE or -ENFILE; else
 *         the errno of opening /proc/self/maps.
 */
int peervma_context_open(unsigned flags, peervma_context_t **context_p);

/**
 * Close a context; NULL is allowed. dma-buf descriptors given out stay open.
 * No other call on the context may be running or follow.
 */
void peervma_context_close(peervma_context_t *context);

/**
 * What is mapped at an address.
 *
 * `generation` tells mappings at the same address apart, so that what was
 * cached for an address can be dropped: it differs from the one of an earlier
 * lookup in this context if something else was mapped there in between. It may
 * differ without that, too. Without PEERVMA_CONTEXT_NOTIFIED a mapping that was
 * replaced by one of the same file at the same offset is not told apart: a DRM
 * driver may give a freed buffer's offset to the next.
 *
 * `prot` is that of the time when the mapping was first seen. No notification
 * tells of mprotect(); peervma_region_export() asks the kernel again.
 *
 * @param [in]  context   Context.
 * @param [in]  address   Any address.
 * @param [out] region_p  The mapping that contains it.
 *
 * @return 0; -ENOENT (not device memory, or not mapped); -EINVAL (NULL);
 *         -ENOMEM (the region map is full); else the errno of reading
 *         /proc/self/maps.
 */
int peervma_region_lookup(peervma_context_t *context, const void *address,
                          peervma_region_t *region_p);

/**
 * Call @a cb for each device memory mapping, in the order of addresses, until
 * it returns non-zero, which is then returned. It may call any function of the
 * library. Mappings made or removed meanwhile may be missed or met.
 *
 * @param [in] context  Context.
 * @param [in] cb       Function; @a region is valid until it returns.
 * @param [in] arg      Passed on to @a cb.
 *
 * @return 0; what @a cb returned; -EINVAL (NULL); otherwise as
 *         peervma_region_lookup(), but never -ENOENT.
 */
int peervma_region_foreach(peervma_context_t *context,
                           int (*cb)(const peervma_region_t *region, void *arg),
                           void *arg);

/**
 * A dma-buf for a range of device memory.
 *
 * The range may start and end at any byte, but must lie inside one mapping.
 * Providers are asked in order; the first that can answers:
 *
 * - "fd": another descriptor of the mapped dma-buf, if the process holds one;
 * - "drm": PRIME export of the mapped object, if the process holds a
 *   descriptor of the DRM node in which the object has a handle;
 * - "vfio": VFIO's own dma-buf, if the process holds a descriptor of the
 *   device: Linux 6.19 or later. Where that was got from a VFIO group, it takes
 *   peervma.ko to say which device is mapped, and that a byte at @a address or
 *   at the mapping's begin was accessed before;
 * - "uverbs": an RDMA device's own pages, if the process has its node open
 *   exactly once: Linux 7.0 or later, and a driver that takes part;
 * - "kernel": /dev/peervma.
 *
 * None exports a mapping that is private or not both readable and writable:
 * the dma-buf would allow more than the mapping does.
 *
 * The dma-buf stays valid after munmap() as far as its exporter lets it.
 *
 * `alignment` is the largest power of two, from the page size to 1 GiB, by
 * which `offset` and the address differ by a multiple: so large can the pages
 * be with which a NIC maps the range.
 *
 * @param [in]  context     Context.
 * @param [in]  address     First byte.
 * @param [in]  length      Bytes, not zero.
 * @param [out] export_p    The dma-buf. The caller closes `fd`.
 * @param [out] refusals_p  Why providers refused; always written, also on
 *                          success. May be NULL.
 *
 * @return 0; -ENOENT (not device memory; a refusal by "legacy" says that a
 *         NIC's peer-memory client takes it); -ERANGE (the range leaves its
 *         mapping); -EINVAL (NULL, length zero); else the errno of the last
 *         provider, -ENODEV for instance without /dev/peervma: see
 *         @a refusals_p.
 */
int peervma_region_export(peervma_context_t *context, const void *address,
                          size_t length, peervma_export_t *export_p,
                          peervma_refusals_t *refusals_p);

/**
 * Whether exports can be counted on: whether /dev/peervma can be asked, which
 * needs nothing of the program. Without it a range is exported only while the
 * program holds what the mapping was made of, see peervma_region_export(), and
 * a declared one always.
 *
 * @param [in]  context   Context.
 * @param [out] reason_p  Why not, for peervma_reason_string(); always written.
 *                        May be NULL.
 *
 * @return 0; -EINVAL (NULL); else the errno of opening /dev/peervma when the
 *         context was opened, -ENODEV if there is none.
 */
int peervma_context_exports(const peervma_context_t *context,
                            unsigned *reason_p);

/**
 * Declare a range of addresses that no mapping tells of to be bytes
 * [offset, offset + length) of a dma-buf: for runtimes that give pointers into
 * device memory without mapping it. Lookups then find a region of
 * PEERVMA_KIND_DECLARED, with `prot` 0 as the CPU has no access, and its
 * exports are copies of the descriptor.
 *
 * Whether something is mapped in the range is asked of the kernel once: device
 * memory must not be; of other mappings, reserved address space for instance,
 * the caller must know what they are. A mapping of device memory that is made
 * there later goes before the declaration. munmap() does not end it.
 *
 * @param [in] context  Context.
 * @param [in] address  First byte.
 * @param [in] length   Bytes, not zero.
 * @param [in] fd       The dma-buf. Stays the caller's, who may close it: the
 *                      context takes a descriptor of its own for each
 *                      declaration, O_CLOEXEC.
 * @param [in] offset   Of @a address in the dma-buf; with @a address it must
 *                      be in the same place of a page.
 *
 * A forked child has none of its parent's declarations.
 *
 * @return 0; -EINVAL (NULL, length zero, the range wraps, not in the same
 *         place of a page, fd is no dma-buf); -EBADF (fd is not open);
 *         -ERANGE (the range leaves the dma-buf); -EEXIST (a byte is declared
 *         already, or of a device memory mapping); -EMFILE; -ENOMEM; else the
 *         errno of reading /proc/self/maps.
 */
int peervma_region_declare(peervma_context_t *context, const void *address,
                           size_t length, int fd, uint64_t offset);

/**
 * Take a declaration back, all of it. dma-bufs exported of it stay open.
 * peervma_context_close() does so for all that are left.
 *
 * @param [in] context  Context.
 * @param [in] address  As declared.
 * @param [in] length   As declared.
 *
 * @return 0; -ENOENT (no such declaration); -EINVAL (NULL).
 */
int peervma_region_undeclare(peervma_context_t *context, const void *address,
                             size_t length);

/**
 * Copy to device memory by the CPU, which is the only thing to do for memory
 * that no NIC and no other device may reach, and the quickest for a few bytes.
 *
 * Device memory may be mapped uncached or write-combining. Each of its bytes is
 * accessed once, naturally aligned and as wide as the CPU can; memcpy() may do
 * otherwise. Both sides may have any alignment. Whether the range is device
 * memory, or mapped at all, is not looked at: as with memcpy(), it must be.
 *
 * No system call, no lock: may be called in a signal handler.
 *
 * peervma_copy_to_device(): on return, stores that follow it in program order
 * (a doorbell, a flag) stay behind the bytes on their way to the device.
 * peervma_copy_from_device(): what it reads is not read ahead of loads that
 * precede it (of the flag that the device sets when it is done).
 *
 * Both keep to coherent memory: mappings of a dma-buf, which may be cached by
 * the CPU, ask for peervma_access_begin() and peervma_access_end() around.
 *
 * @param [out] device  First byte of device memory, writable.
 * @param [in]  host    First byte of host memory. They must not overlap.
 * @param [in]  length  Bytes; may be zero.
 */
void peervma_copy_to_device(void *device, const void *host, size_t length);
void peervma_copy_from_device(void *host, const void *device, size_t length);

#define PEERVMA_ACCESS_READ (1U << 0)
#define PEERVMA_ACCESS_WRITE (1U << 1)

/** Accesses by the CPU under way. */
typedef struct peervma_access {
    int fd;         /**< of the dma-buf; -1: the kernel need not be told */
    unsigned flags; /**< PEERVMA_ACCESS_* */
    uint64_t reserved[2];
} peervma_access_t;

/**
 * Tell the exporter of a mapped dma-buf that the CPU is going to read or write
 * it, and then that it is done: DMA_BUF_IOCTL_SYNC, by which the exporter
 * waits for devices that write, and sees to the CPU's caches. The kernel asks
 * for it around every access by the CPU to a mapping of PEERVMA_KIND_DMABUF;
 * other kinds need nothing and get nothing, at the price of a lookup.
 *
 * It takes a descriptor of the dma-buf from begin to end. Which one of the
 * program's that is, is remembered for some mappings that were accessed last.
 *
 * @param [in]  context   Context.
 * @param [in]  address   First byte.
 * @param [in]  length    Bytes, not zero.
 * @param [in]  flags     PEERVMA_ACCESS_READ, PEERVMA_ACCESS_WRITE or both.
 * @param [out] access_p  To be given to peervma_access_end(), once, by any
 *                        thread, but in this process.
 *
 * @return 0; -EINVAL (NULL, length zero, unknown or no flags); the errno of
 *         DMA_BUF_IOCTL_SYNC; otherwise as peervma_region_export(), of a
 *         dma-buf without a descriptor for instance. After an error the CPU's
 *         view of the memory may be old.
 */
int peervma_access_begin(peervma_context_t *context, const void *address,
                         size_t length, unsigned flags,
                         peervma_access_t *access_p);

/**
 * The accesses are over. Frees what peervma_access_begin() took, on errors too.
 *
 * @return 0; -EINVAL (NULL); the errno of DMA_BUF_IOCTL_SYNC.
 */
int peervma_access_end(peervma_access_t *access);

/**
 * Report that [address, address + length) was mapped, after the mapping; or
 * that it is unmapped or moved away by mremap, before or after that. For
 * contexts with PEERVMA_CONTEXT_NOTIFIED; others ignore it, as they do NULL
 * contexts and empty ranges.
 *
 * They neither allocate, lock, nor make a system call, so that they may be
 * called from inside mmap and malloc hooks.
 */
void peervma_notify_map(peervma_context_t *context, const void *address,
                        size_t length);
void peervma_notify_unmap(peervma_context_t *context, const void *address,
                          size_t length);

/**
 * A sentence for a reason: what it means and what to do.
 *
 * @return Static string, never NULL, also for unknown numbers.
 */
const char *peervma_reason_string(unsigned reason);

/** A word for a kind: "dma-buf", "drm", ...; static, never NULL. */
const char *peervma_kind_string(peervma_kind_t kind);

/** A word for a peervma_cache_t: "uncached", ...; static, never NULL. */
const char *peervma_cache_string(peervma_cache_t cache);

/** The library's version, "0.1.0"; static. */
const char *peervma_version_string(void);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
