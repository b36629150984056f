/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Pages of an RDMA device that its library maps: doorbells, device memory.
 *
 * Linux 7.0 and later export what one open file of a uverbs node maps at an
 * offset (drivers/infiniband/core/uverbs_std_types_dmabuf.c; the numbers are of
 * include/uapi/rdma/ib_user_ioctl_cmds.h), where the NIC's driver takes part:
 * mlx5's alone, for its rdma_user_mmap_entry. No such device was here to try.
 *
 * The offsets are of an open file, and a mapping does not tell of which: the
 * process must have exactly one. That the one mapped was closed, and another
 * opened, cannot be seen; libibverbs unmaps what it mapped before it closes.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "classify.h"
#include "provider.h"
#include "sysfs.h"

#define OBJECT_DMABUF 18
#define METHOD_ALLOC 0
#define ATTR_FD 0
#define ATTR_OFFSET 1

/* All the numbers that the kernel gives to RDMA drivers are below. */
#define DRIVERS 64

struct alloc_message {
    struct ib_uverbs_ioctl_hdr head;
    struct ib_uverbs_attr attr[2];
};

static int uverbs_check(const struct peervma_request *request,
                        unsigned *reason_p)
{
    const struct peervma_view *view = &request->context->view;
    struct peervma_class class;
    char subsystem[32];
    int ret;

    peervma_classify(view, request->vma, &class);
    if (class.device == 0 ||
        !peervma_sysfs_char_link(view, class.device, "subsystem", subsystem,
                                 sizeof(subsystem)) ||
        strcmp(subsystem, "infiniband_verbs") != 0) {
        *reason_p = PEERVMA_REASON_NOT_UVERBS;
        return -EOPNOTSUPP;
    }
    ret = peervma_provider_check_access(request->vma, reason_p);
    if (ret != 0) {
        return ret;
    }
    ret = peervma_provider_find_mapped(request, reason_p);
    if (ret == -EBADF) {
        *reason_p = PEERVMA_REASON_UVERBS_FILE;
    }
    return ret < 0 ? ret : 0;
}

/* 0 if both descriptors are of one open file. */
static int compare_open_file(int fd, void *arg)
{
    pid_t self = getpid();

    return syscall(SYS_kcmp, self, self, KCMP_FILE, fd, *(int *)arg) == 0
               ? 0
               : -EBADF;
}

/*
 * Ask as each driver in turn, as only netlink tells whose node it is: all but
 * the right one are refused before anything else is looked at.
 */
static int alloc_dmabuf(const struct peervma_view *view, int fd,
                        uint64_t offset, unsigned *reason_p)
{
    struct alloc_message message;
    uint32_t driver;

    for (driver = 0; driver < DRIVERS; driver++) {
        message = (struct alloc_message){
            .head = {.length = sizeof(message),
                     .object_id = OBJECT_DMABUF,
                     .method_id = METHOD_ALLOC,
                     .num_attrs = 2,
                     .driver_id = driver},
            .attr = {{.attr_id = ATTR_FD, .flags = UVERBS_ATTR_F_MANDATORY},
                     {.attr_id = ATTR_OFFSET,
                      .len = sizeof(offset),
                      .flags = UVERBS_ATTR_F_MANDATORY,
                      .data = offset}},
        };
        if (view->verbs_ioctl(fd, RDMA_VERBS_IOCTL, &message) == 0) {
            return (int)message.attr[0].data_s64;
        }
        if (errno != EINVAL) {
            break;
        }
    }
    switch (errno) {
    case EINVAL:          /* no entry begins at the offset */
    case EPROTONOSUPPORT: /* no such object: Linux or the driver has none */
    case ENOTTY:
    case EOPNOTSUPP: /* no P2PDMA */
        *reason_p = PEERVMA_REASON_UVERBS;
        return -EOPNOTSUPP;
    default:
        *reason_p = PEERVMA_REASON_SYSTEM;
        return -errno;
    }
}

/* A descriptor of the only open file of the node, for the caller to close. */
static int copy_only_file(const struct peervma_request *request,
                          unsigned *reason_p)
{
    int fd = peervma_provider_copy_mapped(request, reason_p);

    if (fd >= 0 &&
        peervma_provider_walk_mapped(request, compare_open_file, &fd) != 0) {
        close(fd);
        fd = -EBADF;
    }
    if (fd == -EBADF) {
        *reason_p = PEERVMA_REASON_UVERBS_FILE;
    }
    return fd;
}

static int uverbs_export(const struct peervma_request *request,
                         peervma_export_t *export_p, unsigned *reason_p)
{
    uint64_t offset = request->address - request->vma->start;
    int fd, dmabuf;
    off_t size;

    fd = copy_only_file(request, reason_p);
    if (fd < 0) {
        return fd;
    }
    dmabuf = alloc_dmabuf(&request->context->view, fd, request->vma->offset,
                          reason_p);
    close(fd);
    if (dmabuf < 0) {
        return dmabuf;
    }

    size = lseek(dmabuf, 0, SEEK_END);
    if (size < 0 || offset > (uint64_t)size ||
        request->length > (uint64_t)size - offset) {
        close(dmabuf);
        *reason_p = PEERVMA_REASON_BEYOND_OBJECT;
        return -ERANGE;
    }
    *export_p = (peervma_export_t){
        .fd = dmabuf,
        .offset = offset,
        .object_size = (uint64_t)size,
    };
    return 0;
}

const struct peervma_provider peervma_provider_uverbs = {
    .name = "uverbs",
    .check = uverbs_check,
    .export = uverbs_export,
};
