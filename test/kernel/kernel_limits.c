/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits on exports of the module's own making, tried with those of a BAR. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "bar.h"
#include "device.h"
#include "tap.h"

#define IN_ALL "/sys/module/peervma/parameters/max_exports"
#define PER_USER "/sys/module/peervma/parameters/max_exports_per_user"
#define NOBODY 65534

static uint8_t *map; /* a page of the accelerator's BAR */
static char in_all[32], per_user[32];

static void limits_set(const char *all, const char *user)
{
    write_line(IN_ALL, all);
    write_line(PER_USER, user);
}

static struct peervma_info info_now(void)
{
    struct peervma_info info = {.size = sizeof(info)};

    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    return info;
}

static void test_begin(void)
{
    read_line(IN_ALL, in_all, sizeof(in_all));
    read_line(PER_USER, per_user, sizeof(per_user));
    bar_policy("unbound");
    map = bar_map(bar_accel, "resource2_wc", 0, page);
    tap_check_equal(counter("statistics/held"), 0);
}

static void test_end(void)
{
    limits_set(in_all, per_user);
    tap_check_equal(counter("statistics/held"), 0);
    munmap(map, page);
    bar_policy("off");
}

/* As nobody: one export and not two, counted for him. */
static int nobodys_error(void)
{
    struct peervma_info info = {.size = sizeof(info)};
    struct peervma_export export;

    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 1;
    if (export_at(map, page, &export) != 0)
        return 2;
    if (export_at(map, page, &export) != -EDQUOT)
        return 3;
    if (device_ioctl(PEERVMA_IOC_INFO, &info) != 0 || info.exports != 1)
        return 4;
    return export.reason == PEERVMA_REASON_LIMIT ? 0 : 5;
}

static int run_nobody(void)
{
    int status;
    pid_t pid = fork();

    tap_check(pid >= 0);
    if (pid == 0)
        _exit(nobodys_error());
    tap_check_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void test_per_user(void)
{
    int fd;

    test_begin();
    limits_set("100", "1");
    fd = bar_export(map, page);
    tap_check_equal(info_now().exports, 1);
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    tap_check_equal(run_nobody(), 0);
    tap_check_equal(counter("statistics/held"), 1);
    close(fd);
    tap_check_equal(info_now().exports, 0);
    test_end();
}

static void test_in_all(void)
{
    int fds[2];

    test_begin();
    limits_set("3", "100");
    fds[0] = bar_export(map, page);
    fds[1] = bar_export(map, page);
    tap_check_equal(run_nobody(), 0);
    close(bar_export(map, page));
    limits_set("2", "100");
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    close(fds[0]);
    close(fds[1]);
    test_end();
}

/* Whoever holds it last: the charge is that of the one who made it. */
static void test_passed_on(void)
{
    int pipes[2], fd, status;
    char byte = 0;
    pid_t pid;

    test_begin();
    fd = bar_export(map, page);
    tap_check_equal(pipe(pipes), 0);
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0)
        _exit(read(pipes[0], &byte, 1) != 1);
    close(fd);
    tap_check_equal(info_now().exports, 1);
    tap_check_equal(counter("statistics/held"), 1);
    tap_check_equal(write(pipes[1], &byte, 1), 1);
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
    tap_check_equal(info_now().exports, 0);
    close(pipes[0]);
    close(pipes[1]);
    test_end();
}

static void test_lowered(void)
{
    int fds[2];

    test_begin();
    fds[0] = bar_export(map, page);
    fds[1] = bar_export(map, page);
    limits_set("1", "1");
    tap_check_equal(info_now().max_exports_per_user, 1);
    tap_check_equal(info_now().exports, 2);
    tap_check_equal(lseek(fds[1], 0, SEEK_END), (off_t)page);
    close(fds[0]);
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    close(fds[1]);
    close(bar_export(map, page));
    test_end();
}

/* One dma-buf an object, and its driver's: nothing to limit. */
static void test_not_charged(void)
{
    int heap = heap_create(page, O_RDWR);
    uint8_t *dmabuf = map_shared(heap, 0, page);
    int fd;

    test_begin();
    limits_set("0", "0");
    fd = export_ok(dmabuf, page, 0, page);
    tap_check_equal(counter("statistics/held"), 0);
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    close(fd);
    close(heap);
    munmap(dmabuf, page);
    test_end();
}

static void test_revoked(void)
{
    unsigned long before = counter("statistics/revocations");
    char line[1024], expected[256];
    int fd;

    test_begin();
    fd = bar_export(map, page);
    trace_begin("peervma:peervma_revoke");
    tap_check_equal(munmap(map, page), 0);
    tap_check_equal(trace_end(line, sizeof(line)), 1);
    snprintf(expected, sizeof(expected),
             "peervma_revoke: tgid=%d uid=0 addr=%#" PRIxPTR
             " length=%zu kind=bar cause=unmap\n",
             getpid(), (uintptr_t)map, page);
    check_event(line, expected);
    tap_check_equal(counter("statistics/revocations"), before + 1);
    /* It is gone, but held: the charge stays. */
    tap_check_equal(counter("statistics/held"), 1);
    close(fd);
    tap_check_equal(counter("statistics/revocations"), before + 1);
    test_end();
}

static const tap_test_t tests[] = {
    {"a user has his limit, and another user his own", test_per_user},
    {"all users together have a limit", test_in_all},
    {"an export that was passed on counts for who made it", test_passed_on},
    {"a lowered limit takes no export away, and gives none", test_lowered},
    {"a dma-buf of a driver's own making is not charged", test_not_charged},
    {"a revocation is counted and traced, and charged until closed",
     test_revoked},
};

int main(void)
{
    int ret;

    bar_begin();
    (void)device_fd();
    ret = tap_main(tests, tap_count(tests));
    if (in_all[0] != '\0')
        limits_set(in_all, per_user);
    bar_end();
    return ret;
}
