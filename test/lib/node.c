/* SPDX-License-Identifier: BSD-3-Clause */
#include "node.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum module node_module;

static peervma_context_t *reported_to;

void node_arguments(int argc, char **argv)
{
    static const char *const names[] = {"module", "no-module", "no-permission"};
    int i;

    for (i = 0; argc == 2 && i < 3; i++) {
        if (strcmp(argv[1], names[i]) == 0) {
            node_module = (enum module)i;
            return;
        }
    }
    fprintf(stderr, "usage: %s module|no-module|no-permission\n", argv[0]);
    exit(2);
}

int node_device(void)
{
    static int fd = -1;

    if (fd < 0) {
        assert_int_equal(0, softaccel_open(&fd));
    }
    return fd;
}

peervma_context_t *node_context(unsigned flags)
{
    peervma_context_t *context;

    assert_int_equal(0, peervma_context_open(flags, &context));
    reported_to = context;
    return context;
}

void node_context_close(peervma_context_t *context)
{
    reported_to = NULL;
    peervma_context_close(context);
}

void *node_mmap(void *address, size_t length, int prot, int flags, int fd,
                uint64_t offset)
{
    void *ptr = mmap(address, length, prot, flags, fd, (off_t)offset);

    assert_true(ptr != MAP_FAILED);
    peervma_notify_map(reported_to, ptr, length);
    return ptr;
}

void node_munmap(void *address, size_t length)
{
    peervma_notify_unmap(reported_to, address, length);
    assert_int_equal(0, munmap(address, length));
}

void *node_mremap(void *address, size_t length, void *target)
{
    void *moved;

    peervma_notify_unmap(reported_to, address, length);
    moved =
        mremap(address, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, target);
    assert_true(moved == target);
    peervma_notify_map(reported_to, moved, length);
    return moved;
}

softaccel_buffer_t node_buffer(void)
{
    const int fixed = MAP_SHARED | MAP_FIXED;
    softaccel_buffer_t buffer;
    char *room;

    assert_int_equal(0, softaccel_buffer_create(node_device(), SIZE, &buffer));
    assert_int_equal(0, munmap(buffer.ptr, SIZE));
    room = node_mmap(NULL, SIZE + 2 * PAGE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    buffer.ptr = node_mmap(room + PAGE, SIZE, PROT_READ | PROT_WRITE, fixed,
                           buffer.fd, buffer.mmap_offset);
    return buffer;
}

void node_buffer_destroy(softaccel_buffer_t *buffer)
{
    node_munmap((char *)buffer->ptr - PAGE, SIZE + 2 * PAGE);
    assert_int_equal(0, softaccel_handle_close(buffer->fd, buffer->handle));
}

int node_dmabuf(const softaccel_buffer_t *buffer)
{
    int fd;

    assert_int_equal(0, softaccel_buffer_export(buffer, &fd));
    return fd;
}

int node_heap(size_t size)
{
    struct dma_heap_allocation_data data = {
        .len = size,
        .fd_flags = O_RDWR | O_CLOEXEC,
    };
    int heap;

    heap = open("/dev/dma_heap/system", O_RDONLY | O_CLOEXEC);
    assert_true(heap >= 0);
    assert_int_equal(0, ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data));
    close(heap);
    return (int)data.fd;
}

peervma_region_t node_expect(peervma_context_t *context, const void *address,
                             const void *base, size_t length)
{
    peervma_region_t region;

    assert_int_equal(0, peervma_region_lookup(context, address, &region));
    assert_ptr_equal(base, region.base);
    assert_int_equal(length, region.length);
    return region;
}

void node_expect_none(peervma_context_t *context, const void *address)
{
    peervma_region_t region;

    assert_int_equal(-ENOENT, peervma_region_lookup(context, address, &region));
}

unsigned node_descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}
