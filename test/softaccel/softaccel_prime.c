/* SPDX-License-Identifier: BSD-3-Clause */
/* dma-bufs of device memory: between processes, files and kernel importers. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-heap.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE (4 * PAGE)

static ino_t inode(int fd)
{
    struct stat st;

    assert_int_equal(fstat(fd, &st), 0);
    return st.st_ino;
}

static void a_dma_buf_maps_to_the_buffers_bytes(void **state)
{
    int fd = device_open(), dmabuf_fd;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    softaccel_buffer_t view = buffer;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 1), 0);
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(lseek(dmabuf_fd, 0, SEEK_END), SIZE);
    assert_int_equal(device_mmap(dmabuf_fd, SIZE, PROT_READ | PROT_WRITE,
                                 MAP_SHARED, 0, &view.ptr),
                     0);
    device_assert_pattern(&view, 0, SIZE, 1);
    *(volatile uint8_t *)view.ptr = 0x42;
    assert_int_equal(*(volatile uint8_t *)buffer.ptr, 0x42);
    munmap(view.ptr, SIZE);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_dma_buf_can_be_mapped_from_an_inner_page(void **state)
{
    int fd = device_open(), dmabuf_fd;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    uint8_t value;
    void *ptr;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 2), 0);
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(
        device_mmap(dmabuf_fd, 2 * PAGE, PROT_READ, MAP_SHARED, PAGE, &ptr), 0);
    assert_int_equal(device_peek((uint8_t *)ptr + PAGE + 5, &value), 0);
    assert_int_equal(value, softaccel_pattern(2, 2 * PAGE + 5));
    munmap(ptr, 2 * PAGE);
    assert_int_equal(device_mmap(dmabuf_fd, 2 * PAGE, PROT_READ, MAP_SHARED,
                                 SIZE - PAGE, &ptr),
                     -EINVAL);
    assert_int_equal(device_mmap(dmabuf_fd, PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE, 0, &ptr),
                     -EINVAL);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_buffer_has_one_dma_buf(void **state)
{
    int fd = device_open(), first, second;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    uint64_t exports = device_info(fd).exports;

    (void)state;
    first = device_export(&buffer);
    second = device_export(&buffer);
    assert_int_equal(inode(first), inode(second));
    assert_int_equal(device_info(fd).exports, exports + 1);
    close(first);
    close(second);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void imported_into_its_file_it_is_the_same_handle(void **state)
{
    int fd = device_open(), dmabuf_fd;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    uint32_t handle;

    (void)state;
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(softaccel_import(fd, dmabuf_fd, &handle), 0);
    assert_int_equal(handle, buffer.handle);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void imported_into_another_file_it_is_the_same_memory(void **state)
{
    int fd = device_open(), other = device_open(), dmabuf_fd, again;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    softaccel_buffer_t imported = {.fd = other, .size = SIZE};
    uint64_t used = device_info(fd).memory_used;
    void *ptr;

    (void)state;
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(softaccel_import(other, dmabuf_fd, &imported.handle), 0);
    assert_int_equal(device_info(fd).memory_used, used);

    /* Its handle allows what was EACCES before. */
    assert_int_equal(device_mmap(other, SIZE, PROT_READ, MAP_SHARED,
                                 buffer.mmap_offset, &ptr),
                     0);
    munmap(ptr, SIZE);
    again = device_export(&imported);
    assert_int_equal(inode(again), inode(dmabuf_fd));
    close(again);

    device_buffer_destroy(&buffer);
    close(dmabuf_fd);
    assert_int_equal(softaccel_fill(&imported, 0, SIZE, 3), 0);
    assert_int_equal(softaccel_handle_close(other, imported.handle), 0);
    assert_int_equal(device_info(fd).memory_used, used - SIZE);
    close(fd);
    close(other);
}

static void a_dma_buf_keeps_memory_after_all_else(void **state)
{
    int fd = device_open(), dmabuf_fd;
    uint64_t used = device_info(fd).memory_used;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    softaccel_buffer_t view = buffer;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 4), 0);
    dmabuf_fd = device_export(&buffer);
    device_buffer_destroy(&buffer);
    close(fd);

    assert_int_equal(
        device_mmap(dmabuf_fd, SIZE, PROT_READ, MAP_SHARED, 0, &view.ptr), 0);
    close(dmabuf_fd);
    device_assert_pattern(&view, 0, SIZE, 4);
    fd = device_open();
    assert_int_equal(device_info(fd).memory_used, used + SIZE);
    munmap(view.ptr, SIZE);
    assert_int_equal(device_info(fd).memory_used, used);
    close(fd);
}

static void a_read_only_dma_buf_cannot_be_mapped_for_writing(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    struct drm_prime_handle prime = {.handle = buffer.handle,
                                     .flags = DRM_CLOEXEC};
    uint8_t value;
    void *ptr;

    (void)state;
    assert_int_equal(device_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime), 0);
    assert_int_equal(device_mmap(prime.fd, SIZE, PROT_READ | PROT_WRITE,
                                 MAP_SHARED, 0, &ptr),
                     -EACCES);
    assert_int_equal(
        device_mmap(prime.fd, SIZE, PROT_READ, MAP_SHARED, 0, &ptr), 0);
    assert_int_equal(device_peek(ptr, &value), 0);
    assert_int_equal(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE), -1);
    assert_int_equal(errno, EACCES);
    munmap(ptr, SIZE);
    close(prime.fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void two_processes_work_on_one_buffer(void **state)
{
    int fd = device_open(), other, dmabuf_fd, status;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    softaccel_buffer_t imported;
    pid_t pid;

    (void)state;
    dmabuf_fd = device_export(&buffer);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* Everything of its own but the dma-buf. */
        munmap(buffer.ptr, buffer.size);
        close(fd);
        imported.size = SIZE;
        if (softaccel_open(&other) != 0 ||
            softaccel_import(other, dmabuf_fd, &imported.handle) != 0)
            _exit(1);
        imported.fd = other;
        _exit(softaccel_fill(&imported, 0, SIZE, 5) != 0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    device_assert_pattern(&buffer, 0, SIZE, 5);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void memory_of_others_is_not_imported(void **state)
{
    struct dma_heap_allocation_data heap = {.len = PAGE,
                                            .fd_flags = O_RDWR | O_CLOEXEC};
    int fd = device_open();
    int heap_fd = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);
    uint32_t handle;

    (void)state;
    assert_true(heap_fd >= 0);
    assert_int_equal(device_ioctl(heap_fd, DMA_HEAP_IOCTL_ALLOC, &heap), 0);
    assert_int_equal(softaccel_import(fd, (int)heap.fd, &handle), -EOPNOTSUPP);
    close((int)heap.fd);
    close(heap_fd);
    close(fd);
}

static void importers_that_cannot_be_told_are_EOPNOTSUPP(void **state)
{
    int fd = device_open(), dmabuf_fd;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    uint64_t attaches = device_info(fd).attaches;

    (void)state;
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_STATIC),
                     -EOPNOTSUPP);
    assert_int_equal(device_info(fd).attaches, attaches);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_peer_gets_the_bus_address_and_no_pages(void **state)
{
    struct softaccel_importer_map map;
    int fd = device_open(), dmabuf_fd, importer;
    softaccel_buffer_t first = device_buffer(fd, PAGE);
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    device_pci_t pci = device_pci(fd);

    (void)state;
    dmabuf_fd = device_export(&buffer);
    importer = importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
    assert_true(importer >= 0);
    assert_int_equal(device_ioctl(importer, SOFTACCEL_IMPORTER_MAP, &map), 0);
    /* The nodes have no IOMMU. */
    assert_int_equal(map.address, device_bar_start(&pci) + buffer.bar_offset);
    assert_int_equal(map.length, SIZE);
    assert_int_equal(map.contiguous, 1);
    assert_int_equal(map.pages, 0);
    close(importer);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    device_buffer_destroy(&first);
    close(fd);
}

static void without_peer_to_peer_no_dma_address_is_given(void **state)
{
    struct softaccel_importer_map map;
    int fd = device_open(), dmabuf_fd, importer;
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);

    (void)state;
    dmabuf_fd = device_export(&buffer);
    importer = importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_HOST);
    assert_true(importer >= 0);
    assert_int_equal(device_ioctl(importer, SOFTACCEL_IMPORTER_MAP, &map),
                     -EOPNOTSUPP);
    close(importer);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void the_kernel_reads_device_memory_by_vmap(void **state)
{
    struct softaccel_importer_read read_args = {.offset = SIZE - 1};
    int fd = device_open(), dmabuf_fd, importer, second;
    softaccel_buffer_t first = device_buffer(fd, PAGE);
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    struct softaccel_info before = device_info(fd), after;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 6), 0);
    dmabuf_fd = device_export(&buffer);
    importer = importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_HOST);
    second = importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
    assert_true(importer >= 0 && second >= 0);
    assert_int_equal(device_ioctl(importer, SOFTACCEL_IMPORTER_VMAP, NULL), 0);
    assert_int_equal(device_ioctl(second, SOFTACCEL_IMPORTER_VMAP, NULL), 0);
    assert_int_equal(device_ioctl(second, SOFTACCEL_IMPORTER_READ, &read_args),
                     0);
    assert_int_equal(read_args.value, softaccel_pattern(6, SIZE - 1));

    after = device_info(fd);
    assert_int_equal(after.attaches, before.attaches + 2);
    assert_int_equal(after.vmaps, before.vmaps + 1);
    assert_int_equal(after.cpu_faults, before.cpu_faults);
    close(importer);
    close(second);
    close(dmabuf_fd);
    device_buffer_destroy(&buffer);
    device_buffer_destroy(&first);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dma_buf_maps_to_the_buffers_bytes),
        cmocka_unit_test(a_dma_buf_can_be_mapped_from_an_inner_page),
        cmocka_unit_test(a_buffer_has_one_dma_buf),
        cmocka_unit_test(imported_into_its_file_it_is_the_same_handle),
        cmocka_unit_test(imported_into_another_file_it_is_the_same_memory),
        cmocka_unit_test(a_dma_buf_keeps_memory_after_all_else),
        cmocka_unit_test(a_read_only_dma_buf_cannot_be_mapped_for_writing),
        cmocka_unit_test(two_processes_work_on_one_buffer),
        cmocka_unit_test(memory_of_others_is_not_imported),
        cmocka_unit_test(importers_that_cannot_be_told_are_EOPNOTSUPP),
        cmocka_unit_test(a_peer_gets_the_bus_address_and_no_pages),
        cmocka_unit_test(without_peer_to_peer_no_dma_address_is_given),
        cmocka_unit_test(the_kernel_reads_device_memory_by_vmap),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
