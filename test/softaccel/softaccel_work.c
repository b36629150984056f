/* SPDX-License-Identifier: BSD-3-Clause */
/* What the device computes, compared with what the CPU does. */
#include "device.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE ((size_t)5 * 4096)

static void a_fill_writes_its_range_and_nothing_else(void **state)
{
    static const size_t ranges[][2] = {{0, SIZE}, {1, 1},       {3, 4095},
                                       {4093, 7}, {4096, 4096}, {5, SIZE - 6}};
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    volatile uint8_t *bytes = buffer.ptr;
    size_t i, j, offset, length;

    (void)state;
    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        offset = ranges[i][0];
        length = ranges[i][1];
        memset(buffer.ptr, 0x5a, SIZE);
        assert_int_equal(softaccel_fill(&buffer, offset, length, 77 + i), 0);
        device_assert_pattern(&buffer, offset, length, 77 + i);
        for (j = 0; j < SIZE; j++)
            if (j < offset || j >= offset + length)
                assert_int_equal(bytes[j], 0x5a);
    }
    device_buffer_destroy(&buffer);
    close(fd);
}

static void the_pattern_is_the_one_of_the_header(void **state)
{
    /* mix(1) and mix(2), computed apart from what softaccel_drm.h says */
    static const uint8_t expected[8] = {0xc0, 0x90, 0x89, 0x68,
                                        0x81, 0x21, 0x13, 0xd1};
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 4096);

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, sizeof(expected), 1), 0);
    assert_memory_equal(buffer.ptr, expected, sizeof(expected));
    device_buffer_destroy(&buffer);
    close(fd);
}

static void seeds_wrap_at_32_bits(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, 2 * 4096);

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, buffer.size, UINT32_MAX - 9),
                     0);
    device_assert_pattern(&buffer, 0, buffer.size, UINT32_MAX - 9);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void a_checksum_is_zlibs_crc32(void **state)
{
    static const char check[] = "123456789";
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    uint8_t bytes[SIZE];
    uint32_t checksum;
    size_t i, offset, length;

    (void)state;
    memcpy(buffer.ptr, check, sizeof(check));
    assert_int_equal(softaccel_checksum(&buffer, 0, 9, &checksum), 0);
    assert_int_equal(checksum, 0xcbf43926);

    for (i = 0; i < SIZE; i++)
        bytes[i] = softaccel_pattern(8, i);
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 8), 0);
    for (offset = 0; offset < 9; offset += 3) {
        length = SIZE - 2 * offset;
        assert_int_equal(softaccel_checksum(&buffer, offset, length, &checksum),
                         0);
        assert_int_equal(checksum, softaccel_crc32(bytes + offset, length));
    }
    device_buffer_destroy(&buffer);
    close(fd);
}

/* Element `i` of `type` at `bytes`. */
static uint64_t element(const void *bytes, enum softaccel_type type, size_t i)
{
    switch (type) {
    case SOFTACCEL_TYPE_U8:
        return ((const uint8_t *)bytes)[i];
    case SOFTACCEL_TYPE_U32:
        return ((const uint32_t *)bytes)[i];
    default:
        return ((const uint64_t *)bytes)[i];
    }
}

static void assert_sums(enum softaccel_type type, size_t size)
{
    const uint64_t mask = size == 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
    int fd = device_open();
    softaccel_buffer_t a = device_buffer(fd, SIZE);
    softaccel_buffer_t b = device_buffer(fd, SIZE);
    softaccel_buffer_t dst = device_buffer(fd, SIZE);
    size_t count = SIZE / size - 3, i;

    assert_int_equal(softaccel_fill(&a, 0, SIZE, 21), 0);
    assert_int_equal(softaccel_fill(&b, 0, SIZE, 22), 0);
    assert_int_equal(
        softaccel_add(&dst, size, &a, 2 * size, &b, 3 * size, type, count), 0);
    for (i = 0; i < count; i++)
        assert_int_equal(
            element(dst.ptr, type, i + 1),
            (element(a.ptr, type, i + 2) + element(b.ptr, type, i + 3)) & mask);
    assert_int_equal(element(dst.ptr, type, 0), 0);
    assert_int_equal(element(dst.ptr, type, count + 1), 0);
    device_buffer_destroy(&dst);
    device_buffer_destroy(&b);
    device_buffer_destroy(&a);
    close(fd);
}

static void sums_of_8_bits_are_modulo_8_bits(void **state)
{
    (void)state;
    assert_sums(SOFTACCEL_TYPE_U8, 1);
}

static void sums_of_32_bits_are_modulo_32_bits(void **state)
{
    (void)state;
    assert_sums(SOFTACCEL_TYPE_U32, 4);
}

static void sums_of_64_bits_are_modulo_64_bits(void **state)
{
    (void)state;
    assert_sums(SOFTACCEL_TYPE_U64, 8);
}

static void a_sum_may_replace_a_summand(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    const uint32_t *words = buffer.ptr;
    uint32_t before;
    size_t i;

    (void)state;
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 31), 0);
    before = words[1000];
    assert_int_equal(softaccel_add(&buffer, 0, &buffer, 0, &buffer, 0,
                                   SOFTACCEL_TYPE_U32, SIZE / 4),
                     0);
    assert_int_equal(words[1000], (uint32_t)(2 * before));

    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 0), 0);
    for (i = 1; i < 3; i++)
        assert_int_equal(softaccel_add(&buffer, 0, &buffer, i * 4, &buffer, 0,
                                       SOFTACCEL_TYPE_U32, 100),
                         -EINVAL);
    device_buffer_destroy(&buffer);
    close(fd);
}

static int add(const softaccel_buffer_t *buffer, uint64_t dst, uint64_t a,
               uint64_t b, uint32_t type, uint64_t count)
{
    struct softaccel_add args = {
        .dst = buffer->handle,
        .a = buffer->handle,
        .b = buffer->handle,
        .type = type,
        .dst_offset = dst,
        .a_offset = a,
        .b_offset = b,
        .count = count,
    };

    return device_ioctl(buffer->fd, DRM_IOCTL_SOFTACCEL_ADD, &args);
}

static void additions_out_of_bounds_or_of_no_type_are_EINVAL(void **state)
{
    const uint64_t whole = SIZE / 8;
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);

    (void)state;
    assert_int_equal(add(&buffer, 0, 0, 0, SOFTACCEL_TYPE_U64, whole), 0);
    assert_int_equal(add(&buffer, 0, 0, 0, SOFTACCEL_TYPE_U64, 0), 0);
    assert_int_equal(add(&buffer, 0, 0, 0, 3, 1), -EINVAL);
    assert_int_equal(add(&buffer, 0, 0, 0, UINT32_MAX, 1), -EINVAL);
    assert_int_equal(add(&buffer, 0, 0, 0, SOFTACCEL_TYPE_U64, whole + 1),
                     -EINVAL);
    assert_int_equal(add(&buffer, 8, 0, 0, SOFTACCEL_TYPE_U64, whole), -EINVAL);
    assert_int_equal(add(&buffer, 0, 8, 0, SOFTACCEL_TYPE_U64, whole), -EINVAL);
    assert_int_equal(add(&buffer, 0, 0, 8, SOFTACCEL_TYPE_U64, whole), -EINVAL);
    assert_int_equal(add(&buffer, 4, 4, 4, SOFTACCEL_TYPE_U64, 1), -EINVAL);
    assert_int_equal(add(&buffer, 0, 2, 0, SOFTACCEL_TYPE_U32, 1), -EINVAL);
    assert_int_equal(add(&buffer, 0, 0, 0, SOFTACCEL_TYPE_U64, 1ull << 61),
                     -EINVAL);
    assert_int_equal(add(&buffer, UINT64_MAX - 7, 0, 0, SOFTACCEL_TYPE_U64, 1),
                     -EINVAL);
    device_buffer_destroy(&buffer);
    close(fd);
}

static int fill(const softaccel_buffer_t *buffer, uint64_t offset,
                uint64_t length, uint32_t pad, uint32_t pad2)
{
    struct softaccel_fill args = {
        .handle = buffer->handle,
        .pad = pad,
        .offset = offset,
        .length = length,
        .pad2 = pad2,
    };

    return device_ioctl(buffer->fd, DRM_IOCTL_SOFTACCEL_FILL, &args);
}

static int checksum(const softaccel_buffer_t *buffer, uint64_t offset,
                    uint64_t length, uint32_t pad, uint32_t pad2)
{
    struct softaccel_checksum args = {
        .handle = buffer->handle,
        .pad = pad,
        .offset = offset,
        .length = length,
        .pad2 = pad2,
    };

    return device_ioctl(buffer->fd, DRM_IOCTL_SOFTACCEL_CHECKSUM, &args);
}

static void ranges_out_of_bounds_are_EINVAL(void **state)
{
    static const uint64_t ranges[][2] = {
        {0, SIZE + 1},   {SIZE, 1},       {SIZE + 1, 0}, {1, UINT64_MAX},
        {UINT64_MAX, 1}, {UINT64_MAX, 2}, {SIZE - 1, 2}};
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        assert_int_equal(fill(&buffer, ranges[i][0], ranges[i][1], 0, 0),
                         -EINVAL);
        assert_int_equal(checksum(&buffer, ranges[i][0], ranges[i][1], 0, 0),
                         -EINVAL);
    }
    assert_int_equal(fill(&buffer, SIZE, 0, 0, 0), 0);
    assert_int_equal(checksum(&buffer, SIZE, 0, 0, 0), 0);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void fields_that_must_be_zero_are_EINVAL_otherwise(void **state)
{
    int fd = device_open();
    softaccel_buffer_t buffer = device_buffer(fd, SIZE);

    (void)state;
    assert_int_equal(fill(&buffer, 0, 1, 1, 0), -EINVAL);
    assert_int_equal(fill(&buffer, 0, 1, 0, 1), -EINVAL);
    assert_int_equal(checksum(&buffer, 0, 1, 1, 0), -EINVAL);
    assert_int_equal(checksum(&buffer, 0, 1, 0, 1), -EINVAL);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void work_ends_when_its_process_is_killed(void **state)
{
    int fd = device_open(), ready[2], status;
    softaccel_buffer_t buffer = device_buffer(fd, (size_t)64 << 20);
    char byte;
    pid_t pid;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        while (softaccel_fill(&buffer, 0, buffer.size, 1) == 0)
            ;
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    usleep(50000);
    alarm(120);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    alarm(0);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(ready[0]);
    close(ready[1]);
    device_buffer_destroy(&buffer);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fill_writes_its_range_and_nothing_else),
        cmocka_unit_test(the_pattern_is_the_one_of_the_header),
        cmocka_unit_test(seeds_wrap_at_32_bits),
        cmocka_unit_test(a_checksum_is_zlibs_crc32),
        cmocka_unit_test(sums_of_8_bits_are_modulo_8_bits),
        cmocka_unit_test(sums_of_32_bits_are_modulo_32_bits),
        cmocka_unit_test(sums_of_64_bits_are_modulo_64_bits),
        cmocka_unit_test(a_sum_may_replace_a_summand),
        cmocka_unit_test(additions_out_of_bounds_or_of_no_type_are_EINVAL),
        cmocka_unit_test(ranges_out_of_bounds_are_EINVAL),
        cmocka_unit_test(fields_that_must_be_zero_are_EINVAL_otherwise),
        cmocka_unit_test(work_ends_when_its_process_is_killed),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
