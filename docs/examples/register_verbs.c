/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register any pointer with verbs: register_pointer() is all that a program
 * needs. Built by `make check`, or by
 *
 *     cc register_verbs.c $(pkg-config --cflags --libs peervma libibverbs)
 *
 * main() tries it with memory of malloc() and of a DMA heap.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <infiniband/verbs.h>
#include <peervma.h>

/* As ibv_reg_mr(), for host memory and for any device's. */
static struct ibv_mr *register_pointer(peervma_context_t *context,
                                       struct ibv_pd *pd, void *address,
                                       size_t length, int access)
{
    peervma_refusals_t refusals;
    peervma_export_t export;
    struct ibv_mr *mr;
    unsigned i;
    int ret;

    ret = peervma_region_export(context, address, length, &export, &refusals);
    if (ret == -ENOENT) {
        return ibv_reg_mr(pd, address, length, access); /* host memory */
    }
    if (ret != 0) {
        for (i = 0; i < refusals.count; i++) {
            fprintf(stderr, "%s: %s\n", refusals.refusal[i].provider,
                    peervma_reason_string(refusals.refusal[i].reason));
        }
        errno = -ret;
        return NULL;
    }

    mr = ibv_reg_dmabuf_mr(pd, export.offset, length, (uintptr_t)address,
                           export.fd, access);
    close(export.fd); /* the region holds the memory now */
    return mr;
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

static int try_pointer(peervma_context_t *context, struct ibv_pd *pd,
                       void *address, const char *what)
{
    struct ibv_mr *mr;

    mr = register_pointer(context, pd, address, LENGTH, IBV_ACCESS_LOCAL_WRITE);
    if (mr == NULL) {
        fprintf(stderr, "%s: %s\n", what, strerror(errno));
        return 1;
    }
    printf("%s: lkey %#x\n", what, mr->lkey);
    return ibv_dereg_mr(mr);
}

int main(void)
{
    struct ibv_device **devices = ibv_get_device_list(NULL);
    void *host = malloc(LENGTH), *device = map_dma_heap();
    struct ibv_context *nic;
    peervma_context_t *context;
    struct ibv_pd *pd;

    if (devices == NULL || devices[0] == NULL || host == NULL ||
        device == MAP_FAILED || peervma_context_open(0, &context) != 0) {
        fprintf(stderr, "needs an RDMA NIC and /dev/dma_heap/system\n");
        return 1;
    }
    nic = ibv_open_device(devices[0]);
    pd = nic != NULL ? ibv_alloc_pd(nic) : NULL;
    return pd == NULL || try_pointer(context, pd, host, "malloc") != 0 ||
           try_pointer(context, pd, device, "DMA heap") != 0;
}
