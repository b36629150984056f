/* SPDX-License-Identifier: BSD-3-Clause */
#include "bar.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "device.h"

#define DEVICES "/sys/bus/pci/devices"
#define DRIVERS "/sys/bus/pci/drivers"

char bar_accel[16], bar_edu[16];

static bool id_is(const char *pci, const char *file, const char *id)
{
    char path[96], line[32];

    snprintf(path, sizeof(path), DEVICES "/%s/%s", pci, file);
    read_line(path, line, sizeof(line));
    return strcmp(line, id) == 0;
}

void bar_find(const char *vendor, const char *device, char pci[16])
{
    const struct dirent *entry;
    DIR *dir = opendir(DEVICES);
    char name[16];

    tap_check(dir != NULL);
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof(name), "%.15s", entry->d_name);
        if (id_is(name, "vendor", vendor) && id_is(name, "device", device))
            memcpy(pci, name, sizeof(name));
    }
    closedir(dir);
    if (pci[0] == '\0')
        tap_fail(__FILE__, __LINE__, "no device %s:%s", vendor, device);
}

void bar_device_write(const char *pci, const char *file, const char *value)
{
    char path[96];

    snprintf(path, sizeof(path), DEVICES "/%s/%s", pci, file);
    write_line(path, value);
}

void bar_driver_write(const char *driver, const char *file, const char *value)
{
    char path[96];

    snprintf(path, sizeof(path), DRIVERS "/%s/%s", driver, file);
    write_line(path, value);
}

bool bar_is_bound(const char *pci)
{
    char path[96];

    snprintf(path, sizeof(path), DEVICES "/%s/driver", pci);
    return access(path, F_OK) == 0;
}

static void bound_undo(void *arg)
{
    if (bar_is_bound(arg))
        bar_device_write(arg, "driver/unbind", arg);
    if (strcmp(arg, bar_edu) == 0)
        bar_device_write(arg, "driver_override", "\n");
}

void bar_unbind_at_end(char *pci)
{
    tap_at_end(bound_undo, pci);
}

static void removed_undo(void *arg)
{
    char path[96];

    snprintf(path, sizeof(path), DEVICES "/%s", (const char *)arg);
    if (access(path, F_OK) != 0)
        bar_rescan();
}

void bar_rescan_at_end(char *pci)
{
    tap_at_end(removed_undo, pci);
}

void bar_rescan(void)
{
    write_line("/sys/bus/pci/rescan", "1");
}

void bar_begin(void)
{
    bar_find("0x1af4", "0x1110", bar_accel);
    bar_find("0x1234", "0x11e8", bar_edu);
    if (bar_is_bound(bar_accel))
        bar_driver_write("softaccel", "unbind", bar_accel);
}

void bar_end(void)
{
    bar_policy("off");
    if (bar_accel[0] != '\0' && !bar_is_bound(bar_accel))
        bar_driver_write("softaccel", "bind", bar_accel);
}

int bar_main(const tap_test_t *tests, unsigned count)
{
    int ret;

    bar_begin();
    bar_policy("unbound");
    ret = tap_main(tests, count);
    bar_end();
    return ret;
}

void bar_policy(const char *policy)
{
    setting_write("/sys/module/peervma/parameters/bar_export", policy);
}

uint64_t bar_address(const char *pci, int bar)
{
    char path[96], line[128];
    FILE *file;
    int i;

    snprintf(path, sizeof(path), DEVICES "/%s/resource", pci);
    file = fopen(path, "re");
    tap_check(file != NULL);
    for (i = 0; i <= bar; i++)
        tap_check(fgets(line, sizeof(line), file) != NULL);
    fclose(file);
    return strtoull(line, NULL, 16);
}

int bar_resource(const char *pci, const char *resource)
{
    char path[96];
    int fd;

    snprintf(path, sizeof(path), DEVICES "/%s/%s", pci, resource);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    return fd;
}

void *bar_map(const char *pci, const char *resource, size_t offset,
              size_t length)
{
    int fd = bar_resource(pci, resource);
    void *map = map_shared(fd, offset, length);

    close(fd);
    return map;
}

int bar_export(void *address, size_t length)
{
    return export_ok(address, length, 0, length);
}

static int importer_attach(struct softaccel_importer_attach *attach)
{
    int fd = open("/dev/softaccel_importer", O_RDWR | O_CLOEXEC);
    int ret;

    if (fd < 0)
        tap_fail(__FILE__, __LINE__, "/dev/softaccel_importer: %s",
                 strerror(errno));
    ret = importer_call(fd, SOFTACCEL_IMPORTER_ATTACH, attach);
    if (ret < 0) {
        close(fd);
        return ret;
    }
    return fd;
}

int importer_open(int dmabuf, enum softaccel_importer_kind kind)
{
    struct softaccel_importer_attach attach = {.fd = dmabuf, .kind = kind};

    return importer_attach(&attach);
}

int importer_call(int importer, unsigned long request, void *arg)
{
    int ret = ioctl(importer, request, arg);

    return ret < 0 ? -errno : ret;
}

int importer_open_as(int dmabuf, const char *pci)
{
    struct softaccel_importer_attach attach = {
        .fd = dmabuf,
        .kind = SOFTACCEL_IMPORTER_DEVICE,
    };
    unsigned domain, bus, device, function;

    tap_check_equal(
        sscanf(pci, "%x:%x:%x.%x", &domain, &bus, &device, &function), 4);
    attach.device = bus << 8 | device << 3 | function;
    return importer_attach(&attach);
}

static int importer_start(int dmabuf, const char *pci, unsigned long request)
{
    int importer = importer_open_as(dmabuf, pci);

    tap_check(importer >= 0);
    tap_check_equal(importer_call(importer, request, NULL), 0);
    return importer;
}

int importer_hold(int dmabuf, const char *pci)
{
    return importer_start(dmabuf, pci, SOFTACCEL_IMPORTER_HOLD);
}

int importer_vmap(int dmabuf, const char *pci)
{
    return importer_start(dmabuf, pci, SOFTACCEL_IMPORTER_VMAP);
}

void importer_wait_told(int importer)
{
    int tries = 60000;

    while (importer_call(importer, SOFTACCEL_IMPORTER_TOLD, NULL) == 0) {
        tap_check(tries-- > 0);
        usleep(1000);
    }
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_TOLD, NULL), 1);
}

void importer_check_alive(int importer)
{
    struct softaccel_importer_map map;

    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_TOLD, NULL), 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &map), 0);
}

void bar_check_revoked(int dmabuf)
{
    tap_check_equal(importer_open(dmabuf, SOFTACCEL_IMPORTER_PEER), -ENODEV);
}

uint32_t importer_read(int importer, uint64_t offset)
{
    struct softaccel_importer_register access = {.offset = offset};

    tap_check_equal(
        importer_call(importer, SOFTACCEL_IMPORTER_READ_REGISTER, &access), 0);
    return access.value;
}

void importer_write(int importer, uint64_t offset, uint32_t value)
{
    struct softaccel_importer_register access = {
        .offset = offset,
        .value = value,
    };

    tap_check_equal(
        importer_call(importer, SOFTACCEL_IMPORTER_WRITE_REGISTER, &access),
        0);
}

void bar_check_same_memory(void *address, int dmabuf, const char *pci)
{
    int importer = importer_vmap(dmabuf, pci);
    volatile uint32_t *words = address;

    words[3] = 0x12345678;
    tap_check_equal(importer_read(importer, 12), 0x12345678);
    importer_write(importer, 16, 0xcafef00d);
    tap_check_equal(words[4], 0xcafef00d);
    close(importer);
}
