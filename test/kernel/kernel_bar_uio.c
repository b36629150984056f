/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BARs of a device that has a driver, uio_pci_generic: which mappings the
 * policy allows, those of the UIO device among them, and what unbinding does.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

#define DRIVER "uio_pci_generic"

static void bind(void)
{
    bar_unbind_at_end(bar_edu);
    bar_device_write(bar_edu, "driver_override", DRIVER);
    bar_driver_write(DRIVER, "bind", bar_edu);
}

static void unbind(void)
{
    bar_driver_write(DRIVER, "unbind", bar_edu);
    bar_device_write(bar_edu, "driver_override", "\n");
}

/* The UIO device of the registers. */
static int uio_open(void)
{
    const struct dirent *entry;
    char path[300] = "";
    DIR *dir;
    int fd, tries = 6000;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/uio", bar_edu);
    dir = opendir(path);
    tap_check(dir != NULL);
    path[0] = '\0';
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.')
            snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
    closedir(dir);
    /* Until udev has set it up. */
    while ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0 && tries-- > 0)
        usleep(10000);
    if (fd < 0)
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    return fd;
}

static uint8_t *uio_map(size_t length)
{
    int fd = uio_open();
    uint8_t *map = map_shared(fd, 0, length);

    close(fd);
    return map;
}

/* A driver that requests no region takes no mapping away. */
static void test_policy(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);

    close(bar_export(map, page));
    bind();
    export_refused(map, page, EOPNOTSUPP, PEERVMA_REASON_BAR_POLICY);
    bar_policy("any");
    close(bar_export(map, page));
    bar_policy("unbound");
    unbind();
    close(bar_export(map, page));
    munmap(map, page);
}

static void test_bind(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    int fd = bar_export(map, page);
    int importer = importer_hold(fd, bar_edu);

    bar_policy("any");
    bind();
    importer_check_alive(importer);
    bar_policy("unbound");
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(fd);
    unbind();
    close(importer);
    close(fd);
    munmap(map, page);
}

static void test_unbind(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    int fd, importer;

    bar_policy("any");
    bind();
    fd = bar_export(map, page);
    importer = importer_hold(fd, bar_edu);
    unbind();
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(fd);
    bar_policy("unbound");
    close(importer);
    close(fd);
    munmap(map, page);
}

static void test_uio(void)
{
    struct peervma_query query;
    uint8_t *map;
    int fd, importer;

    bind();
    map = uio_map(4 * page);
    query = query_ok(map);
    tap_check_equal(query.kind, PEERVMA_VMA_BAR);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.object_offset, 0);
    tap_check_equal(query.object_size, 1 << 20);
    fd = bar_export(map, page);
    importer = importer_vmap(fd, bar_edu);
    importer_write(importer, 4, 0x600dc0de);
    tap_check_equal(*(volatile uint32_t *)(map + 4), ~0x600dc0deU);
    close(importer);
    close(fd);
    munmap(map, 4 * page);
    unbind();
}

/* The mapping outlives the UIO device, but nothing is exported of it. */
static void test_uio_unbind(void)
{
    uint8_t *map;
    int fd, importer;

    bind();
    map = uio_map(page);
    fd = bar_export(map, page);
    importer = importer_hold(fd, bar_edu);
    unbind();
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(fd);
    export_refused(map, page, ESTALE, PEERVMA_REASON_REVOKED);
    close(importer);
    close(fd);
    munmap(map, page);
}

static const tap_test_t tests[] = {
    {"policy unbound refuses a device with a driver, any does not",
     test_policy},
    {"binding a driver is no matter of policy any, but of unbound", test_bind},
    {"unbinding revokes before the driver lets go", test_unbind},
    {"a mapping of a UIO device is exported although it has a driver",
     test_uio},
    {"unbinding revokes that too, and it is exported no more",
     test_uio_unbind},
};

int main(void)
{
    int ret;

    bar_begin();
    bar_policy("unbound");
    ret = tap_main(tests, tap_count(tests));
    bar_end();
    return ret;
}
