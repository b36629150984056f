/* SPDX-License-Identifier: BSD-3-Clause */
#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "peer.h"

#define BAR "/sys/bus/pci/devices/0000:00:05.0/resource2"

const char *const buffer_kind_names[7] = {"host",   "device", "readonly", "bar",
                                          "orphan", "fake",   "held"};

buffer_kind_t buffer_kind_of(const char *name)
{
    int kind;

    for (kind = 0; kind < 7; ++kind) {
        if (strcmp(name, buffer_kind_names[kind]) == 0) {
            return (buffer_kind_t)kind;
        }
    }
    peer_die("there is no %s memory", name);
}

static int is_on_accelerator(const buffer_t *buffer)
{
    return (buffer->kind == BUFFER_DEVICE) || (buffer->kind == BUFFER_READONLY);
}

static unsigned accelerator_index;

void buffer_use_accelerator(unsigned index)
{
    accelerator_index = index;
}

static int accelerator(void)
{
    static int fd = -1;
    int ret;

    if (fd < 0) {
        ret = softaccel_open_index(accelerator_index, &fd);
        if (ret != 0) {
            peer_die("no accelerator: %s", strerror(-ret));
        }
    }
    return fd;
}

static void must(int ret, const char *what)
{
    if (ret != 0) {
        peer_die("%s: %s", what, strerror(-ret));
    }
}

static char *map_bar(size_t size)
{
    int fd = open(BAR, O_RDWR | O_CLOEXEC);
    char *bytes = MAP_FAILED;

    if (fd >= 0) {
        bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    }
    if (bytes == MAP_FAILED) {
        peer_die("%s cannot be mapped", BAR);
    }
    return bytes;
}

/* What is mapped stays, of which no handle is left. */
static char *map_orphan(size_t size)
{
    softaccel_buffer_t buffer;
    int fd;

    must(softaccel_open(&fd), "the accelerator");
    must(softaccel_buffer_create(fd, size, &buffer), "device memory");
    close(fd);
    return buffer.ptr;
}

/* A mapping of a file of such a name that is no more is listed as that of a
 * dma-buf. */
static char *map_fake(size_t size, int *fd_p)
{
    char path[64];
    char *bytes;
    int fd;

    snprintf(path, sizeof(path), "/dmabuf:peervma-test-%d", (int)getpid());
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        peer_die("no file can be made in /");
    }
    unlink(path);
    must((ftruncate(fd, (off_t)size) == 0) ? 0 : -errno, "ftruncate");
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (bytes == MAP_FAILED) {
        peer_die("mmap failed");
    }
    *fd_p = fd;
    return bytes;
}

void buffer_protect(buffer_t *buffer, int prot)
{
    if (mmap(buffer->bytes, buffer->size, prot, MAP_SHARED | MAP_FIXED,
             buffer->device.fd,
             (off_t)buffer->device.mmap_offset) != buffer->bytes) {
        peer_die("mmap failed");
    }
}

void buffer_create(buffer_t *buffer, buffer_kind_t kind, size_t size)
{
    memset(buffer, 0, sizeof(*buffer));
    buffer->kind = kind;
    buffer->size = size;
    if (is_on_accelerator(buffer)) {
        must(softaccel_buffer_create(accelerator(), size, &buffer->device),
             "device memory");
        buffer->bytes = buffer->device.ptr;
        if (kind == BUFFER_READONLY) {
            buffer_protect(buffer, PROT_READ);
        }
    } else if (kind == BUFFER_BAR) {
        buffer->bytes = map_bar(size);
    } else if (kind == BUFFER_ORPHAN) {
        buffer->bytes = map_orphan(size);
    } else if (kind >= BUFFER_FAKE) {
        buffer->bytes = map_fake(size, &buffer->device.fd);
        if (kind == BUFFER_FAKE) {
            close(buffer->device.fd);
        }
    } else {
        buffer->bytes = mmap(NULL, size, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (buffer->bytes == MAP_FAILED) {
            peer_die("out of memory");
        }
    }
}

void buffer_destroy(buffer_t *buffer)
{
    if (is_on_accelerator(buffer)) {
        must(softaccel_buffer_destroy(&buffer->device), "device memory");
    } else {
        munmap(buffer->bytes, buffer->size);
        if (buffer->kind == BUFFER_HELD) {
            close(buffer->device.fd);
        }
    }
}

void buffer_fill(buffer_t *buffer, size_t offset, size_t length, uint32_t seed)
{
    size_t i;

    if (is_on_accelerator(buffer)) {
        must(softaccel_fill(&buffer->device, offset, length, seed), "fill");
        return;
    }
    for (i = 0; i < length; ++i) {
        buffer->bytes[offset + i] = (char)softaccel_pattern(seed, i);
    }
}

static uint32_t pattern_checksum(size_t length, uint32_t seed)
{
    char *bytes = malloc(length);
    uint32_t checksum;
    size_t i;

    if (bytes == NULL) {
        peer_die("out of memory");
    }
    for (i = 0; i < length; ++i) {
        bytes[i] = (char)softaccel_pattern(seed, i);
    }
    checksum = softaccel_crc32(bytes, length);
    free(bytes);
    return checksum;
}

int buffer_holds(const buffer_t *buffer, size_t offset, size_t length,
                 uint32_t seed)
{
    uint32_t checksum;
    size_t i;

    if (is_on_accelerator(buffer)) {
        must(softaccel_checksum(&buffer->device, offset, length, &checksum),
             "checksum");
        return checksum == pattern_checksum(length, seed);
    }
    for (i = 0; i < length; ++i) {
        if (buffer->bytes[offset + i] != (char)softaccel_pattern(seed, i)) {
            return 0;
        }
    }
    return 1;
}

void buffer_move(buffer_t *buffer, char *address)
{
    if (mremap(buffer->bytes, buffer->size, buffer->size,
               MREMAP_MAYMOVE | MREMAP_FIXED, address) != address) {
        peer_die("mremap failed");
    }
    buffer->bytes = address;
    buffer->device.ptr = address;
}
