/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A BAR that was mapped through VFIO, which gives dma-bufs only to who holds a
 * descriptor of the device: one that the process has open. A device that was
 * opened by its node is known by that. The descriptors that a VFIO group gives
 * are all of one inode: there fdinfo names the device, and peervma.ko says
 * which one is mapped.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "pci.h"
#include "provider.h"
#include "vfio_fdinfo.h"

/* linux/vfio.h has them since 6.19. */
#define FEATURE_DMA_BUF 11

struct dma_buf_range {
    uint64_t offset;
    uint64_t length;
};

struct dma_buf_feature {
    struct vfio_device_feature head;
    uint32_t region_index;
    uint32_t open_flags;
    uint32_t flags;
    uint32_t nr_ranges;
    struct dma_buf_range range;
};

/* The PCI device that is mapped; !valid if that cannot be told. */
static peervma_pci_t mapped_device(const struct peervma_request *request)
{
    const struct peervma_module *module = &request->context->module;
    peervma_pci_t pci = request->region->pci;
    struct peervma_query query;

    /* The kernel knows it by the page, once that was accessed. */
    if (!pci.valid && request->context->view.own &&
        peervma_module_query(module, request->address, &query) == 0 &&
        query.pci_valid) {
        pci = (peervma_pci_t){
            .domain = query.pci_domain,
            .bus = (uint8_t)query.pci_bus,
            .device = (uint8_t)(query.pci_devfn >> 3),
            .function = query.pci_devfn & 7,
            .valid = 1,
        };
    }
    return pci;
}

/* Is /proc/PID/fd/`name` a descriptor that a VFIO group gave? */
static bool is_of_group(const struct peervma_request *request, int folder,
                        const char *name)
{
    char link[sizeof("anon_inode:[vfio-device]")];
    ssize_t length;

    length = readlinkat(folder, name, link, sizeof(link));
    return length == (ssize_t)sizeof(link) - 1 &&
           memcmp(link, request->vma->path, (size_t)length) == 0;
}

/* The number of a descriptor of the device; or -errno and a reason. */
static int find_by_name(const struct peervma_request *request,
                        const peervma_pci_t *pci, unsigned *reason_p)
{
    const char *proc = request->context->view.proc;
    struct dirent *entry;
    bool nameless = false;
    peervma_pci_t other;
    char path[64];
    DIR *folder;
    int fd = -1;

    snprintf(path, sizeof(path), "%s/fd", proc);
    folder = opendir(path);
    if (folder == NULL) {
        *reason_p = PEERVMA_REASON_SYSTEM;
        return -errno;
    }
    while (fd < 0 && (entry = readdir(folder)) != NULL) {
        if (!is_of_group(request, dirfd(folder), entry->d_name)) {
            continue;
        }
        if (!peervma_vfio_fdinfo(proc, entry->d_name, &other)) {
            nameless = true;
        } else if (peervma_pci_is_same(pci, &other)) {
            fd = atoi(entry->d_name);
        }
    }
    closedir(folder);

    if (fd < 0 && nameless) {
        *reason_p = PEERVMA_REASON_NO_VFIO_DMABUF;
        return -EOPNOTSUPP;
    }
    if (fd < 0) {
        *reason_p = PEERVMA_REASON_NO_VFIO_DEVICE;
        return -EBADF;
    }
    return fd;
}

static int find_device(const struct peervma_request *request,
                       unsigned *reason_p)
{
    peervma_pci_t pci;
    int fd;

    if (request->vma->path[0] == '/') {
        fd = peervma_provider_find_mapped(request, reason_p);
        if (fd == -EBADF) {
            *reason_p = PEERVMA_REASON_NO_VFIO_DEVICE;
        }
        return fd;
    }
    pci = mapped_device(request);
    if (!pci.valid) {
        *reason_p = PEERVMA_REASON_VFIO_UNKNOWN;
        return -EOPNOTSUPP;
    }
    return find_by_name(request, &pci, reason_p);
}

/* A descriptor of our own. The number found may be another file's by now. */
static int copy_device(const struct peervma_request *request,
                       unsigned *reason_p)
{
    int found = find_device(request, reason_p), fd;
    struct vfio_device_info info = {.argsz = sizeof(info)};

    if (found < 0) {
        return found;
    }
    fd = fcntl(found, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        *reason_p = PEERVMA_REASON_SYSTEM;
        return -errno;
    }
    if (find_device(request, reason_p) != found ||
        ioctl(fd, VFIO_DEVICE_GET_INFO, &info) != 0) {
        close(fd);
        *reason_p = PEERVMA_REASON_NO_VFIO_DEVICE;
        return -EBADF;
    }
    return fd;
}

static int vfio_check(const struct peervma_request *request, unsigned *reason_p)
{
    int ret;

    if (request->region->kind != PEERVMA_KIND_VFIO) {
        *reason_p = PEERVMA_REASON_NOT_VFIO;
        return -EOPNOTSUPP;
    }
    ret = peervma_provider_check_access(request->vma, reason_p);
    if (ret != 0) {
        return ret;
    }
    ret = find_device(request, reason_p);
    return ret < 0 ? ret : 0;
}

/* The region of the device in which a mapping of this offset begins. */
static bool find_region(int fd, uint64_t offset,
                        struct vfio_region_info *region_p)
{
    struct vfio_device_info info = {.argsz = sizeof(info)};
    uint32_t index;

    if (ioctl(fd, VFIO_DEVICE_GET_INFO, &info) != 0) {
        return false;
    }
    for (index = 0; index < info.num_regions; index++) {
        *region_p = (struct vfio_region_info){
            .argsz = sizeof(*region_p),
            .index = index,
        };
        if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, region_p) == 0 &&
            offset >= region_p->offset &&
            offset - region_p->offset < region_p->size) {
            return true;
        }
    }
    return false;
}

/* A dma-buf of bytes of a region: its descriptor, or -errno and a reason. */
static int get_dma_buf(int fd, uint32_t region,
                       const struct dma_buf_range *range, unsigned *reason_p)
{
    struct dma_buf_feature feature = {
        .head.argsz = sizeof(feature),
        .head.flags = VFIO_DEVICE_FEATURE_GET | FEATURE_DMA_BUF,
        .region_index = region,
        .open_flags = O_RDWR | O_CLOEXEC,
        .nr_ranges = 1,
        .range = *range,
    };
    int dmabuf = ioctl(fd, VFIO_DEVICE_FEATURE, &feature);

    if (dmabuf >= 0) {
        return dmabuf;
    }
    switch (errno) {
    case ENOTTY: /* no such feature */
    case EOPNOTSUPP:
    case EINVAL: /* no P2PDMA, no whole pages */
        *reason_p = PEERVMA_REASON_NO_VFIO_DMABUF;
        return -EOPNOTSUPP;
    default:
        *reason_p = PEERVMA_REASON_SYSTEM;
        return -errno;
    }
}

static int vfio_export(const struct peervma_request *request,
                       peervma_export_t *export_p, unsigned *reason_p)
{
    const struct peervma_vma *vma = request->vma;
    uintptr_t mask = request->context->page_size - 1;
    uintptr_t start = request->address & ~mask;
    uintptr_t end = (request->address + request->length + mask) & ~mask;
    struct vfio_region_info region;
    struct dma_buf_range range;
    int fd, ret;

    fd = copy_device(request, reason_p);
    if (fd < 0) {
        return fd;
    }
    if (!find_region(fd, vma->offset, &region)) {
        *reason_p = PEERVMA_REASON_OFFSET;
        ret = -EOPNOTSUPP;
        goto out_close;
    }

    range.offset = vma->offset - region.offset + (start - vma->start);
    range.length = end - start;
    ret = get_dma_buf(fd, region.index, &range, reason_p);
    if (ret >= 0) {
        *export_p = (peervma_export_t){
            .fd = ret,
            .offset = request->address & mask,
            .object_size = range.length,
        };
        ret = 0;
    }

out_close:
    close(fd);
    return ret;
}

const struct peervma_provider peervma_provider_vfio = {
    .name = "vfio",
    .check = vfio_check,
    .export = vfio_export,
};
