/* SPDX-License-Identifier: BSD-3-Clause */
#include <config.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/udmabuf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buffer.h"

static void create_udmabuf(buffer_t *buffer, size_t size)
{
    struct udmabuf_create create = {.flags = UDMABUF_FLAGS_CLOEXEC,
                                    .size = size};
    int udmabuf = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
    int memory = memfd_create("softroce", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    if (udmabuf < 0)
        err(1, "/dev/udmabuf");
    if (memory < 0 || ftruncate(memory, size) ||
        fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK))
        err(1, "memfd of %zu bytes", size);

    create.memfd = memory;
    buffer->fd = ioctl(udmabuf, UDMABUF_CREATE, &create);
    if (buffer->fd < 0)
        err(1, "UDMABUF_CREATE");
    buffer->bytes =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (buffer->bytes == MAP_FAILED)
        err(1, "mmap");
    close(memory);
    close(udmabuf);
}

static void check(int result, const char *what)
{
    if (result) {
        errno = -result;
        err(1, "softaccel: %s", what);
    }
}

static void create_softaccel(buffer_t *buffer, size_t size)
{
    check(softaccel_open(&buffer->device), "open");
    check(softaccel_buffer_create(buffer->device, size, &buffer->accel),
          "allocate");
    check(softaccel_buffer_export(&buffer->accel, &buffer->fd), "export");
    buffer->bytes = buffer->accel.ptr;
}

void buffer_create(buffer_t *buffer, enum buffer_kind kind, size_t size)
{
    buffer->kind = kind;
    buffer->size = size;
    if (kind == BUFFER_UDMABUF)
        create_udmabuf(buffer, size);
    else
        create_softaccel(buffer, size);
}

void buffer_destroy(buffer_t *buffer)
{
    close(buffer->fd);
    if (buffer->kind == BUFFER_UDMABUF) {
        munmap(buffer->bytes, buffer->size);
    } else {
        softaccel_buffer_destroy(&buffer->accel);
        close(buffer->device);
    }
}

enum buffer_kind buffer_kind_of(const char *name)
{
    if (!strcmp(name, "udmabuf"))
        return BUFFER_UDMABUF;
    if (!strcmp(name, "softaccel"))
        return BUFFER_SOFTACCEL;
    errx(2, "no such kind of buffer: %s (udmabuf, softaccel)", name);
}
