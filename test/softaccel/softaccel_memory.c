/* SPDX-License-Identifier: BSD-3-Clause */
/* Allocation of device memory. */
#include "device.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void sizes_are_rounded_up_to_whole_pages(void **state)
{
    static const size_t sizes[][2] = {
        {1, 4096}, {4096, 4096}, {4097, 8192}, {100000, 102400}};
    int fd = device_open();
    softaccel_buffer_t buffer;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buffer = device_buffer(fd, sizes[i][0]);
        assert_int_equal(buffer.size, sizes[i][1]);
        assert_int_not_equal(buffer.handle, 0);
        assert_int_equal(buffer.bar_offset % 4096, 0);
        device_buffer_destroy(&buffer);
    }
    close(fd);
}

static int alloc(int fd, uint64_t size, uint32_t flags)
{
    struct softaccel_alloc args = {.size = size, .flags = flags};

    return device_ioctl(fd, DRM_IOCTL_SOFTACCEL_ALLOC, &args);
}

static void a_size_of_zero_is_EINVAL(void **state)
{
    int fd = device_open();

    (void)state;
    assert_int_equal(alloc(fd, 0, 0), -EINVAL);
    close(fd);
}

static void an_unknown_flag_is_EINVAL(void **state)
{
    int fd = device_open();

    (void)state;
    assert_int_equal(alloc(fd, 4096, 1), -EINVAL);
    assert_int_equal(alloc(fd, 4096, 1u << 31), -EINVAL);
    close(fd);
}

static void more_than_the_device_has_is_ENOSPC(void **state)
{
    int fd = device_open();
    uint64_t size = device_info(fd).memory_size;

    (void)state;
    assert_int_equal(alloc(fd, size + 1, 0), -ENOSPC);
    assert_int_equal(alloc(fd, UINT64_MAX, 0), -ENOSPC);
    assert_int_equal(alloc(fd, UINT64_MAX - 4094, 0), -ENOSPC);
    assert_int_equal(alloc(fd, 1ull << 63, 0), -ENOSPC);
    close(fd);
}

static void a_full_device_is_ENOSPC_until_something_is_freed(void **state)
{
    int fd = device_open();
    struct softaccel_info info = device_info(fd);
    softaccel_buffer_t buffer;

    (void)state;
    assert_int_equal(info.memory_used, 0);
    buffer = device_buffer(fd, info.memory_size);
    assert_int_equal(device_info(fd).memory_used, info.memory_size);
    assert_int_equal(alloc(fd, 1, 0), -ENOSPC);
    device_buffer_destroy(&buffer);
    assert_int_equal(device_info(fd).memory_used, 0);
    assert_int_equal(alloc(fd, 1, 0), 0);
    close(fd);
}

static void buffers_do_not_overlap(void **state)
{
    softaccel_buffer_t buffers[16];
    int fd = device_open();
    size_t i, j;

    (void)state;
    for (i = 0; i < 16; i++) {
        buffers[i] = device_buffer(fd, (i % 5 + 1) * 4096);
        assert_int_equal(softaccel_fill(&buffers[i], 0, buffers[i].size, i), 0);
        for (j = 0; j < i; j++)
            assert_true(buffers[i].bar_offset + buffers[i].size <=
                            buffers[j].bar_offset ||
                        buffers[j].bar_offset + buffers[j].size <=
                            buffers[i].bar_offset);
    }
    for (i = 0; i < 16; i++) {
        device_assert_pattern(&buffers[i], 0, buffers[i].size, i);
        device_buffer_destroy(&buffers[i]);
    }
    close(fd);
}

static void closing_the_file_frees_its_memory(void **state)
{
    int fd = device_open(), other = device_open();
    uint64_t used = device_info(fd).memory_used;

    (void)state;
    assert_int_equal(alloc(other, 1 << 20, 0), 0);
    assert_int_equal(device_info(fd).memory_used, used + (1 << 20));
    close(other);
    assert_int_equal(device_info(fd).memory_used, used);
    close(fd);
}

static void a_mapping_keeps_memory_after_its_handle(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 8192);
    uint64_t used = device_info(fd).memory_used;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, 8192, 5), 0);
    assert_int_equal(softaccel_handle_close(fd, buffer.handle), 0);
    assert_int_equal(device_info(fd).memory_used, used);
    device_assert_pattern(&buffer, 0, 8192, 5);
    munmap(buffer.ptr, buffer.size);
    assert_int_equal(device_info(fd).memory_used, used - 8192);
    close(fd);
}

static void memory_is_zeroed_before_another_user_gets_it(void **state)
{
    static uint8_t zeros[1 << 18];
    int fd = device_open(), other = device_open();
    softaccel_buffer_t buffer;
    uint64_t bar_offset;
    uint32_t checksum;

    (void)state;
    buffer = device_buffer(fd, sizeof(zeros));
    bar_offset = buffer.bar_offset;
    assert_int_equal(softaccel_fill(&buffer, 0, sizeof(zeros), 99), 0);
    memset(buffer.ptr, 0xa5, 4096);
    device_buffer_destroy(&buffer);

    buffer = device_buffer(other, sizeof(zeros));
    assert_int_equal(buffer.bar_offset, bar_offset);
    assert_int_equal(softaccel_checksum(&buffer, 0, sizeof(zeros), &checksum),
                     0);
    assert_int_equal(checksum, softaccel_crc32(zeros, sizeof(zeros)));
    assert_memory_equal(buffer.ptr, zeros, sizeof(zeros));
    device_buffer_destroy(&buffer);
    close(fd);
    close(other);
}

static void handles_of_another_file_are_ENOENT(void **state)
{
    int fd = device_open(), other = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 4096);
    softaccel_buffer_t stolen = buffer;
    uint32_t checksum;
    int dmabuf_fd;

    (void)state;
    stolen.fd = other;
    assert_int_equal(softaccel_fill(&stolen, 0, 1, 0), -ENOENT);
    assert_int_equal(softaccel_checksum(&stolen, 0, 1, &checksum), -ENOENT);
    assert_int_equal(
        softaccel_add(&stolen, 0, &stolen, 0, &stolen, 0, SOFTACCEL_TYPE_U8, 1),
        -ENOENT);
    assert_int_equal(softaccel_buffer_export(&stolen, &dmabuf_fd), -ENOENT);
    device_buffer_destroy(&buffer);
    close(fd);
    close(other);
}

static void fdinfo_tells_the_files_memory(void **state)
{
    int fd = device_open(), found = 0;
    softaccel_buffer_t buffer = device_buffer(fd, 3 * 4096);
    char path[64], line[256];
    FILE *file;

    (void)state;
    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        if (strcmp(line, "drm-total-memory:\t12 KiB\n") == 0 ||
            strcmp(line, "drm-driver:\tsoftaccel\n") == 0)
            found++;
    fclose(file);
    assert_int_equal(found, 2);
    device_buffer_destroy(&buffer);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_rounded_up_to_whole_pages),
        cmocka_unit_test(a_size_of_zero_is_EINVAL),
        cmocka_unit_test(an_unknown_flag_is_EINVAL),
        cmocka_unit_test(more_than_the_device_has_is_ENOSPC),
        cmocka_unit_test(a_full_device_is_ENOSPC_until_something_is_freed),
        cmocka_unit_test(buffers_do_not_overlap),
        cmocka_unit_test(closing_the_file_frees_its_memory),
        cmocka_unit_test(a_mapping_keeps_memory_after_its_handle),
        cmocka_unit_test(memory_is_zeroed_before_another_user_gets_it),
        cmocka_unit_test(handles_of_another_file_are_ENOENT),
        cmocka_unit_test(fdinfo_tells_the_files_memory),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
