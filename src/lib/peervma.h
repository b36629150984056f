/* SPDX-License-Identifier: BSD-3-Clause */
/**
 * @file peervma.h
 * What memory is at this address, and a dma-buf for it.
 *
 * Functions return 0 or a negative errno. They print nothing. A context may be
 * used by several threads at once. After fork() the child may go on using the
 * context: it notices the fork and looks at its own mappings. Outputs are the
 * last arguments, named `*_p`, and are written only on success unless said
 * otherwise. Addresses are the caller's own process's, lengths and offsets are
 * bytes.
 */
#ifndef PEERVMA_H
#define PEERVMA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A library instance: the region map and the providers. Opaque. */
typedef struct peervma_context peervma_context_t;

/**
 * The caller reports every mmap, munmap and mremap of the process by
 * peervma_notify_map() and peervma_notify_unmap(), so lookups are answered
 * from the region map. Without it each lookup asks the kernel.
 */
#define PEERVMA_CONTEXT_NOTIFIED (1U << 0)

/** Who owns the memory behind a mapping. */
typedef enum peervma_kind {
    PEERVMA_KIND_NONE   = 0, /**< not device memory */
    PEERVMA_KIND_DMABUF = 1, /**< mapping of a dma-buf */
    PEERVMA_KIND_DRM    = 2, /**< mapping of a DRM or accel node */
    PEERVMA_KIND_BAR    = 3, /**< mapping of a PCI BAR (sysfs, uio) */
    PEERVMA_KIND_DRIVER = 4, /**< a driver registered with peervma.ko */
    PEERVMA_KIND_VFIO   = 5  /**< mapping of a VFIO device */
} peervma_kind_t;

/** A PCI device. */
typedef struct peervma_pci {
    uint32_t domain;
    uint8_t  bus;
    uint8_t  device;
    uint8_t  function;
    uint8_t  valid; /**< 0: the exporter is no PCI device, or not known */
} peervma_pci_t;

/** One device memory mapping: one VMA. */
typedef struct peervma_region {
    uintptr_t      base;          /**< first address of the VMA */
    size_t         length;        /**< bytes */
    uint64_t       object_offset; /**< of @ref base in the object, if known */
    uint64_t       object_size;   /**< bytes; 0: not known */
    uint64_t       generation;    /**< differs if the address was remapped */
    peervma_kind_t kind;
    int            prot;      /**< PROT_READ | PROT_WRITE */
    int            numa_node; /**< of the device; -1: none or not known */
    peervma_pci_t  pci;
    uint64_t       reserved[4];
} peervma_region_t;

/** A dma-buf for a range. */
typedef struct peervma_export {
    int         fd;          /**< fresh, O_CLOEXEC; the caller closes it */
    uint64_t    offset;      /**< of the range's first byte in the dma-buf */
    uint64_t    object_size; /**< bytes in the dma-buf */
    const char *provider;    /**< who gave it; static string */
    uint64_t    reserved[2];
} peervma_export_t;

#define PEERVMA_MAX_REFUSALS 8

/** Why one provider did not export a range. */
typedef struct peervma_refusal {
    const char *provider; /**< static string */
    int         error;    /**< negative errno */
    unsigned    reason;   /**< for peervma_reason_string() */
} peervma_refusal_t;

/** The refusals met on the way through the providers, in their order. */
typedef struct peervma_refusals {
    unsigned          count;
    peervma_refusal_t refusal[PEERVMA_MAX_REFUSALS];
} peervma_refusals_t;

/**
 * Open a context.
 *
 * It opens /dev/peervma if that can be opened, and remembers why if not; a
 * machine without it is no error.
 *
 * @param [in]  flags      PEERVMA_CONTEXT_*.
 * @param [out] context_p  The context; peervma_context_close() frees it.
 *
 * @return 0, -EINVAL (unknown flag), -ENOMEM.
 */
int peervma_context_open(unsigned flags, peervma_context_t **context_p);

/** Close a context; NULL is allowed. dma-buf fds given out stay open. */
void peervma_context_close(peervma_context_t *context);

/**
 * What is mapped at an address.
 *
 * @param [in]  context   Context.
 * @param [in]  address   Any address.
 * @param [out] region_p  The mapping that contains it.
 *
 * @return 0, -ENOENT (not device memory, or not mapped), -EINVAL, -ENOMEM.
 */
int peervma_region_lookup(peervma_context_t *context, const void *address,
                          peervma_region_t *region_p);

/**
 * Call @a cb for each device memory mapping, in the order of addresses, until
 * it returns non-zero, which is then returned.
 */
int peervma_region_foreach(peervma_context_t *context,
                           int (*cb)(const peervma_region_t *region,
                                     void *arg),
                           void *arg);

/**
 * A dma-buf for a range of device memory.
 *
 * The range may start and end at any byte, but must lie inside one mapping.
 * Providers are asked in order; the first that can answers.
 *
 * @param [in]  context     Context.
 * @param [in]  address     First byte.
 * @param [in]  length      Bytes, not zero.
 * @param [out] export_p    The dma-buf. The caller closes `fd`.
 * @param [out] refusals_p  Why providers refused; always written. May be NULL.
 *
 * @return 0; -ENOENT (not device memory); -ERANGE (the range leaves its
 *         mapping); -EINVAL; else the errno of the last provider.
 */
int peervma_region_export(peervma_context_t *context, const void *address,
                          size_t length, peervma_export_t *export_p,
                          peervma_refusals_t *refusals_p);

/**
 * Report that [address, address + length) was mapped or unmapped (or moved
 * away by mremap). They neither allocate, lock, nor make a system call, so
 * that they may be called from inside mmap and malloc hooks.
 */
void peervma_notify_map(peervma_context_t *context, const void *address,
                        size_t length);
void peervma_notify_unmap(peervma_context_t *context, const void *address,
                          size_t length);

/** A sentence for a reason; static, never NULL. */
const char *peervma_reason_string(unsigned reason);

/** A word for a kind: "dma-buf", "drm", ...; static, never NULL. */
const char *peervma_kind_string(peervma_kind_t kind);

/** The library's version, "0.1.0"; static. */
const char *peervma_version_string(void);

#ifdef __cplusplus
}
#endif

#endif
