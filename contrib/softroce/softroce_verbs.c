/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ibv_reg_dmabuf_mr() for Soft-RoCE devices, to be preloaded.
 *
 * libibverbs asks the user-space driver of the device, and rdma-core's one for
 * rxe has no such call: EOPNOTSUPP, though the kernel could do it. Only then,
 * and only for that driver, this library makes the generic system call that
 * other drivers make through libibverbs. It depends on no library of verbs, so
 * that a program without verbs loads nothing for it, and it has no state.
 */
#include <config.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <infiniband/verbs.h>

/*
 * What is private to rdma-core, and the same in the versions below: the
 * arguments of the call; a driver's memory region begins with struct ibv_mr and
 * is smaller than REGION_SIZE; rxe frees it with free().
 */
#define REGION_SIZE 256

static const struct private_version {
    const char *driver;
    const char *symbols;
} versions[] = {
    {"librxe-rdmav34.so", "IBVERBS_PRIVATE_34"},
    {"librxe-rdmav65.so", "IBVERBS_PRIVATE_65"},
};

typedef struct ibv_mr *(*reg_dmabuf_fn)(struct ibv_pd *pd, uint64_t offset,
                                        size_t length, uint64_t iova, int fd,
                                        int access);
typedef int (*cmd_reg_dmabuf_fn)(struct ibv_pd *pd, uint64_t offset,
                                 size_t length, uint64_t iova, int fd,
                                 int access, void *region, void *driver);

/*
 * The private symbols' version if this device's memory regions are freed by
 * rdma-core's rxe driver, and in a way that is known; else NULL.
 */
static const char *rxe_version(const struct ibv_pd *pd)
{
    const char *name;
    Dl_info info;
    size_t i;

    if (!dladdr((void *)pd->context->ops.post_send, &info) || !info.dli_fname)
        return NULL;

    name = strrchr(info.dli_fname, '/');
    name = name ? name + 1 : info.dli_fname;
    for (i = 0; i < sizeof(versions) / sizeof(versions[0]); i++)
        if (!strcmp(name, versions[i].driver))
            return versions[i].symbols;
    return NULL;
}

static struct ibv_mr *rxe_reg_dmabuf(cmd_reg_dmabuf_fn cmd, struct ibv_pd *pd,
                                     uint64_t offset, size_t length,
                                     uint64_t iova, int fd, int access)
{
    void *region = calloc(1, REGION_SIZE);
    int err;

    if (!region)
        return NULL;

    err = cmd(pd, offset, length, iova, fd, access, region, NULL);
    if (!err)
        return region;

    free(region);
    /* What uverbs says of a kernel whose rxe has no dma-buf. */
    errno = err == EPROTONOSUPPORT ? EOPNOTSUPP : err;
    return NULL;
}

/**
 * ibv_reg_dmabuf_mr(3), for Soft-RoCE too. All else is libibverbs' own.
 */
__attribute__((visibility("default"))) struct ibv_mr *ibv_reg_dmabuf_mr(
    struct ibv_pd *pd, uint64_t offset, size_t length, uint64_t iova, int fd,
    int access)
{
    struct ibv_mr *mr = NULL;
    const char *version;
    cmd_reg_dmabuf_fn cmd;
    reg_dmabuf_fn reg;
    void *verbs;
    int err;

    /* The caller has a protection domain, so it has libibverbs, too. It may
     * have it by a plugin, where RTLD_NEXT does not look. */
    verbs = dlopen("libibverbs.so.1", RTLD_LAZY | RTLD_NOLOAD);
    if (!verbs) {
        errno = EOPNOTSUPP;
        return NULL;
    }

    errno = EOPNOTSUPP;
    reg = (reg_dmabuf_fn)dlsym(verbs, "ibv_reg_dmabuf_mr");
    if (reg)
        mr = reg(pd, offset, length, iova, fd, access);
    if (mr || errno != EOPNOTSUPP)
        goto out;
    version = rxe_version(pd);
    if (!version)
        goto out;

    cmd = (cmd_reg_dmabuf_fn)dlvsym(verbs, "ibv_cmd_reg_dmabuf_mr", version);
    errno = EOPNOTSUPP;
    if (cmd)
        mr = rxe_reg_dmabuf(cmd, pd, offset, length, iova, fd, access);
out:
    err = errno;
    dlclose(verbs);
    errno = err;
    return mr;
}
