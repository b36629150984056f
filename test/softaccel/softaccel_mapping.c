/* SPDX-License-Identifier: BSD-3-Clause */
/* Mappings of device memory in processes. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static void what_the_device_writes_the_cpu_reads(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 16 * PAGE);

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, 1), 0);
    device_assert_pattern(&buffer, 0, buffer.size, 1);
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, 2), 0);
    device_assert_pattern(&buffer, 0, buffer.size, 2);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void what_the_cpu_writes_the_device_reads(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 4 * PAGE);
    uint8_t bytes[4 * PAGE];
    uint32_t checksum;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 7 + i / 251);
    memcpy(buffer.ptr, bytes, sizeof(bytes));
    assert_int_equal(softaccel_checksum(&buffer, 0, sizeof(bytes), &checksum),
                     0);
    assert_int_equal(checksum, softaccel_crc32(bytes, sizeof(bytes)));
    device_buffer_destroy(&buffer);
    close(fd);
}

static void device_work_and_export_are_no_cpu_faults(void **state)
{
    int fd = device_open();
    uint64_t faults = device_info(fd).cpu_faults;
    softaccel_buffer_t buffer = device_buffer(fd, 64 * PAGE);
    uint32_t checksum;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, 3), 0);
    assert_int_equal(softaccel_checksum(&buffer, 0, buffer.size, &checksum), 0);
    close(device_export(&buffer));
    device_buffer_destroy(&buffer);
    assert_int_equal(device_info(fd).cpu_faults, faults);
    close(fd);
}

static void each_page_the_cpu_touches_is_one_fault(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 8 * PAGE);
    uint64_t faults = device_info(fd).cpu_faults;
    volatile uint8_t *bytes = buffer.ptr;
    size_t i;

    (void)state;
    for (i = 0; i < 5; i++) {
        bytes[i * PAGE] = 1;
        bytes[i * PAGE + 1] = 2;
    }
    assert_int_equal(device_info(fd).cpu_faults, faults + 5);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void part_of_a_mapping_can_be_unmapped(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 6 * PAGE);
    uint8_t *bytes = buffer.ptr;
    uint8_t value;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, 4), 0);
    /* One page touched, one not, on either side of the hole. */
    assert_int_equal(device_peek(bytes, &value), 0);
    assert_int_equal(munmap(bytes + 2 * PAGE, 2 * PAGE), 0);
    assert_int_equal(device_peek(bytes + 2 * PAGE, &value), SIGSEGV);
    assert_int_equal(device_peek(bytes + 4 * PAGE - 1, &value), SIGSEGV);
    device_assert_pattern(&buffer, 0, 2 * PAGE, 4);
    assert_int_equal(device_peek(bytes + 5 * PAGE, &value), 0);
    assert_int_equal(value, softaccel_pattern(4, 5 * PAGE));
    device_buffer_destroy(&buffer);
    assert_int_equal(device_info(fd).memory_used, 0);
    close(fd);
}

static void a_moved_mapping_shows_the_same_bytes(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 4 * PAGE);
    void *moved;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, 6), 0);
    moved =
        mmap(NULL, buffer.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(moved != MAP_FAILED);
    assert_ptr_equal(mremap(buffer.ptr, buffer.size, buffer.size,
                            MREMAP_MAYMOVE | MREMAP_FIXED, moved),
                     moved);
    buffer.ptr = moved;
    device_assert_pattern(&buffer, 0, buffer.size, 6);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_mapping_cannot_grow(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    softaccel_buffer_t next = device_buffer(fd, PAGE);

    (void)state;
    assert_ptr_equal(mremap(buffer.ptr, PAGE, 2 * PAGE, MREMAP_MAYMOVE),
                     MAP_FAILED);
    assert_int_equal(errno, EFAULT);
    device_buffer_destroy(&next);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_child_shares_the_mapping_and_outlives_the_parents(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 2 * PAGE);
    volatile uint8_t *bytes = buffer.ptr;
    int go[2], status;
    char byte;
    pid_t pid;

    (void)state;
    bytes[0] = 11;
    assert_int_equal(pipe(go), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* The parent has unmapped it once this returns. */
        if (read(go[0], &byte, 1) != 1 || bytes[0] != 12)
            _exit(1);
        bytes[PAGE] = 13;
        _exit(bytes[PAGE] != 13);
    }

    bytes[0] = 12;
    munmap(buffer.ptr, buffer.size);
    assert_int_equal(write(go[1], "", 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);

    assert_int_equal(device_mmap(fd, buffer.size, PROT_READ, MAP_SHARED,
                                 buffer.mmap_offset, &buffer.ptr),
                     0);
    assert_int_equal(((volatile uint8_t *)buffer.ptr)[PAGE], 13);
    device_buffer_destroy(&buffer);
    close(go[0]);
    close(go[1]);
    close(fd);
}

static void a_private_mapping_is_EINVAL(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    void *ptr;

    (void)state;
    assert_int_equal(device_mmap(fd, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE,
                                 buffer.mmap_offset, &ptr),
                     -EINVAL);
    assert_int_equal(
        device_mmap(fd, PAGE, PROT_READ, MAP_PRIVATE, buffer.mmap_offset, &ptr),
        -EINVAL);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_mapping_of_another_files_buffer_is_EACCES(void **state)
{
    int fd = device_open(), other = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    void *ptr;

    (void)state;
    assert_int_equal(device_mmap(other, PAGE, PROT_READ, MAP_SHARED,
                                 buffer.mmap_offset, &ptr),
                     -EACCES);
    device_buffer_destroy(&buffer);
    close(fd);
    close(other);
}

static void a_mapping_beyond_the_buffer_is_EINVAL(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 2 * PAGE);
    softaccel_buffer_t next = device_buffer(fd, 2 * PAGE);
    void *ptr;

    (void)state;
    assert_int_equal(device_mmap(fd, 3 * PAGE, PROT_READ, MAP_SHARED,
                                 buffer.mmap_offset, &ptr),
                     -EINVAL);
    assert_int_equal(device_mmap(fd, PAGE, PROT_READ, MAP_SHARED, 0, &ptr),
                     -EINVAL);
    assert_int_equal(device_mmap(fd, PAGE, PROT_READ, MAP_SHARED,
                                 buffer.mmap_offset + PAGE, &ptr),
                     -EINVAL);
    device_buffer_destroy(&next);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_read_only_mapping_cannot_be_written(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    uint8_t value;
    void *ptr;

    (void)state;
    assert_int_equal(
        device_mmap(fd, PAGE, PROT_READ, MAP_SHARED, buffer.mmap_offset, &ptr),
        0);
    assert_int_equal(device_peek(ptr, &value), 0);
    assert_int_equal(device_poke(ptr, 1), SIGSEGV);
    munmap(ptr, PAGE);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void there_are_no_pages_to_get(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    struct iovec iov = {.iov_base = buffer.ptr, .iov_len = PAGE};
    int ends[2];

    (void)state;
    *(volatile uint8_t *)buffer.ptr = 1;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(vmsplice(ends[1], &iov, 1, 0), -1);
    assert_int_equal(errno, EFAULT);
    close(ends[0]);
    close(ends[1]);
    device_buffer_destroy(&buffer);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_device_writes_the_cpu_reads),
        cmocka_unit_test(what_the_cpu_writes_the_device_reads),
        cmocka_unit_test(device_work_and_export_are_no_cpu_faults),
        cmocka_unit_test(each_page_the_cpu_touches_is_one_fault),
        cmocka_unit_test(part_of_a_mapping_can_be_unmapped),
        cmocka_unit_test(a_moved_mapping_shows_the_same_bytes),
        cmocka_unit_test(a_mapping_cannot_grow),
        cmocka_unit_test(a_child_shares_the_mapping_and_outlives_the_parents),
        cmocka_unit_test(a_private_mapping_is_EINVAL),
        cmocka_unit_test(a_mapping_of_another_files_buffer_is_EACCES),
        cmocka_unit_test(a_mapping_beyond_the_buffer_is_EINVAL),
        cmocka_unit_test(a_read_only_mapping_cannot_be_written),
        cmocka_unit_test(there_are_no_pages_to_get),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
