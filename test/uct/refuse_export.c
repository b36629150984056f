/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporters that refuse, to be preloaded: with the errno EXPORT_ERRNO
 * /dev/peervma gives no dma-buf, and with PRIME_ERRNO no DRM driver does; with
 * MAP_ERRNO dma-bufs may not be mapped, with SYNC_ERRNO not be accessed by the
 * CPU.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm.h>
#include <linux/dma-buf.h>
#include <linux/peervma.h>

static const char *refusal(unsigned long request)
{
    switch (request) {
    case PEERVMA_IOC_EXPORT:
        return getenv("EXPORT_ERRNO");
    case DRM_IOCTL_PRIME_HANDLE_TO_FD:
        return getenv("PRIME_ERRNO");
    case DMA_BUF_IOCTL_SYNC:
        return getenv("SYNC_ERRNO");
    default:
        return NULL;
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    const char *number = refusal(request);
    int (*next)(int, unsigned long, ...);
    va_list arguments;
    void *argument;

    if (number != NULL) {
        errno = atoi(number);
        return -1;
    }
    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    *(void **)&next = dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, argument);
}

static int is_dmabuf(int fd)
{
    char path[64], name[64] = "";

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    return (readlink(path, name, sizeof(name) - 1) > 0) &&
           (strncmp(name, "/dmabuf:", strlen("/dmabuf:")) == 0);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd,
           off_t offset)
{
    const char *number = getenv("MAP_ERRNO");
    void *(*next)(void *, size_t, int, int, int, off_t);

    if ((number != NULL) && (fd >= 0) && is_dmabuf(fd)) {
        errno = atoi(number);
        return MAP_FAILED;
    }
    *(void **)&next = dlsym(RTLD_NEXT, "mmap");
    return next(address, length, protection, flags, fd, offset);
}
