/* SPDX-License-Identifier: BSD-3-Clause */
/* Drivers that register exporters, by the module peervma_driver. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "device.h"
#include "driver.h"
#include "tap.h"

#define SIZE (DRIVER_PAGES * page)

/* Write a number to a parameter: 0 or -errno. */
static int parameter_set(const char *name, unsigned value)
{
    char path[128], text[16];
    int fd, ret = 0;

    snprintf(path, sizeof(path), DRIVER_PARAMETERS "%s", name);
    snprintf(text, sizeof(text), "%u", value);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    tap_check(fd >= 0);
    if (write(fd, text, strlen(text)) < 0)
        ret = -errno;
    close(fd);
    return ret;
}

static int parameter_get(const char *name)
{
    char path[128], text[32];

    snprintf(path, sizeof(path), DRIVER_PARAMETERS "%s", name);
    read_line(path, text, sizeof(text));
    return atoi(text);
}

/* By a number that stands for the exporter; fails where there is none. */
static void register_undo(void *arg)
{
    (void)parameter_set("unregister", (unsigned)(uintptr_t)arg);
}

static int exporter_register(enum driver_exporter exporter)
{
    tap_at_end(register_undo, (void *)(uintptr_t)exporter);
    return parameter_set("register", exporter);
}

static void exporter_unregister(enum driver_exporter exporter)
{
    tap_check_equal(parameter_set("unregister", exporter), 0);
}

/* What is mapped of the device behaves so. */
static uint8_t *driver_map(enum driver_behaviour behaviour)
{
    int fd = open(DRIVER_DEVICE, O_RDWR | O_CLOEXEC);
    uint8_t *map;

    tap_check(fd >= 0);
    map = map_shared(fd, behaviour * SIZE, SIZE);
    close(fd);
    return map;
}

static bool kind_is_told(void)
{
    struct peervma_info info = {.size = sizeof(info)};

    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    return (info.kinds >> PEERVMA_VMA_DRIVER) & 1;
}

static void expect_nobodys(const uint8_t *map)
{
    struct peervma_query query = query_ok(map);

    tap_check_equal(query.kind, PEERVMA_VMA_OTHER);
    tap_check_equal(query.reason, PEERVMA_REASON_NO_EXPORTER);
    export_refused(map, SIZE, EOPNOTSUPP, PEERVMA_REASON_NO_EXPORTER);
}

static void test_unregistered(void)
{
    uint8_t *map = driver_map(DRIVER_GOOD);

    tap_check(!kind_is_told());
    expect_nobodys(map);
    munmap(map, SIZE);
}

static void test_good(void)
{
    uint8_t *map = driver_map(DRIVER_GOOD);
    struct peervma_query query;
    int fd;

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    tap_check(kind_is_told());
    query = query_ok(map + 3 * page);
    tap_check_equal(query.kind, PEERVMA_VMA_DRIVER);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.object_offset, 0);
    tap_check_equal(query.object_size, SIZE);
    fd = export_ok(map + 3 * page, page, 3 * page, SIZE);
    tap_check_equal(lseek(fd, 0, SEEK_END), (off_t)SIZE);
    close(fd);
    tap_check_equal(parameter_get("held"), 0);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    tap_check(!kind_is_told());
    expect_nobodys(map);
    munmap(map, SIZE);
}

/* What is left of a split mapping begins elsewhere in the object. */
static void test_split(void)
{
    uint8_t *map = driver_map(DRIVER_GOOD);

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    tap_check_equal(munmap(map + 2 * page, page), 0);
    close(export_ok(map, 2 * page, 0, SIZE));
    close(export_ok(map + 3 * page, page, 3 * page, SIZE));
    tap_check_equal(query_ok(map + 5 * page).object_offset, 3 * page);
    export_refused(map, 4 * page, ERANGE, PEERVMA_REASON_CROSSES_VMA);
    tap_check_equal(parameter_get("held"), 0);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    munmap(map, SIZE);
}

static void test_refusals(void)
{
    const struct {
        enum driver_behaviour behaviour;
        int error;
        unsigned reason;
    } cases[] = {
        {DRIVER_NOT_DYNAMIC, EOPNOTSUPP, PEERVMA_REASON_NOT_REVOCABLE},
        {DRIVER_GONE, ESTALE, PEERVMA_REASON_REVOKED},
        {DRIVER_FAILS, EIO, PEERVMA_REASON_EXPORTER},
        {DRIVER_NOBODYS, EOPNOTSUPP, PEERVMA_REASON_NO_EXPORTER},
    };
    uint8_t *map;
    size_t i;

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    for (i = 0; i < tap_count(cases); i++) {
        map = driver_map(cases[i].behaviour);
        export_refused(map, SIZE, cases[i].error, cases[i].reason);
        munmap(map, SIZE);
        tap_check_equal(parameter_get("held"), 0);
    }
    exporter_unregister(DRIVER_FIRST_EXPORTER);
}

/* The driver is not asked for what the mapping does not allow. */
static void test_rights(void)
{
    uint8_t *map = driver_map(DRIVER_GOOD);
    int exports;

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    exports = parameter_get("exports");
    tap_check_equal(mprotect(map, SIZE, PROT_READ), 0);
    export_refused(map, SIZE, EACCES, PEERVMA_REASON_READ_ONLY);
    tap_check_equal(parameter_get("exports"), exports);
    tap_check_equal(parameter_get("held"), 0);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    munmap(map, SIZE);
}

static void test_registration(void)
{
    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), -EEXIST);
    tap_check_equal(exporter_register(DRIVER_SAME_NAME), -EEXIST);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    tap_check_equal(exporter_register(DRIVER_NO_PROMISE), -EINVAL);
    tap_check_equal(exporter_register(DRIVER_UNKNOWN_FLAG), -EINVAL);
    tap_check_equal(exporter_register(DRIVER_NO_MATCH), -EINVAL);
    tap_check_equal(exporter_register(DRIVER_NO_EXPORT), -EINVAL);
    tap_check_equal(exporter_register(DRIVER_NO_NAME), -EINVAL);
    tap_check(!kind_is_told());
}

static void test_several(void)
{
    uint8_t *first = driver_map(DRIVER_GOOD);
    uint8_t *second = driver_map(DRIVER_SECOND);

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    tap_check_equal(exporter_register(DRIVER_SECOND_EXPORTER), 0);
    close(export_ok(first, SIZE, 0, SIZE));
    close(export_ok(second, SIZE, 0, SIZE));
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    expect_nobodys(first);
    close(export_ok(second, SIZE, 0, SIZE));
    exporter_unregister(DRIVER_SECOND_EXPORTER);
    expect_nobodys(second);
    munmap(first, SIZE);
    munmap(second, SIZE);
}

static void *slow_export(void *map)
{
    static struct peervma_export export;

    if (export_at(map, SIZE, &export) != 0)
        return NULL;
    return &export;
}

/* Begin an export that takes long; return when the driver is in it. */
static pthread_t slow_begin(uint8_t *map)
{
    const int exports = parameter_get("exports");
    pthread_t thread;

    (void)device_fd();
    tap_check_equal(pthread_create(&thread, NULL, slow_export, map), 0);
    while (parameter_get("exports") == exports)
        usleep(1000);
    return thread;
}

static void slow_end(pthread_t thread)
{
    struct peervma_export *export;

    tap_check_equal(pthread_join(thread, (void **)&export), 0);
    tap_check(export != NULL);
    close(export->fd);
}

static void test_unregister_waits(void)
{
    uint8_t *map = driver_map(DRIVER_SLOW);
    pthread_t thread;

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    thread = slow_begin(map);
    tap_check_equal(parameter_get("held"), 1);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
    tap_check_equal(parameter_get("held"), 0);
    slow_end(thread);
    expect_nobodys(map);
    munmap(map, SIZE);
}

/* The mapping is closed, so that only the call holds the module. */
static void test_module_held(void)
{
    uint8_t *map = driver_map(DRIVER_SLOW);
    pthread_t thread;

    tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
    thread = slow_begin(map);
    munmap(map, SIZE);
    tap_check_equal(syscall(SYS_delete_module, "peervma_driver", O_NONBLOCK),
                    -1);
    tap_check_equal(errno, EAGAIN);
    slow_end(thread);
    exporter_unregister(DRIVER_FIRST_EXPORTER);
}

static atomic_bool stop;
static atomic_uint wrong;

static void *ask_on(void *map)
{
    struct peervma_export export;
    int ret;

    while (!stop) {
        ret = export_at(map, SIZE, &export);
        if (ret == 0)
            close(export.fd);
        else if (ret != -EOPNOTSUPP ||
                 export.reason != PEERVMA_REASON_NO_EXPORTER)
            wrong++;
    }
    return NULL;
}

static void test_races(void)
{
    uint8_t *map = driver_map(DRIVER_GOOD);
    pthread_t threads[3];
    size_t i;

    (void)device_fd();
    stop = false;
    wrong = 0;
    for (i = 0; i < tap_count(threads); i++)
        tap_check_equal(pthread_create(&threads[i], NULL, ask_on, map), 0);
    for (i = 0; i < 200; i++) {
        tap_check_equal(exporter_register(DRIVER_FIRST_EXPORTER), 0);
        usleep(500);
        exporter_unregister(DRIVER_FIRST_EXPORTER);
        tap_check_equal(parameter_get("held"), 0);
    }
    stop = true;
    for (i = 0; i < tap_count(threads); i++)
        tap_check_equal(pthread_join(threads[i], NULL), 0);
    tap_check_equal(wrong, 0);
    munmap(map, SIZE);
}

static const tap_test_t tests[] = {
    {"a driver that has not registered has consented to nothing",
     test_unregistered},
    {"a registered driver's mapping is exported as it says, until it "
     "unregisters",
     test_good},
    {"the parts of a split mapping have their offsets", test_split},
    {"a driver's refusals have their errnos and reasons", test_refusals},
    {"a driver is not asked for what the mapping does not allow", test_rights},
    {"twice, or without name, match, export or promise, none is registered",
     test_registration},
    {"several drivers are served", test_several},
    {"unregistering waits for an export under way", test_unregister_waits},
    {"a module is not unloaded under an export", test_module_held},
    {"drivers come and go under exports", test_races},
};

int main(void)
{
    return tap_main(tests, tap_count(tests));
}
