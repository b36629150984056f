/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Do the NICs that UCX uses register this dma-buf? UCX takes it for granted
 * once a NIC registers any, and fails the request whose buffer one refuses. So
 * it is tried first, by the libibverbs that UCX has loaded.
 */
#ifndef UCT_PEERVMA_NICS_H
#define UCT_PEERVMA_NICS_H

#include <stddef.h>
#include <stdint.h>

/* Of libibverbs, whose ABI is stable: no need to build with its headers. */
struct ibv_device;
struct ibv_context;
struct ibv_pd;
struct ibv_mr;

/* The functions of libibverbs. */
typedef struct {
    struct ibv_device **(*get_device_list)(int *count_p);
    void (*free_device_list)(struct ibv_device **devices);
    const char *(*get_device_name)(struct ibv_device *device);
    struct ibv_context *(*open_device)(struct ibv_device *device);
    int (*close_device)(struct ibv_context *context);
    struct ibv_pd *(*alloc_pd)(struct ibv_context *context);
    int (*dealloc_pd)(struct ibv_pd *pd);
    struct ibv_mr *(*reg_dmabuf_mr)(struct ibv_pd *pd, uint64_t offset,
                                    size_t length, uint64_t iova, int fd,
                                    int access);
    int (*dereg_mr)(struct ibv_mr *mr);
} uct_peervma_verbs_t;

/* -ENOENT if this process has no libibverbs that registers dma-bufs. */
int uct_peervma_verbs_find(uct_peervma_verbs_t *verbs_p);

typedef struct uct_peervma_nics uct_peervma_nics_t;

/*
 * Those of the wanted NICs that register dma-bufs at all. `wanted` is as
 * UCX_NET_DEVICES has it. NULL if there is no memory.
 */
uct_peervma_nics_t *uct_peervma_nics_open(const uct_peervma_verbs_t *verbs,
                                          const char *wanted);
void uct_peervma_nics_close(uct_peervma_nics_t *nics);

/*
 * Register the range of the dma-buf with each, and give it up again. 0, or the
 * errno of the first that refuses, with its name, valid until the close.
 */
int uct_peervma_nics_try(uct_peervma_nics_t *nics, int fd, uint64_t offset,
                         size_t length, const void *address,
                         const char **name_p);

/* Is the RDMA device in a list such as "mlx5_0:1,ens3" or "^mlx5_0:1"? */
int uct_peervma_is_nic_wanted(const char *wanted, const char *name);

#endif
