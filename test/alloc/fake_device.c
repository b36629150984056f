/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * In the place of device_alloc.c: a device that every machine has. Its memory
 * is shared, as a device's is, and each buffer a mapping of a file
 * "/memfd:fake-device" in /proc/self/maps. FAKE_DEVICE_BYTES in the
 * environment: no more than that is given, in all. It does not promise zeroes,
 * and fills memory with 0xa5.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device_alloc.h"

static _Atomic size_t given;
static dev_t number; /* of the node that was opened */

int device_open(const char *node, struct device *device_p)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);
    struct stat st;

    if (fd < 0) {
        return -errno;
    }
    fstat(fd, &st);
    number = st.st_rdev;
    *device_p = (struct device){.fd = fd, .driver = "fake"};
    return 0;
}

void device_close(struct device *device)
{
    close(device->fd);
}

bool device_clears(const struct device *device)
{
    (void)device;
    return false;
}

int device_map(const struct device *device, size_t length, void *address,
               void **ptr_p)
{
    const char *limit = getenv("FAKE_DEVICE_BYTES");
    int fixed = address != NULL ? MAP_FIXED : 0;
    void *ptr = MAP_FAILED;
    struct stat st;
    int fd;

    if (fstat(device->fd, &st) != 0 || st.st_rdev != number) {
        return -ENOTTY;
    }
    if (limit != NULL && given + length > strtoull(limit, NULL, 10)) {
        return -ENOSPC;
    }
    fd = memfd_create("fake-device", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    if (ftruncate(fd, (off_t)length) == 0) {
        ptr = mmap(address, length, PROT_READ | PROT_WRITE, MAP_SHARED | fixed,
                   fd, 0);
    }
    close(fd);
    if (ptr == MAP_FAILED) {
        return -ENOMEM;
    }
    given += length;
    memset(ptr, 0xa5, length);
    *ptr_p = ptr;
    return 0;
}
