/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Exporters that refuse, to be preloaded: with the errno EXPORT_ERRNO
 * /dev/peervma gives no dma-buf, and with PRIME_ERRNO no DRM driver does; with
 * SYNC_ERRNO dma-bufs may not be accessed by the CPU.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/ioctl.h>

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
