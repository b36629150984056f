/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mappings of a DRM node: the object's own PRIME export. Runs on whichever
 * node the simulated accelerator has, a render or an accel node.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define PAGES 8

static softaccel_buffer_t create(void)
{
    return accel_create(PAGES * page);
}

/* Export a range, check that it is that place of the object; return the fd. */
static int check_export(const softaccel_buffer_t *buffer, size_t offset,
                        size_t length)
{
    uint8_t *address = (uint8_t *)buffer->ptr + offset;
    int fd = export_ok(address, length, offset, buffer->size);

    check_same_memory(fd, offset, address, length);
    return fd;
}

static void test_device_wrote(void)
{
    softaccel_buffer_t buffer = create();
    int fd = export_ok(buffer.ptr, buffer.size, 0, buffer.size);
    uint8_t *map = map_shared(fd, 0, buffer.size);
    size_t i;

    tap_check_equal(softaccel_fill(&buffer, 0, buffer.size, 4711), 0);
    for (i = 0; i < buffer.size; i++)
        tap_check_equal(map[i], softaccel_pattern(4711, i));
    munmap(map, buffer.size);
    close(fd);
    accel_destroy(&buffer);
}

static void test_prime_before(void)
{
    softaccel_buffer_t buffer = create();
    int prime, fd;

    tap_check_equal(softaccel_buffer_export(&buffer, &prime), 0);
    fd = check_export(&buffer, 0, buffer.size);
    check_same_dmabuf(fd, prime);
    close(fd);
    close(prime);
    accel_destroy(&buffer);
}

static void test_prime_after(void)
{
    softaccel_buffer_t buffer = create();
    int fd = check_export(&buffer, 0, buffer.size);
    int again = check_export(&buffer, page, page);
    int prime;

    tap_check_equal(softaccel_buffer_export(&buffer, &prime), 0);
    check_same_dmabuf(fd, prime);
    check_same_dmabuf(again, prime);
    close(fd);
    close(again);
    close(prime);
    accel_destroy(&buffer);
}

static void test_inner(void)
{
    softaccel_buffer_t buffer = create();
    size_t i;

    for (i = 0; i < PAGES; i++)
        close(check_export(&buffer, i * page, page));
    close(check_export(&buffer, page, buffer.size - page));
    accel_destroy(&buffer);
}

static void test_split(void)
{
    softaccel_buffer_t buffer = create();
    uint8_t *map = buffer.ptr;
    struct peervma_query query;

    tap_check_equal(mprotect(map + 2 * page, page, PROT_READ), 0);
    tap_check_equal(munmap(map + 4 * page, page), 0);
    close(check_export(&buffer, 0, 2 * page));
    export_refused(map + 2 * page, page, EACCES, PEERVMA_REASON_READ_ONLY);
    close(check_export(&buffer, 3 * page, page));
    export_refused(map + 4 * page, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    close(check_export(&buffer, 5 * page, 3 * page));
    export_refused(map, 3 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    query = query_ok(map + 6 * page);
    tap_check_equal(query.vma_start, (uintptr_t)map + 5 * page);
    tap_check_equal(query.object_offset, 5 * page);
    tap_check_equal(query.object_size, buffer.size);
    accel_destroy(&buffer);
}

static void test_moved(void)
{
    softaccel_buffer_t buffer = create();
    uint8_t *target = map_anonymous(2 * page);
    uint8_t *to = mremap((uint8_t *)buffer.ptr + 3 * page, 2 * page, 2 * page,
                         MREMAP_MAYMOVE | MREMAP_FIXED, target);
    int fd;

    tap_check(to == target);
    fd = export_ok(to, 2 * page, 3 * page, buffer.size);
    check_same_memory(fd, 3 * page, to, 2 * page);
    munmap(to, 2 * page);
    close(fd);
    accel_destroy(&buffer);
}

/* The device's address as sysfs has it. */
static void pci_name(int fd, char *name, size_t size)
{
    char path[64], link[256];
    struct stat st;
    ssize_t length;

    tap_check_equal(fstat(fd, &st), 0);
    snprintf(path, sizeof(path), "/sys/dev/char/%u:%u/device",
             major(st.st_rdev), minor(st.st_rdev));
    length = readlink(path, link, sizeof(link) - 1);
    tap_check(length > 0);
    link[length] = '\0';
    snprintf(name, size, "%s", strrchr(link, '/') + 1);
}

static void test_query(void)
{
    softaccel_buffer_t buffer = create();
    struct peervma_query query = query_ok((char *)buffer.ptr + page + 17);
    char expected[64], actual[64];

    tap_check_equal(query.kind, PEERVMA_VMA_DRM);
    tap_check_equal(query.prot, PEERVMA_PROT_READ | PEERVMA_PROT_WRITE);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.vma_start, (uintptr_t)buffer.ptr);
    tap_check_equal(query.vma_end, (uintptr_t)buffer.ptr + buffer.size);
    tap_check_equal(query.object_offset, 0);
    tap_check_equal(query.object_size, buffer.size);
    tap_check_equal(query.pci_valid, 1);
    pci_name(accel_fd(), expected, sizeof(expected));
    snprintf(actual, sizeof(actual), "%04x:%02x:%02x.%x", query.pci_domain,
             query.pci_bus, query.pci_devfn >> 3, query.pci_devfn & 7);
    if (strcmp(actual, expected) != 0)
        tap_fail(__FILE__, __LINE__, "%s, not %s", actual, expected);
    accel_destroy(&buffer);
}

static void test_untouched(void)
{
    softaccel_buffer_t buffer = create();
    struct softaccel_info before, after;

    tap_check_equal(softaccel_info(accel_fd(), &before), 0);
    (void)query_ok(buffer.ptr);
    close(export_ok(buffer.ptr, buffer.size, 0, buffer.size));
    tap_check_equal(softaccel_info(accel_fd(), &after), 0);
    tap_check_equal(after.cpu_faults, before.cpu_faults);
    tap_check_equal(after.vmaps, before.vmaps);
    tap_check_equal(after.exports, before.exports + 1);
    accel_destroy(&buffer);
}

static void test_no_handle_left(void)
{
    softaccel_buffer_t buffer = create();
    softaccel_buffer_t next;

    close(export_ok(buffer.ptr, buffer.size, 0, buffer.size));
    /* Handles are given lowest first. */
    next = create();
    tap_check_equal(next.handle, buffer.handle + 1);
    accel_destroy(&next);
    accel_destroy(&buffer);
}

static void test_handle_closed(void)
{
    softaccel_buffer_t buffer = create();
    struct peervma_query query;

    tap_check_equal(softaccel_handle_close(accel_fd(), buffer.handle), 0);
    export_refused(buffer.ptr, buffer.size, EACCES, PEERVMA_REASON_NOT_ALLOWED);
    query = query_ok(buffer.ptr);
    tap_check_equal(query.reason, PEERVMA_REASON_NOT_ALLOWED);
    munmap(buffer.ptr, buffer.size);
}

/* An object shared with a second open file, and mapped through that. */
static void test_second_file(void)
{
    softaccel_buffer_t buffer = create();
    int second, prime, fd;
    uint32_t handle;
    uint8_t *map;

    tap_check_equal(softaccel_open(&second), 0);
    tap_check_equal(softaccel_buffer_export(&buffer, &prime), 0);
    tap_check_equal(softaccel_import(second, prime, &handle), 0);
    map = map_shared(second, buffer.mmap_offset, buffer.size);
    fd = export_ok(map, buffer.size, 0, buffer.size);
    check_same_dmabuf(fd, prime);
    check_same_memory(fd, 0, buffer.ptr, buffer.size);
    close(fd);
    tap_check_equal(softaccel_handle_close(second, handle), 0);
    export_refused(map, page, EACCES, PEERVMA_REASON_NOT_ALLOWED);
    munmap(map, buffer.size);
    close(second);
    close(prime);
    accel_destroy(&buffer);
}

static void test_file_closed(void)
{
    softaccel_buffer_t buffer;
    int file, fd;

    tap_check_equal(softaccel_open(&file), 0);
    tap_check_equal(softaccel_buffer_create(file, PAGES * page, &buffer), 0);
    close(file);
    fd = check_export(&buffer, page, page);
    munmap(buffer.ptr, buffer.size);
    close(fd);
}

static void test_outlives(void)
{
    const uint64_t used = accel_memory_used();
    softaccel_buffer_t buffer = create();
    const size_t size = buffer.size;
    int fd = check_export(&buffer, 0, size);
    uint8_t *map;

    accel_destroy(&buffer);
    tap_check_equal(accel_memory_used(), used + size);
    map = map_shared(fd, 0, size);
    check_same_memory(fd, 0, map, size);
    munmap(map, size);
    close(fd);
    tap_check_equal(accel_memory_used(), used);
}

static const tap_test_t tests[] = {
    {"what the device writes is in the export", test_device_wrote},
    {"the export is the dma-buf that PRIME gave before", test_prime_before},
    {"the export is the dma-buf that PRIME gives afterwards", test_prime_after},
    {"an inner range has its offset", test_inner},
    {"the parts of a split VMA have their offsets", test_split},
    {"a moved mapping keeps its offset", test_moved},
    {"QUERY says kind, size and PCI device", test_query},
    {"QUERY and EXPORT touch no byte", test_untouched},
    {"EXPORT leaves no GEM handle", test_no_handle_left},
    {"a mapping whose file has closed the handle is EACCES",
     test_handle_closed},
    {"an object shared with a second file is exported through it",
     test_second_file},
    {"a mapping is exported when its file's descriptor is closed",
     test_file_closed},
    {"the memory lives as long as the export, and no longer", test_outlives},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
