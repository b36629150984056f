/* SPDX-License-Identifier: BSD-3-Clause */
/* What is counted and traced: exports and refusals by reason. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "account.h"
#include "device.h"
#include "tap.h"

#define NOBODY 65534

/* A mapping of one page that can be exported, until munmap. */
static uint8_t *dmabuf_map(void)
{
    int fd = heap_create(page, O_RDWR);
    uint8_t *map = map_shared(fd, 0, page);

    close(fd);
    return map;
}

static void test_exports(void)
{
    uint8_t *map = dmabuf_map();
    const unsigned long before = counter("statistics/exports");
    unsigned i;

    for (i = 0; i < 5; i++)
        close(export_ok(map, page, 0, page));
    tap_check_equal(counter("statistics/exports"), before + 5);
    (void)query_ok(map);
    export_refused(map, 2 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    tap_check_equal(counter("statistics/exports"), before + 5);
    munmap(map, page);
}

static void count_refusal(const char *name, const void *address, size_t length,
                          int error, unsigned reason)
{
    char path[64];
    unsigned long before;

    snprintf(path, sizeof(path), "refusals/%s", name);
    before = counter(path);
    export_refused(address, length, error, reason);
    tap_check_equal(counter(path), before + 1);
}

static void test_refusals(void)
{
    uint8_t *map = dmabuf_map();
    uint8_t *anonymous = map_anonymous(page);

    count_refusal("none", map, 0, EINVAL, PEERVMA_REASON_NONE);
    count_refusal("unmapped", NULL, page, ENXIO, PEERVMA_REASON_UNMAPPED);
    count_refusal("not_device", anonymous, page, ENODEV,
                  PEERVMA_REASON_NOT_DEVICE);
    count_refusal("crosses_vma", map, 2 * page, ERANGE,
                  PEERVMA_REASON_CROSSES_VMA);
    tap_check_equal(mprotect(map, page, PROT_READ), 0);
    count_refusal("read_only", map, page, EACCES, PEERVMA_REASON_READ_ONLY);
    munmap(map, page);
    munmap(anonymous, page);
}

/* Each reason but the library's has a counter. */
static void test_each_reason(void)
{
    static const char *const names[] = {
        "none",          "unmapped",    "not_device",    "crosses_vma",
        "private",       "read_only",   "no_exporter",   "not_gem",
        "no_prime",      "not_allowed", "beyond_object", "revoked",
        "exporter",      "bar_policy",  "limit",         "unknown_offset",
        "not_revocable", "vfio",
    };
    char path[128];
    size_t i;

    tap_check_equal(tap_count(names), PEERVMA_REASON_VFIO + 1);
    for (i = 0; i < tap_count(names); i++) {
        snprintf(path, sizeof(path), ACCOUNT_SYSFS "refusals/%s", names[i]);
        if (access(path, R_OK) != 0)
            tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    }
}

static void test_trace_export(void)
{
    uint8_t *map = dmabuf_map();
    char line[1024], expected[256];

    trace_begin("peervma:*");
    (void)query_ok(map);
    close(export_ok(map, page, 0, page));
    tap_check_equal(trace_end(line, sizeof(line)), 1);
    snprintf(expected, sizeof(expected),
             "peervma_export: tgid=%d uid=0 comm=kernel_account addr=%#" PRIxPTR
             " length=%zu kind=dmabuf reason=0 error=0\n",
             getpid(), (uintptr_t)map, page);
    check_event(line, expected);
    munmap(map, page);
}

static int child_refused(const uint8_t *map)
{
    struct peervma_export export;

    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)
        return 1;
    return export_at(map, 2 * page, &export) == -ERANGE ? 0 : 2;
}

static void test_trace_refusal(void)
{
    uint8_t *map = dmabuf_map();
    char line[1024], expected[256];
    int status;
    pid_t pid;

    (void)device_fd();
    trace_begin("peervma:*");
    pid = fork();
    tap_check(pid >= 0);
    if (pid == 0)
        _exit(child_refused(map));
    tap_check_equal(waitpid(pid, &status, 0), pid);
    tap_check_equal(trace_end(line, sizeof(line)), 1);
    tap_check_equal(status, 0);
    snprintf(
        expected, sizeof(expected),
        "peervma_refuse: tgid=%d uid=%d comm=kernel_account addr=%#" PRIxPTR
        " length=%zu kind=dmabuf reason=%d error=%d\n",
        pid, NOBODY, (uintptr_t)map, 2 * page, PEERVMA_REASON_CROSSES_VMA,
        -ERANGE);
    check_event(line, expected);
    munmap(map, page);
}

static void test_trace_garbage(void)
{
    char line[1024];

    trace_begin("peervma:*");
    export_refused((void *)UINTPTR_MAX, page, EINVAL, PEERVMA_REASON_NONE);
    tap_check_equal(trace_end(line, sizeof(line)), 1);
    check_event(line, " addr=0xffffffffffffffff length=");
    check_event(line, " kind=none reason=0 error=-22\n");
}

static const tap_test_t tests[] = {
    {"each export is counted, and nothing else as one", test_exports},
    {"each refusal is counted by its reason", test_refusals},
    {"each reason has a counter", test_each_reason},
    {"an export is traced with process, user and range, a QUERY is not",
     test_trace_export},
    {"a refusal is traced with process, user, reason and errno",
     test_trace_refusal},
    {"a refusal of nonsense is traced as it was asked", test_trace_garbage},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
