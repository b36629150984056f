/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register any pointer with libfabric 1.20 or later: register_pointer() is all
 * that a program needs. Built by `make check` where libfabric is found, or by
 *
 *     cc register_libfabric.c $(pkg-config --cflags --libs peervma libfabric)
 *
 * main() tries it with memory of malloc() and of a DMA heap, by the provider
 * that its argument names ("verbs"), or by libfabric's choice.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <peervma.h>
#include <rdma/fabric.h>
#include <rdma/fi_domain.h>
#include <rdma/fi_errno.h>

/* As fi_mr_reg(), for host memory and for any device's. 0 or -errno. */
static int register_pointer(peervma_context_t *context,
                            struct fid_domain *domain, void *address,
                            size_t length, uint64_t access, uint64_t key,
                            struct fid_mr **mr_p)
{
    struct iovec memory = {.iov_base = address, .iov_len = length};
    struct fi_mr_dmabuf dmabuf = {.len = length};
    struct fi_mr_attr attr = {
        .mr_iov = &memory,
        .iov_count = 1,
        .access = access,
        .requested_key = key,
        .iface = FI_HMEM_SYSTEM,
    };
    peervma_export_t export;
    uint64_t flags = 0;
    int ret;

    ret = peervma_region_export(context, address, length, &export, NULL);
    if (ret != 0 && ret != -ENOENT) {
        return ret;
    }
    if (ret == 0) {
        dmabuf.fd = export.fd;
        dmabuf.offset = export.offset;
        dmabuf.base_addr = (char *)address - export.offset;
        attr.dmabuf = &dmabuf;
        flags = FI_MR_DMABUF;
    }

    ret = fi_mr_regattr(domain, &attr, flags, mr_p);
    if (flags & FI_MR_DMABUF) {
        close(export.fd); /* the region holds the memory now */
    }
    return ret;
}

#define LENGTH 65536

static void *map_dma_heap(void)
{
    struct dma_heap_allocation_data data = {
        .len = LENGTH,
        .fd_flags = O_RDWR | O_CLOEXEC,
    };
    int heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
    void *address;

    if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) != 0) {
        return MAP_FAILED;
    }
    address =
        mmap(NULL, LENGTH, PROT_READ | PROT_WRITE, MAP_SHARED, (int)data.fd, 0);
    close(heap);
    return address; /* its descriptor stays open: the provider "fd" wants it */
}

static int try_pointer(peervma_context_t *context, struct fid_domain *domain,
                       void *address, uint64_t key, const char *what)
{
    struct fid_mr *mr;
    int ret;

    ret = register_pointer(context, domain, address, LENGTH,
                           FI_REMOTE_READ | FI_REMOTE_WRITE, key, &mr);
    if (ret != 0) {
        fprintf(stderr, "%s: %s\n", what, fi_strerror(-ret));
        return 1;
    }
    printf("%s: key %#lx\n", what, (unsigned long)fi_mr_key(mr));
    return fi_close(&mr->fid);
}

static struct fi_info *choose(const char *provider)
{
    struct fi_info *hints = fi_allocinfo(), *info = NULL;

    if (hints == NULL) {
        return NULL;
    }
    hints->caps = FI_MSG | FI_RMA;
    hints->domain_attr->mr_mode =
        FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
    hints->fabric_attr->prov_name = provider ? strdup(provider) : NULL;
    if (fi_getinfo(FI_VERSION(1, 20), NULL, NULL, 0, hints, &info) != 0) {
        info = NULL;
    }
    fi_freeinfo(hints);
    return info;
}

int main(int argc, char **argv)
{
    struct fi_info *info = choose(argc > 1 ? argv[1] : NULL);
    void *host = malloc(LENGTH), *device = map_dma_heap();
    peervma_context_t *context;
    struct fid_fabric *fabric;
    struct fid_domain *domain;

    if (info == NULL || host == NULL || device == MAP_FAILED ||
        fi_fabric(info->fabric_attr, &fabric, NULL) != 0 ||
        fi_domain(fabric, info, &domain, NULL) != 0 ||
        peervma_context_open(0, &context) != 0) {
        fprintf(stderr, "needs a fabric and /dev/dma_heap/system\n");
        return 1;
    }
    printf("%s\n", info->fabric_attr->prov_name);
    return try_pointer(context, domain, host, 1, "malloc") != 0 ||
           try_pointer(context, domain, device, 2, "DMA heap") != 0;
}
