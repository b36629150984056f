/* SPDX-License-Identifier: BSD-3-Clause */
/* The device is reset while it is in use. */
#include "device.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define SIZE DEVICE_USE_SIZE
#define LARGE ((size_t)32 << 20)

static const uint8_t zeros[SIZE];

static void reset(int fd)
{
    assert_int_equal(softaccel_reset(fd), 0);
}

static void contents_are_zero_and_everything_stays(void **state)
{
    softaccel_buffer_t *buffer;
    device_use_t use;
    uint32_t checksum;

    (void)state;
    device_use_begin(&use);
    buffer = &use.buffer;
    reset(use.fd);
    assert_memory_equal(buffer->ptr, zeros, SIZE);
    assert_memory_equal(use.dmabuf_ptr, zeros, SIZE);
    assert_int_equal(device_info(use.fd).memory_used, SIZE);
    /* Handle, mappings and dma-buf still stand for the same memory. */
    assert_int_equal(softaccel_fill(buffer, 0, SIZE, 7), 0);
    device_assert_pattern(buffer, 0, SIZE, 7);
    assert_memory_equal(use.dmabuf_ptr, buffer->ptr, SIZE);
    assert_int_equal(softaccel_checksum(buffer, 0, SIZE, &checksum), 0);
    assert_int_equal(checksum, softaccel_crc32(buffer->ptr, SIZE));
    device_use_end(&use);
}

static void mappings_are_empty_after_it(void **state)
{
    device_use_t use;
    uint64_t faults;
    uint8_t value;

    (void)state;
    device_use_begin(&use);
    faults = device_info(use.fd).cpu_faults;
    assert_int_equal(device_peek(use.buffer.ptr, &value), 0);
    assert_int_equal(device_info(use.fd).cpu_faults, faults);
    reset(use.fd);
    assert_int_equal(device_peek(use.buffer.ptr, &value), 0);
    assert_int_equal(device_info(use.fd).cpu_faults, faults + 1);
    assert_int_equal(device_peek(use.dmabuf_ptr, &value), 0);
    assert_int_equal(device_info(use.fd).cpu_faults, faults + 2);
    device_use_end(&use);
}

static void it_is_counted(void **state)
{
    int fd = device_open();
    uint64_t resets = device_info(fd).resets;

    (void)state;
    reset(fd);
    reset(fd);
    assert_int_equal(device_info(fd).resets, resets + 2);
    close(fd);
}

static void without_CAP_SYS_ADMIN_it_is_EACCES(void **state)
{
    device_use_t use;
    int status;
    pid_t pid;

    (void)state;
    device_use_begin(&use);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        _exit(setuid(65534) != 0 || softaccel_reset(use.fd) != -EACCES);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    device_assert_pattern(&use.buffer, 0, SIZE, 1);
    device_use_end(&use);
}

static void importers_are_told_once_and_may_map_again(void **state)
{
    struct softaccel_importer_read read_args = {.offset = 0};
    struct softaccel_importer_map map;
    uint64_t revokes;
    device_use_t use;
    int late;

    (void)state;
    device_use_begin(&use);
    late = importer_open(use.dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
    assert_true(late >= 0);
    revokes = device_info(use.fd).revokes;
    reset(use.fd);
    assert_int_equal(device_info(use.fd).revokes, revokes + 2);
    assert_int_equal(device_ioctl(use.importer, SOFTACCEL_IMPORTER_TOLD, NULL),
                     1);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_TOLD, NULL), 1);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_MAP, &map), 0);
    assert_int_equal(map.address,
                     device_bar_start(&use.pci) + use.buffer.bar_offset);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_VMAP, NULL), 0);
    assert_int_equal(softaccel_fill(&use.buffer, 0, 1, 3), 0);
    assert_int_equal(device_ioctl(late, SOFTACCEL_IMPORTER_READ, &read_args),
                     0);
    assert_int_equal(read_args.value, softaccel_pattern(3, 0));
    close(late);
    device_use_end(&use);
}

static void a_gone_device_is_ENODEV(void **state)
{
    device_use_t use;

    (void)state;
    device_use_begin(&use);
    device_unbind(&use.pci);
    assert_int_equal(softaccel_reset(use.fd), -ENODEV);
    device_bind(&use.pci);
    assert_int_equal(softaccel_reset(use.fd), -ENODEV);
    device_use_end(&use);
}

/* Run `work` in a child; true once it has begun. */
static pid_t child(void (*work)(softaccel_buffer_t *), softaccel_buffer_t *with)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGBUS, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        if (write(ready[1], "", 1) != 1)
            _exit(1);
        work(with);
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

/* Three kinds of work; the status is 0 if the error is the right one. */
static void fill_on(softaccel_buffer_t *buffer)
{
    int ret = 0;

    while (ret == 0)
        ret = softaccel_fill(buffer, 0, buffer->size, 1);
    _exit(ret != -ECANCELED);
}

static void checksum_on(softaccel_buffer_t *buffer)
{
    uint32_t checksum;
    int ret = 0;

    while (ret == 0)
        ret = softaccel_checksum(buffer, 0, buffer->size, &checksum);
    _exit(ret != -ECANCELED);
}

static void add_on(softaccel_buffer_t *buffer)
{
    int ret = 0;

    while (ret == 0)
        ret = softaccel_add(buffer, 0, buffer, 0, buffer, 0, SOFTACCEL_TYPE_U8,
                            buffer->size);
    _exit(ret != -ECANCELED);
}

static void work_under_way_ends_with_ECANCELED(void **state)
{
    static void (*const works[])(softaccel_buffer_t *) = {fill_on, checksum_on,
                                                          add_on};
    int fd = device_open(), status;
    softaccel_buffer_t buffer = device_buffer(fd, LARGE);
    pid_t pid;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(works) / sizeof(*works); i++) {
        pid = child(works[i], &buffer);
        /* One may fall between two calls of the work. */
        do {
            usleep(20000);
            reset(fd);
        } while (waitpid(pid, &status, WNOHANG) == 0);
        assert_int_equal(status, 0);
    }
    reset(fd);
    device_buffer_destroy(&buffer);
    close(fd);
}

static void touch_on(softaccel_buffer_t *buffer)
{
    volatile uint8_t *bytes = buffer->ptr;
    size_t i;

    for (i = 0;; i = (i + PAGE / 2) % buffer->size)
        bytes[i]++;
}

/* Nothing of this may fail, or see what another buffer had in it. */
static void export_on(softaccel_buffer_t *unused)
{
    softaccel_buffer_t buffer;
    int fd, importer, dmabuf_fd;

    (void)unused;
    if (softaccel_open(&fd) != 0)
        _exit(1);
    for (;;) {
        if (softaccel_buffer_create(fd, SIZE, &buffer) != 0 ||
            memcmp(buffer.ptr, zeros, SIZE) != 0)
            _exit(2);
        memset(buffer.ptr, 0xa5, SIZE);
        if (softaccel_buffer_export(&buffer, &dmabuf_fd) != 0)
            _exit(3);
        importer = importer_open(dmabuf_fd, SOFTACCEL_IMPORTER_PEER);
        if (importer < 0)
            _exit(4);
        close(importer);
        close(dmabuf_fd);
        if (softaccel_buffer_destroy(&buffer) != 0)
            _exit(5);
    }
}

static void users_go_on_under_it(void **state)
{
    int fd = device_open(), status, i;
    softaccel_buffer_t buffer = device_buffer(fd, LARGE);
    pid_t pids[3];

    (void)state;
    pids[0] = child(touch_on, &buffer);
    pids[1] = child(export_on, NULL);
    pids[2] = child(export_on, NULL);
    for (i = 0; i < 50; i++) {
        usleep(5000 + 1000 * (i % 7));
        reset(fd);
    }
    for (i = 0; i < 3; i++) {
        kill(pids[i], SIGTERM);
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    }
    device_buffer_destroy(&buffer);
    close(fd);
}

static void it_may_race_with_unbinding(void **state)
{
    int fd, round, status;
    device_pci_t pci;
    pid_t pid;

    (void)state;
    for (round = 0; round < 10; round++) {
        fd = device_open();
        pci = device_pci(fd);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            do
                status = softaccel_reset(fd);
            while (status == 0);
            _exit(status != -ENODEV);
        }
        usleep(1000 * (5 + round));
        device_unbind(&pci);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        device_bind(&pci);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_zero_and_everything_stays),
        cmocka_unit_test(mappings_are_empty_after_it),
        cmocka_unit_test(it_is_counted),
        cmocka_unit_test(without_CAP_SYS_ADMIN_it_is_EACCES),
        cmocka_unit_test(importers_are_told_once_and_may_map_again),
        cmocka_unit_test(a_gone_device_is_ENODEV),
        cmocka_unit_test(work_under_way_ends_with_ECANCELED),
        cmocka_unit_test(users_go_on_under_it),
        cmocka_unit_test(it_may_race_with_unbinding),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
