/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Register any pointer with libfabric 1.20 or later: register_pointer() is all
 * that a program needs. Built by `make check` where libfabric is found, or by
 *
 *     cc register_libfabric.c $(pkg-config --cflags --libs peervma libfabric)
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

int main(void)
{
    struct fi_info *hints = fi_allocinfo(), *info;
    struct fid_fabric *fabric;
    struct fid_domain *domain;
    peervma_context_t *context;
    struct fid_mr *mr;
    void *memory = malloc(65536);
    int ret;

    if (hints == NULL || memory == NULL) {
        return 1;
    }
    hints->domain_attr->mr_mode =
        FI_MR_LOCAL | FI_MR_VIRT_ADDR | FI_MR_ALLOCATED | FI_MR_PROV_KEY;
    ret = fi_getinfo(FI_VERSION(1, 20), NULL, NULL, 0, hints, &info);
    if (ret != 0 || fi_fabric(info->fabric_attr, &fabric, NULL) != 0 ||
        fi_domain(fabric, info, &domain, NULL) != 0 ||
        peervma_context_open(0, &context) != 0) {
        fprintf(stderr, "no fabric\n");
        return 1;
    }
    ret = register_pointer(context, domain, memory, 65536, FI_SEND | FI_RECV, 1,
                           &mr);
    printf("%s: %s\n", info->fabric_attr->prov_name, fi_strerror(-ret));
    return ret != 0;
}
