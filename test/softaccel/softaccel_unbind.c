/* SPDX-License-Identifier: BSD-3-Clause */
/* The device is taken away while it is in use. */
#include "device.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE DEVICE_USE_SIZE

static void mappings_raise_SIGBUS(void **state)
{
    uint8_t value;
    device_use_t use;

    (void)state;
    device_use_begin(&use);
    device_unbind(&use.pci);
    assert_int_equal(device_peek(use.buffer.ptr, &value), SIGBUS);
    assert_int_equal(device_poke(use.buffer.ptr, 1), SIGBUS);
    assert_int_equal(device_peek((uint8_t *)use.buffer.ptr + PAGE, &value),
                     SIGBUS);
    assert_int_equal(device_peek(use.dmabuf_ptr, &value), SIGBUS);
    assert_int_equal(device_poke(use.dmabuf_ptr + PAGE, 1), SIGBUS);
    device_bind(&use.pci);
    /* A new device is no way back to the old one's memory. */
    assert_int_equal(device_peek(use.buffer.ptr, &value), SIGBUS);
    assert_int_equal(device_peek(use.dmabuf_ptr, &value), SIGBUS);
    device_use_end(&use);
}

static void calls_are_ENODEV(void **state)
{
    struct softaccel_info info;
    softaccel_buffer_t other;
    uint32_t checksum, handle;
    int dmabuf_fd;
    device_use_t use;
    void *ptr;

    (void)state;
    device_use_begin(&use);
    device_unbind(&use.pci);
    assert_int_equal(softaccel_info(use.fd, &info), -ENODEV);
    assert_int_equal(softaccel_buffer_create(use.fd, 1, &other), -ENODEV);
    assert_int_equal(softaccel_fill(&use.buffer, 0, 1, 0), -ENODEV);
    assert_int_equal(softaccel_checksum(&use.buffer, 0, 1, &checksum), -ENODEV);
    assert_int_equal(softaccel_buffer_export(&use.buffer, &dmabuf_fd), -ENODEV);
    assert_int_equal(softaccel_import(use.fd, use.dmabuf_fd, &handle), -ENODEV);
    assert_int_equal(softaccel_handle_close(use.fd, use.buffer.handle),
                     -ENODEV);
    assert_int_equal(device_mmap(use.fd, SIZE, PROT_READ, MAP_SHARED,
                                 use.buffer.mmap_offset, &ptr),
                     -ENODEV);
    assert_int_equal(
        device_mmap(use.dmabuf_fd, SIZE, PROT_READ, MAP_SHARED, 0, &ptr),
        -ENODEV);
    device_bind(&use.pci);
    assert_int_equal(softaccel_info(use.fd, &info), -ENODEV);
    device_use_end(&use);
}

static void importers_are_told_once_and_get_nothing_more(void **state)
{
    struct softaccel_importer_read read_args = {.offset = 0};
    struct softaccel_importer_map map;
    uint64_t revokes;
    device_use_t use;
    int late, fd;

    (void)state;
    device_use_begin(&use);
    late = importer_open(use.dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
    assert_true(late >= 0);
    revokes = device_info(use.fd).revokes;
    assert_int_equal(device_ioctl(use.importer, SOFTACCEL_IMPORTER_TOLD, NULL),
                     0);
    device_unbind(&use.pci);

    assert_int_equal(device_ioctl(use.importer, SOFTACCEL_IMPORTER_TOLD, NULL),
                     1);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_TOLD, NULL), 1);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_MAP, &map), -ENODEV);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_VMAP, NULL),
                     -ENODEV);
    assert_int_equal(importer_open(use.dmabuf_fd, SOFTACCEL_IMPORTER_PEER),
                     -ENODEV);
    /* An importer that does not listen is wrong, but no oops. */
    assert_int_equal(
        device_ioctl(use.importer, SOFTACCEL_IMPORTER_READ, &read_args), 0);

    device_bind(&use.pci);
    fd = device_open();
    assert_int_equal(device_info(fd).revokes, revokes + 2);
    close(fd);
    close(late);
    device_use_end(&use);
}

static void a_new_device_is_whole_and_clean(void **state)
{
    static const uint8_t zeros[SIZE];
    struct softaccel_info info;
    softaccel_buffer_t buffer;
    device_use_t use;
    int fd;

    (void)state;
    device_use_begin(&use);
    device_unbind(&use.pci);
    device_bind(&use.pci);

    fd = device_open();
    info = device_info(fd);
    assert_int_equal(info.memory_used, 0);
    assert_int_equal(info.exports, 0);
    assert_int_equal(info.cpu_faults, 0);
    buffer = device_buffer(fd, SIZE);
    assert_int_equal(buffer.bar_offset, use.buffer.bar_offset);
    assert_memory_equal(buffer.ptr, zeros, SIZE);
    assert_int_equal(softaccel_fill(&buffer, 0, SIZE, 2), 0);
    /* Letting go of the old device does not disturb the new one. */
    device_use_end(&use);
    device_assert_pattern(&buffer, 0, SIZE, 2);
    assert_int_equal(device_info(fd).memory_used, SIZE);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void what_was_opened_may_be_closed_in_between(void **state)
{
    device_use_t use;

    (void)state;
    device_use_begin(&use);
    device_unbind(&use.pci);
    device_use_end(&use);
    device_bind(&use.pci);
}

/* Work in a child until it fails; the child's status is -errno. */
static pid_t worker(const softaccel_buffer_t *buffer, int ready)
{
    pid_t pid = fork();
    int ret = 0;

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;

    if (write(ready, "", 1) != 1)
        _exit(1);
    while (ret == 0)
        ret = softaccel_fill(buffer, 0, buffer->size, 1);
    _exit(-ret);
}

/* Touch memory in a child until that raises a signal: its status. */
static pid_t toucher(const softaccel_buffer_t *buffer, int ready)
{
    volatile uint8_t *bytes = buffer->ptr;
    pid_t pid = fork();
    size_t i;

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;

    signal(SIGBUS, SIG_DFL);
    if (write(ready, "", 1) != 1)
        _exit(1);
    for (i = 0;; i = (i + PAGE / 2) % buffer->size)
        bytes[i]++;
}

static void work_under_way_ends_with_ENODEV(void **state)
{
    int fd = device_open(), ready[2], status, i;
    softaccel_buffer_t buffer = device_buffer(fd, (size_t)32 << 20);
    device_pci_t pci = device_pci(fd);
    pid_t workers[2], touchers[2];
    char bytes[4];

    (void)state;
    assert_int_equal(pipe(ready), 0);
    for (i = 0; i < 2; i++) {
        workers[i] = worker(&buffer, ready[1]);
        touchers[i] = toucher(&buffer, ready[1]);
    }
    for (i = 0; i < 4; i++)
        assert_int_equal(read(ready[0], bytes, 1), 1);
    usleep(100000);
    device_unbind(&pci);

    alarm(300);
    for (i = 0; i < 2; i++) {
        assert_int_equal(waitpid(workers[i], &status, 0), workers[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == ENODEV);
        assert_int_equal(waitpid(touchers[i], &status, 0), touchers[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS);
    }
    alarm(0);
    device_bind(&pci);
    close(ready[0]);
    close(ready[1]);
    munmap(buffer.ptr, buffer.size);
    close(fd);
}

/* Allocate, export and import in a child until the device is gone. */
static pid_t exporter(int ready)
{
    softaccel_buffer_t buffer;
    int fd, dmabuf_fd;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid != 0)
        return pid;

    if (softaccel_open(&fd) != 0 || write(ready, "", 1) != 1)
        _exit(1);
    while (softaccel_buffer_create(fd, PAGE, &buffer) == 0 &&
           softaccel_buffer_export(&buffer, &dmabuf_fd) == 0) {
        close(importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_PEER));
        close(dmabuf_fd);
        softaccel_buffer_destroy(&buffer);
    }
    _exit(softaccel_buffer_create(fd, PAGE, &buffer) != -ENODEV);
}

static void exporting_and_unbinding_may_race(void **state)
{
    int fd = device_open(), ready[2], round, status;
    device_pci_t pci = device_pci(fd);
    char byte;
    pid_t pid;

    (void)state;
    close(fd);
    assert_int_equal(pipe(ready), 0);
    for (round = 0; round < 20; round++) {
        pid = exporter(ready[1]);
        assert_int_equal(read(ready[0], &byte, 1), 1);
        usleep(10000 + round * 1000);
        device_unbind(&pci);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        device_bind(&pci);
    }
    close(ready[0]);
    close(ready[1]);
}

static int unload(void)
{
    return syscall(SYS_delete_module, SOFTACCEL_DRIVER_NAME, O_NONBLOCK) == 0
               ? 0
               : -errno;
}

static void unloading_is_EAGAIN_while_anything_is_open(void **state)
{
    int fd = device_open(), dmabuf_fd;
    softaccel_buffer_t buffer = device_buffer(fd, PAGE);
    device_pci_t pci = device_pci(fd);

    (void)state;
    dmabuf_fd = device_export(&buffer);
    assert_int_equal(unload(), -EAGAIN);
    close(fd);
    munmap(buffer.ptr, buffer.size);
    assert_int_equal(unload(), -EAGAIN);
    device_unbind(&pci);
    assert_int_equal(unload(), -EAGAIN);
    device_bind(&pci);
    close(dmabuf_fd);
}

static void removing_the_pci_device_is_as_good(void **state)
{
    char path[128];
    uint8_t value;
    device_use_t use;

    (void)state;
    device_use_begin(&use);
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove",
             use.pci.address);
    device_sysfs_write(path, "1");
    assert_int_equal(device_peek(use.buffer.ptr, &value), SIGBUS);
    assert_int_equal(device_ioctl(use.importer, SOFTACCEL_IMPORTER_TOLD, NULL),
                     1);
    device_use_end(&use);
    device_sysfs_write("/sys/bus/pci/rescan", "1");
    close(device_open());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mappings_raise_SIGBUS),
        cmocka_unit_test(calls_are_ENODEV),
        cmocka_unit_test(importers_are_told_once_and_get_nothing_more),
        cmocka_unit_test(a_new_device_is_whole_and_clean),
        cmocka_unit_test(what_was_opened_may_be_closed_in_between),
        cmocka_unit_test(work_under_way_ends_with_ENODEV),
        cmocka_unit_test(exporting_and_unbinding_may_race),
        cmocka_unit_test(unloading_is_EAGAIN_while_anything_is_open),
        cmocka_unit_test(removing_the_pci_device_is_as_good),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
