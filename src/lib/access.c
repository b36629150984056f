/* SPDX-License-Identifier: BSD-3-Clause */
/* Accesses of the CPU to mapped dma-bufs, between two calls of the kernel. */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "context.h"
#include "dmabuf_sync.h"
#include "provider.h"

#define ACCESS_FLAGS (PEERVMA_ACCESS_READ | PEERVMA_ACCESS_WRITE)

_Static_assert(PEERVMA_ACCESS_READ == DMA_BUF_SYNC_READ &&
                   PEERVMA_ACCESS_WRITE == DMA_BUF_SYNC_WRITE,
               "the flags are the kernel's");

static struct peervma_known *place_of(const peervma_context_t *context,
                                      const peervma_region_t *region)
{
    return &context->live->known[region->generation % PEERVMA_KNOWN];
}

/*
 * A copy of the descriptor that was found for the same mapping before, if its
 * number is still that dma-buf's; or -EBADF. An export would ask the kernel
 * for the mapping and look through all descriptors.
 */
static int copy_known(peervma_context_t *context,
                      const peervma_region_t *region)
{
    struct peervma_known known;
    struct stat st;
    int fd;

    pthread_mutex_lock(&context->live->mutex);
    known = *place_of(context, region);
    pthread_mutex_unlock(&context->live->mutex);

    if (known.generation != region->generation) {
        return -EBADF;
    }
    fd = fcntl(known.fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    if (fstat(fd, &st) != 0 || st.st_ino != known.inode ||
        st.st_dev != known.device) {
        close(fd);
        return -EBADF;
    }
    return fd;
}

/* Anything but 0 and an errno. */
#define FOUND 1

static int keep_other(int fd, void *arg)
{
    int *fd_p = arg;

    if (fd == *fd_p) {
        return 0;
    }
    *fd_p = fd;
    return FOUND;
}

/* Look which descriptor of the program's `fd` is the copy of, if of any. */
static void remember(peervma_context_t *context, const peervma_region_t *region,
                     int fd)
{
    struct peervma_known known = {.generation = region->generation, .fd = fd};
    struct peervma_request request = {.context = context};
    struct peervma_vma vma = {.path = ""};
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return;
    }
    vma.inode = known.inode = st.st_ino;
    known.device = st.st_dev;
    vma.dev_major = major(st.st_dev);
    vma.dev_minor = minor(st.st_dev);
    request.vma = &vma;
    if (peervma_provider_walk_mapped(&request, keep_other, &known.fd) ==
        FOUND) {
        pthread_mutex_lock(&context->live->mutex);
        *place_of(context, region) = known;
        pthread_mutex_unlock(&context->live->mutex);
    }
}

/* A descriptor of the mapped dma-buf, for the caller to close; or -errno. */
static int copy_descriptor(peervma_context_t *context,
                           const peervma_region_t *region, const void *address,
                           size_t length)
{
    peervma_export_t export;
    int ret;

    ret = copy_known(context, region);
    if (ret >= 0) {
        return ret;
    }
    ret = peervma_region_export(context, address, length, &export, NULL);
    if (ret != 0) {
        return ret;
    }
    remember(context, region, export.fd);
    return export.fd;
}

int peervma_access_begin(peervma_context_t *context, const void *address,
                         size_t length, unsigned flags,
                         peervma_access_t *access_p)
{
    peervma_region_t region;
    int fd, ret;

    if (access_p == NULL || length == 0 || flags == 0 ||
        (flags & ~ACCESS_FLAGS) != 0) {
        return -EINVAL;
    }
    ret = peervma_region_lookup(context, address, &region);
    if (ret != 0) {
        return ret;
    }
    if (length > region.length - ((uintptr_t)address - region.base)) {
        return -ERANGE;
    }
    if (region.kind != PEERVMA_KIND_DMABUF) {
        *access_p = (peervma_access_t){.fd = -1, .flags = flags};
        return 0;
    }

    fd = copy_descriptor(context, &region, address, length);
    if (fd < 0) {
        return fd;
    }
    ret = peervma_dmabuf_sync(fd, flags | DMA_BUF_SYNC_START);
    if (ret != 0) {
        close(fd);
        return ret;
    }
    *access_p = (peervma_access_t){.fd = fd, .flags = flags};
    return 0;
}

int peervma_access_end(peervma_access_t *access)
{
    int ret;

    if (access == NULL) {
        return -EINVAL;
    }
    if (access->fd < 0) {
        return 0;
    }

    ret = peervma_dmabuf_sync(access->fd, access->flags | DMA_BUF_SYNC_END);
    close(access->fd);
    access->fd = -1;
    return ret;
}
