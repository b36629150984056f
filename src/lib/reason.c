/* SPDX-License-Identifier: BSD-3-Clause */
#include <linux/peervma.h>
#include <stddef.h>

#include "peervma.h"

static const char *kernel_reason(unsigned reason)
{
    switch ((enum peervma_reason)reason) {
    case PEERVMA_REASON_NONE:
        return "nothing is known against it";
    case PEERVMA_REASON_UNMAPPED:
        return "nothing is mapped at the address";
    case PEERVMA_REASON_NOT_DEVICE:
        return "it is ordinary memory, not a device's";
    case PEERVMA_REASON_CROSSES_VMA:
        return "the range leaves its mapping: export each mapping by itself";
    case PEERVMA_REASON_PRIVATE:
        return "the mapping is private: map it with MAP_SHARED";
    case PEERVMA_REASON_READ_ONLY:
        return "the mapping cannot be both read and written, a dma-buf can: "
               "map it with PROT_READ | PROT_WRITE";
    case PEERVMA_REASON_NO_EXPORTER:
        return "peervma.ko knows no exporter for this mapping's driver";
    case PEERVMA_REASON_NOT_GEM:
        return "the mapping is none of a GEM object: its DRM driver manages "
               "memory in a way of its own";
    case PEERVMA_REASON_NO_PRIME:
        return "the DRM driver cannot export its objects (no PRIME)";
    case PEERVMA_REASON_NOT_ALLOWED:
        return "the file that was mapped may not use the object: map it "
               "through the descriptor that allocated it";
    case PEERVMA_REASON_BEYOND_OBJECT:
        return "the range reaches beyond the end of the object";
    case PEERVMA_REASON_REVOKED:
        return "the device or the object is gone";
    case PEERVMA_REASON_EXPORTER:
        return "the exporting driver refused: its errno says why";
    case PEERVMA_REASON_BAR_POLICY:
        return "peervma.ko may not export BARs of this device: see its "
               "parameter bar_export";
    case PEERVMA_REASON_LIMIT:
        return "as many exports are in use as peervma.ko allows: see its "
               "parameters max_exports, max_exports_per_user and "
               "max_exports_per_process";
    case PEERVMA_REASON_UNKNOWN_OFFSET:
        return "where in the dma-buf the mapping begins cannot be told: map "
               "the whole dma-buf";
    case PEERVMA_REASON_NOT_REVOCABLE:
        return "the driver's dma-buf cannot be taken back from a NIC (it has "
               "no pin and unpin)";
    case PEERVMA_REASON_VFIO:
        return "VFIO gives dma-bufs of it only to who holds the device's "
               "descriptor: keep that open, for Linux 6.19 or later";
    }
    return NULL;
}

static const char *library_reason(unsigned reason)
{
    switch ((peervma_library_reason_t)reason) {
    case PEERVMA_REASON_NO_MODULE:
        return "there is no /dev/peervma: load the kernel module (modprobe "
               "peervma)";
    case PEERVMA_REASON_NO_PERMISSION:
        return "/dev/peervma may not be opened: join the group that owns it, "
               "by default render";
    case PEERVMA_REASON_NOT_DMABUF:
        return "it is no mapping of a dma-buf that the process could hold a "
               "descriptor of";
    case PEERVMA_REASON_NO_DESCRIPTOR:
        return "the process holds no descriptor of the mapped dma-buf for "
               "reading and writing: keep it open";
    case PEERVMA_REASON_OFFSET:
        return "the exporter hides where in the dma-buf the mapping begins: "
               "map the whole dma-buf";
    case PEERVMA_REASON_SYSTEM:
        return "a system call failed: its errno says why";
    case PEERVMA_REASON_NOT_VFIO:
        return "it is no mapping of a VFIO device";
    case PEERVMA_REASON_NO_VFIO_DEVICE:
        return "the process holds no descriptor of the mapped VFIO device: "
               "keep it open";
    case PEERVMA_REASON_VFIO_UNKNOWN:
        return "which VFIO device is mapped cannot be told: load peervma.ko "
               "and access the memory once, or open the device by its node in "
               "/dev/vfio/devices";
    case PEERVMA_REASON_NO_VFIO_DMABUF:
        return "VFIO makes no dma-buf of it: that takes Linux 6.19 with "
               "P2PDMA, and whole pages of a PCI BAR";
    case PEERVMA_REASON_NOT_DRM:
        return "it is no mapping of a DRM or accel node";
    case PEERVMA_REASON_NO_NODE:
        return "the process holds no descriptor of the mapped DRM node: keep "
               "it open";
    case PEERVMA_REASON_NO_OFFSETS:
        return "the DRM driver does not tell, or not through this node, where "
               "its objects are mapped";
    case PEERVMA_REASON_NO_HANDLE:
        return "no open file of the DRM node has a handle of the mapped "
               "object: keep it open";
    case PEERVMA_REASON_NOT_UVERBS:
        return "it is none of an RDMA device's own pages";
    case PEERVMA_REASON_UVERBS:
        return "it is a page of an RDMA device's own, a doorbell for instance: "
               "its driver exports none such, or not this one (mlx5 may, since "
               "Linux 7.0)";
    case PEERVMA_REASON_UVERBS_FILE:
        return "of which open file of the RDMA device it is a page cannot be "
               "told: have the device open exactly once";
    case PEERVMA_REASON_LEGACY:
        return "it is a mapping of a driver that has a peer-memory client: "
               "give the pointer itself to ibv_reg_mr()";
    }
    return NULL;
}

const char *peervma_reason_string(unsigned reason)
{
    const char *text = reason < PEERVMA_REASON_NO_MODULE
                           ? kernel_reason(reason)
                           : library_reason(reason);

    return text != NULL ? text : "a reason that this libpeervma does not know";
}

const char *peervma_kind_string(peervma_kind_t kind)
{
    switch (kind) {
    case PEERVMA_KIND_NONE:
        return "none";
    case PEERVMA_KIND_DMABUF:
        return "dma-buf";
    case PEERVMA_KIND_DRM:
        return "drm";
    case PEERVMA_KIND_BAR:
        return "bar";
    case PEERVMA_KIND_DRIVER:
        return "driver";
    case PEERVMA_KIND_VFIO:
        return "vfio";
    case PEERVMA_KIND_OTHER:
        return "other";
    case PEERVMA_KIND_DECLARED:
        return "declared";
    }
    return "unknown";
}

const char *peervma_cache_string(peervma_cache_t cache)
{
    switch (cache) {
    case PEERVMA_CACHE_UNCACHED:
        return "uncached";
    case PEERVMA_CACHE_WRITE_COMBINING:
        return "write-combining";
    case PEERVMA_CACHE_UNKNOWN:
        break;
    }
    return "unknown";
}
