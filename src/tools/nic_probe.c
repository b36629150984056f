/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <infiniband/verbs.h>
#include <string.h>

#include "machine.h"

#define PROBE_BYTES 4096

/*
 * Register a dma-buf that there is not. A driver that can says so of the
 * descriptor; one that cannot does not look at it.
 */
static int probe(struct ibv_context *context)
{
    struct ibv_pd *pd;
    struct ibv_mr *mr;
    int error;

    pd = ibv_alloc_pd(context);
    if (pd == NULL) {
        return -errno;
    }
    mr = ibv_reg_dmabuf_mr(pd, 0, PROBE_BYTES, 0, -1, IBV_ACCESS_LOCAL_WRITE);
    error = errno;
    if (mr != NULL) {
        ibv_dereg_mr(mr);
        error = EBADF;
    }
    ibv_dealloc_pd(pd);
    return error == EBADF ? 0 : -error;
}

int nic_probe_dmabuf(const char *name)
{
    struct ibv_device **devices;
    struct ibv_context *context;
    int count, i, ret = -ENODEV;

    devices = ibv_get_device_list(&count);
    if (devices == NULL) {
        return -errno;
    }
    for (i = 0; i < count; i++) {
        if (strcmp(ibv_get_device_name(devices[i]), name) == 0) {
            context = ibv_open_device(devices[i]);
            ret = context != NULL ? probe(context) : -errno;
            if (context != NULL) {
                ibv_close_device(context);
            }
        }
    }
    ibv_free_device_list(devices);
    return ret;
}
