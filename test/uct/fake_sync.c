/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Linked into a program whose fake dma-bufs are files: the kernel's ioctl
 * around accesses of the CPU succeeds for these, too.
 */
#include <dlfcn.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static int is_file(int fd)
{
    struct stat st;

    return (fstat(fd, &st) == 0) && S_ISREG(st.st_mode);
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*next)(int, unsigned long, ...);
    va_list arguments;
    void *argument;

    if ((request == DMA_BUF_IOCTL_SYNC) && is_file(fd)) {
        return 0;
    }
    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    *(void **)&next = dlsym(RTLD_NEXT, "ioctl");
    return next(fd, request, argument);
}
