/* SPDX-License-Identifier: BSD-3-Clause */
/* Descriptors: their flags, what happens without one, and that none leaks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define EXPORTS 10000
#define NOBODY 65534

static void test_flags(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    int fd = export_ok(buffer.ptr, page, 0, page);

    tap_check_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    tap_check_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDWR);
    close(fd);
    accel_destroy(&buffer);
}

static void test_fresh(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    int fd = export_ok(buffer.ptr, page, 0, page);
    int again = export_ok(buffer.ptr, page, 0, page);

    tap_check(fd != again);
    close(fd);
    tap_check(fcntl(again, F_GETFD) >= 0);
    close(again);
    accel_destroy(&buffer);
}

static void test_no_descriptor_left(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    struct rlimit limit, none;
    struct peervma_export export;
    unsigned fds;
    int ret;

    (void)device_fd();
    fds = fds_used();
    tap_check_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){.rlim_cur = 3, .rlim_max = limit.rlim_max};
    tap_check_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    ret = export_at(buffer.ptr, page, &export);
    tap_check_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    tap_check_equal(ret, -EMFILE);
    tap_check_equal(export.fd, -1);
    tap_check_equal(export.reason, PEERVMA_REASON_NONE);
    tap_check_equal(fds_used(), fds);
    close(export_ok(buffer.ptr, page, 0, page));
    accel_destroy(&buffer);
}

/* The dma-buf is there already when the kernel finds that out. */
static void test_unwritable(void)
{
    const uint64_t used = accel_memory_used();
    softaccel_buffer_t buffer = accel_create(page);
    struct peervma_export *export = map_anonymous(page);
    unsigned fds;

    (void)device_fd();
    fds = fds_used();
    *export = (struct peervma_export){
        .size = sizeof(*export),
        .addr = (uintptr_t)buffer.ptr,
        .length = page,
    };
    tap_check_equal(mprotect(export, page, PROT_READ), 0);
    tap_check_equal(device_ioctl(PEERVMA_IOC_EXPORT, export), -EFAULT);
    tap_check_equal(fds_used(), fds);
    munmap(export, page);
    accel_destroy(&buffer);
    tap_check_equal(accel_memory_used(), used);
}

static int child_export(const void *address)
{
    struct peervma_export export;

    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 1;
    if (export_at(address, page, &export) != -ENFILE)
        return 2;
    return export.reason == PEERVMA_REASON_EXPORTER ? 0 : 3;
}

/* A user without privileges, as root is not held to the limit. */
static void test_no_file_left(void)
{
    const char *limit = "/proc/sys/fs/file-max";
    softaccel_buffer_t buffer = accel_create(page);
    int status;
    pid_t pid;

    (void)device_fd();
    setting_write(limit, "1");
    pid = fork();
    if (pid == 0)
        _exit(child_export(buffer.ptr));
    tap_check(pid > 0);
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    close(export_ok(buffer.ptr, page, 0, page));
    accel_destroy(&buffer);
}

/* The object exported anew each time, as no one else holds its dma-buf. */
static void export_new(void)
{
    softaccel_buffer_t buffer = accel_create(page);

    close(export_ok(buffer.ptr, page, 0, page));
    accel_destroy(&buffer);
}

/* The handle that the device's next buffer gets: the lowest free one. */
static uint32_t next_handle(void)
{
    softaccel_buffer_t buffer = accel_create(page);
    uint32_t handle = buffer.handle;

    accel_destroy(&buffer);
    return handle;
}

static void test_many(void)
{
    const uint64_t used = accel_memory_used();
    softaccel_buffer_t buffer = accel_create(4 * page);
    const uint32_t handle = next_handle();
    unsigned fds = fds_used();
    long before = 0;
    int i;

    for (i = 0; i < EXPORTS; i++) {
        if (i == EXPORTS / 10)
            before = slab_kib();
        close(export_ok(buffer.ptr, 4 * page, 0, 4 * page));
        export_new();
        export_refused(buffer.ptr, 5 * page, ERANGE,
                       PEERVMA_REASON_CROSSES_VMA);
    }
    tap_check_equal(fds_used(), fds);
    /* A leak of 100 bytes a round would be 880 KiB. */
    tap_check(slab_kib() - before < 800);
    tap_check_equal(next_handle(), handle);
    accel_destroy(&buffer);
    tap_check_equal(accel_memory_used(), used);
}

static void test_held(void)
{
    enum { HELD = 500 };
    const uint64_t used = accel_memory_used();
    softaccel_buffer_t buffer = accel_create(page);
    int fd[HELD], i;

    for (i = 0; i < HELD; i++)
        fd[i] = export_ok(buffer.ptr, page, 0, page);
    for (i = 1; i < HELD; i++)
        check_same_dmabuf(fd[0], fd[i]);
    accel_destroy(&buffer);
    tap_check_equal(accel_memory_used(), used + page);
    for (i = 0; i < HELD; i++)
        close(fd[i]);
    tap_check_equal(accel_memory_used(), used);
}

static const tap_test_t tests[] = {
    {"the descriptor is O_CLOEXEC and O_RDWR", test_flags},
    {"each export is a descriptor of its own", test_fresh},
    {"without a free descriptor EXPORT is EMFILE and leaves nothing",
     test_no_descriptor_left},
    {"an export that cannot be told to the caller leaves nothing",
     test_unwritable},
    {"without a free file EXPORT is the exporter's ENFILE", test_no_file_left},
    {"20,000 exports leak no descriptor, handle, device or kernel memory",
     test_many},
    {"500 exports held at once are one dma-buf", test_held},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
