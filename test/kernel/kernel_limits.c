/* SPDX-License-Identifier: BSD-3-Clause */
/* Limits on exports of the module's own making, tried with those of a BAR. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
#define PER_PROCESS "/sys/module/peervma/parameters/max_exports_per_process"
#define NOBODY 65534

static uint8_t *map; /* a page of the accelerator's BAR */

static void limits_set(const char *all, const char *user)
{
    setting_write(IN_ALL, all);
    setting_write(PER_USER, user);
}

static struct peervma_info info_now(void)
{
    struct peervma_info info = {.size = sizeof(info)};

    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    return info;
}

static void test_begin(void)
{
    bar_policy("unbound");
    map = bar_map(bar_accel, "resource2_wc", 0, page);
    tap_check_equal(counter("statistics/held"), 0);
}

static void test_end(void)
{
    tap_check_equal(counter("statistics/held"), 0);
    munmap(map, page);
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

/* Run in a child: what it returns is 0 or says where it went wrong. */
static void check_child(int (*run)(void))
{
    int status;
    pid_t pid = fork();

    tap_check(pid >= 0);
    if (pid == 0)
        _exit(run());
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(status, 0);
}

/* One export and not two, counted for this process; left to exit to close. */
static int process_error(void)
{
    struct peervma_info info = {.size = sizeof(info)};
    struct peervma_export export;

    if (device_ioctl(PEERVMA_IOC_INFO, &info) != 0 || info.process_exports != 0)
        return 1;
    if (export_at(map, page, &export) != 0)
        return 2;
    if (device_ioctl(PEERVMA_IOC_INFO, &info) != 0 || info.process_exports != 1)
        return 3;
    if (export_at(map, page, &export) != -EDQUOT)
        return 4;
    return export.reason == PEERVMA_REASON_LIMIT ? 0 : 5;
}

static void *thread_run(void *arg)
{
    struct peervma_export export;

    *(int *)arg = export_at(map, page, &export);
    return NULL;
}

static int thread_error(void)
{
    pthread_t thread;
    int error = 0;

    tap_check_equal(pthread_create(&thread, NULL, thread_run, &error), 0);
    tap_check_equal(pthread_join(thread, NULL), 0);
    return error;
}

static void test_per_process(void)
{
    int fd;

    test_begin();
    setting_write(PER_PROCESS, "1");
    tap_check_equal(info_now().max_exports_per_process, 1);
    fd = bar_export(map, page);
    tap_check_equal(info_now().process_exports, 1);
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    tap_check_equal(thread_error(), -EDQUOT);
    /* The mapping is the child's own, and so is the limit. */
    check_child(process_error);
    tap_check_equal(info_now().exports, 1);
    close(fd);
    tap_check_equal(info_now().process_exports, 0);
    close(bar_export(map, page));
    test_end();
}

/* The child holds what it inherited, and then that alone. */
static int inherited_error(void)
{
    struct peervma_info info = {.size = sizeof(info)};

    if (device_ioctl(PEERVMA_IOC_INFO, &info) != 0)
        return 1;
    if (info.exports != 1 || info.process_exports != 0)
        return 2;
    return process_error();
}

static void test_inherited(void)
{
    int fd;

    test_begin();
    setting_write(PER_PROCESS, "1");
    fd = bar_export(map, page);
    check_child(inherited_error);
    tap_check_equal(info_now().process_exports, 1);
    close(fd);
    test_end();
}

/* Leaves an export to a grandchild that waits for the end of a pipe. */
static int orphan_pipes[2];

static int orphan_error(void)
{
    int fd = bar_export(map, page);
    pid_t pid = fork();
    char byte;

    if (fd < 0 || pid < 0)
        return 1;
    if (pid == 0) {
        close(orphan_pipes[1]);
        _exit(read(orphan_pipes[0], &byte, 1) != 0);
    }
    return 0;
}

static void test_exporter_gone(void)
{
    int tries;

    test_begin();
    setting_write(PER_PROCESS, "1");
    tap_check_equal(pipe2(orphan_pipes, O_CLOEXEC), 0);
    check_child(orphan_error);
    tap_check_equal(counter("statistics/held"), 1);
    tap_check_equal(info_now().exports, 1);
    tap_check_equal(info_now().process_exports, 0);
    check_child(process_error);
    close(orphan_pipes[1]);
    close(orphan_pipes[0]);
    for (tries = 0; tries < 1000 && counter("statistics/held") != 0; tries++)
        usleep(10000);
    test_end();
}

/*
 * What the program does after exec: exit with the exports of its process, and
 * with that of its user beside them, while `fd` is held and when it is not.
 */
static int held_after_exec(int fd)
{
    const struct peervma_info held = info_now();

    close(fd);
    return (int)(held.exports << 4 | held.process_exports << 2 |
                 info_now().process_exports);
}

static void test_exec(void)
{
    char number[16];
    int fd, status;
    pid_t pid;

    test_begin();
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0) {
        fd = bar_export(map, page);
        snprintf(number, sizeof(number), "%d", fd);
        if (fcntl(fd, F_SETFD, 0) == 0)
            execl("/proc/self/exe", "kernel_limits", "--held", number,
                  (char *)NULL);
        _exit(127);
    }
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check(WIFEXITED(status));
    tap_check_equal(WEXITSTATUS(status), 1 << 4 | 1 << 2);
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
    {"a process has a limit with all its threads, and its child another",
     test_per_process},
    {"an inherited export counts for the parent", test_inherited},
    {"an export whose process has ended counts for its user alone",
     test_exporter_gone},
    {"a process stays the same over exec", test_exec},
    {"an export that was passed on counts for who made it", test_passed_on},
    {"a lowered limit takes no export away, and gives none", test_lowered},
    {"a dma-buf of a driver's own making is not charged", test_not_charged},
    {"a revocation is counted and traced, and charged until closed",
     test_revoked},
};

int main(int argc, char **argv)
{
    int ret;

    if (argc == 3)
        return held_after_exec(atoi(argv[2]));
    bar_begin();
    (void)device_fd();
    ret = tap_main(tests, tap_count(tests));
    bar_end();
    return ret;
}
