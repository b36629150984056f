/* SPDX-License-Identifier: BSD-3-Clause */
/* Doorbells: pages of the device that are no memory. */
#include "device.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

static softaccel_doorbells_t doorbells_of(int fd)
{
    softaccel_doorbells_t doorbells;

    assert_int_equal(softaccel_doorbells_create(fd, &doorbells), 0);
    return doorbells;
}

static uint64_t seen(const softaccel_doorbells_t *doorbells, size_t offset)
{
    uint64_t value;

    assert_int_equal(softaccel_doorbell_read(doorbells, offset, &value), 0);
    return value;
}

static volatile uint64_t *doorbell(const softaccel_doorbells_t *doorbells,
                                   size_t offset)
{
    return (volatile uint64_t *)((char *)doorbells->ptr + offset);
}

static void what_rings_is_what_the_device_sees(void **state)
{
    int fd = device_open();
    softaccel_doorbells_t doorbells = doorbells_of(fd);
    size_t offset;

    (void)state;
    for (offset = 0; offset < doorbells.size; offset += 8)
        assert_int_equal(seen(&doorbells, offset), 0);
    *doorbell(&doorbells, 0) = 1;
    *doorbell(&doorbells, doorbells.size - 8) = UINT64_MAX;
    assert_int_equal(seen(&doorbells, 0), 1);
    assert_int_equal(seen(&doorbells, 8), 0);
    assert_int_equal(seen(&doorbells, doorbells.size - 8), UINT64_MAX);
    softaccel_doorbells_destroy(&doorbells);
    close(fd);
}

static void each_call_gives_others_and_they_are_zero(void **state)
{
    int fd = device_open();
    softaccel_doorbells_t a = doorbells_of(fd), b = doorbells_of(fd);
    uint64_t bar_offset = b.bar_offset;

    (void)state;
    assert_true(a.bar_offset + a.size <= b.bar_offset ||
                b.bar_offset + b.size <= a.bar_offset);
    *doorbell(&a, PAGE) = 5;
    assert_int_equal(seen(&b, PAGE), 0);
    *doorbell(&b, PAGE) = 6;
    softaccel_doorbells_destroy(&b);
    b = doorbells_of(fd);
    assert_int_equal(b.bar_offset, bar_offset);
    assert_int_equal(seen(&b, PAGE), 0);
    assert_int_equal(seen(&a, PAGE), 5);
    softaccel_doorbells_destroy(&a);
    softaccel_doorbells_destroy(&b);
    close(fd);
}

static void they_are_no_part_of_memory(void **state)
{
    int fd = device_open();
    struct softaccel_info info = device_info(fd);
    softaccel_doorbells_t doorbells = doorbells_of(fd);

    (void)state;
    assert_true(doorbells.bar_offset >= info.memory_size);
    assert_int_equal(device_info(fd).memory_used, info.memory_used);
    softaccel_doorbells_destroy(&doorbells);
    assert_int_equal(device_info(fd).memory_used, info.memory_used);
    close(fd);
}

static void when_there_is_none_left_it_is_ENOSPC(void **state)
{
    softaccel_doorbells_t all[64], one_more;
    int fd = device_open(), ret = 0;
    size_t count = 0;

    (void)state;
    while (ret == 0 && count < 64)
        ret = softaccel_doorbells_create(fd, &all[count++]);
    assert_int_equal(ret, -ENOSPC);
    count--;
    assert_true(count > 1);
    softaccel_doorbells_destroy(&all[--count]);
    assert_int_equal(softaccel_doorbells_create(fd, &one_more), 0);
    softaccel_doorbells_destroy(&one_more);
    while (count > 0)
        softaccel_doorbells_destroy(&all[--count]);
    close(fd);
}

static void wrong_arguments_are_EINVAL(void **state)
{
    struct softaccel_doorbell args = {.flags = 1};
    int fd = device_open();
    softaccel_doorbells_t doorbells = doorbells_of(fd);
    size_t size = doorbells.size;
    uint64_t value[2];
    void *ptr;

    (void)state;
    assert_int_equal(device_ioctl(fd, DRM_IOCTL_SOFTACCEL_DOORBELL, &args),
                     -EINVAL);
    assert_int_equal(
        device_mmap(doorbells.fd, size + 1, PROT_READ, MAP_SHARED, 0, &ptr),
        -EINVAL);
    assert_int_equal(
        device_mmap(doorbells.fd, PAGE, PROT_READ, MAP_SHARED, size, &ptr),
        -EINVAL);
    assert_int_equal(device_mmap(doorbells.fd, PAGE, PROT_READ | PROT_WRITE,
                                 MAP_PRIVATE, 0, &ptr),
                     -EINVAL);
    assert_int_equal(softaccel_doorbell_read(&doorbells, 4, value), -EINVAL);
    assert_int_equal(softaccel_doorbell_read(&doorbells, size, value), -EINVAL);
    assert_int_equal(pread(doorbells.fd, value, 16, 0), -1);
    assert_int_equal(errno, EINVAL);
    softaccel_doorbells_destroy(&doorbells);
    close(fd);
}

static void a_mapping_keeps_them(void **state)
{
    int fd = device_open();
    softaccel_doorbells_t doorbells = doorbells_of(fd), other;

    (void)state;
    close(doorbells.fd);
    close(fd);
    *doorbell(&doorbells, 0) = 77;
    fd = device_open();
    other = doorbells_of(fd);
    assert_int_not_equal(other.bar_offset, doorbells.bar_offset);
    assert_int_equal(*doorbell(&doorbells, 0), 77);
    munmap(doorbells.ptr, doorbells.size);
    softaccel_doorbells_destroy(&other);
    close(fd);
}

static void a_reset_silences_them(void **state)
{
    int fd = device_open();
    softaccel_doorbells_t doorbells = doorbells_of(fd);

    (void)state;
    *doorbell(&doorbells, 8) = 9;
    assert_int_equal(softaccel_reset(fd), 0);
    assert_int_equal(*doorbell(&doorbells, 8), 0);
    *doorbell(&doorbells, 8) = 10;
    assert_int_equal(seen(&doorbells, 8), 10);
    softaccel_doorbells_destroy(&doorbells);
    close(fd);
}

static void of_an_unbound_device_they_raise_SIGBUS(void **state)
{
    int fd = device_open();
    device_pci_t pci = device_pci(fd);
    softaccel_doorbells_t doorbells = doorbells_of(fd), other;
    uint64_t value;
    void *ptr;

    (void)state;
    *doorbell(&doorbells, 0) = 1;
    device_unbind(&pci);
    assert_int_equal(device_poke(doorbells.ptr, 2), SIGBUS);
    assert_int_equal(device_poke((char *)doorbells.ptr + PAGE, 2), SIGBUS);
    assert_int_equal(softaccel_doorbell_read(&doorbells, 0, &value), -ENODEV);
    assert_int_equal(
        device_mmap(doorbells.fd, PAGE, PROT_READ, MAP_SHARED, 0, &ptr),
        -ENODEV);
    assert_int_equal(softaccel_doorbells_create(fd, &other), -ENODEV);
    device_bind(&pci);
    assert_int_equal(device_poke(doorbells.ptr, 2), SIGBUS);
    softaccel_doorbells_destroy(&doorbells);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_rings_is_what_the_device_sees),
        cmocka_unit_test(each_call_gives_others_and_they_are_zero),
        cmocka_unit_test(they_are_no_part_of_memory),
        cmocka_unit_test(when_there_is_none_left_it_is_ENOSPC),
        cmocka_unit_test(wrong_arguments_are_EINVAL),
        cmocka_unit_test(a_mapping_keeps_them),
        cmocka_unit_test(a_reset_silences_them),
        cmocka_unit_test(of_an_unbound_device_they_raise_SIGBUS),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
