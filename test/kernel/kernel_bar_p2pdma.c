/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory of a PCI device that has struct pages, allocated by mmap of its
 * p2pmem/allocate: that of the first NVMe controller that has any.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

#define DRIVER "nvme"

static char pci[16];

static void find(void)
{
    const struct dirent *entry;
    char path[300];
    DIR *dir = opendir("/sys/bus/pci/drivers/" DRIVER);

    if (dir == NULL)
        tap_fail(__FILE__, __LINE__, DRIVER ": %s", strerror(errno));
    while ((entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path),
                 "/sys/bus/pci/devices/%s/p2pmem/allocate", entry->d_name);
        if (access(path, F_OK) == 0)
            snprintf(pci, sizeof(pci), "%.15s", entry->d_name);
    }
    closedir(dir);
    if (pci[0] == '\0')
        tap_fail(__FILE__, __LINE__, "no controller has p2pmem");
}

static uint8_t *allocate(size_t pages)
{
    return bar_map(pci, "p2pmem/allocate", 0, pages * page);
}

static unsigned long available(void)
{
    char path[96], line[32];

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/p2pmem/available",
             pci);
    read_line(path, line, sizeof(line));
    return strtoul(line, NULL, 0);
}

static void test_export(void)
{
    uint8_t *map = allocate(4);
    struct peervma_query query = query_ok(map);
    struct softaccel_importer_map dma;
    int fd, importer;

    tap_check_equal(query.kind, PEERVMA_VMA_BAR);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.pci_valid, 1);
    fd = bar_export(map + page, 2 * page);
    importer = importer_open_as(fd, pci);
    tap_check(importer >= 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &dma), 0);
    tap_check_equal(dma.length, 2 * page);
    tap_check_equal(dma.contiguous, 1);
    tap_check_equal(dma.pages, 0);
    close(importer);
    close(fd);
    munmap(map, 4 * page);
}

static void test_same_memory(void)
{
    uint8_t *map = allocate(2);
    int fd = bar_export(map + page, page);

    bar_check_same_memory(map + page, fd, pci);
    close(fd);
    munmap(map, 2 * page);
}

static void wait_for_available(unsigned long expected)
{
    int tries = 60000;

    while (available() != expected) {
        tap_check(tries-- > 0);
        usleep(1000);
    }
}

/* Nobody else is given what an importer still looks at. */
static void test_pool(void)
{
    unsigned long before = available();
    uint8_t *map = allocate(4);
    int fd = bar_export(map, 4 * page);
    int importer = importer_vmap(fd, pci);

    tap_check_equal(available(), before - 4 * page);
    munmap(map, 4 * page);
    importer_wait_told(importer);
    bar_check_revoked(fd);
    usleep(100000);
    tap_check_equal(available(), before - 4 * page);
    close(importer);
    wait_for_available(before);
    close(fd);
}

static void test_munmap(void)
{
    unsigned long before = available();
    uint8_t *map = allocate(4);
    int fd = bar_export(map, 4 * page);
    int importer = importer_hold(fd, pci);

    munmap(map, 4 * page);
    importer_wait_told(importer);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    wait_for_available(before);
    close(importer);
    close(fd);
}

static void unbind_undo(void *arg)
{
    (void)arg;
    if (!bar_is_bound(pci))
        bar_driver_write(DRIVER, "bind", pci);
}

static void test_unbind(void)
{
    uint8_t *map = allocate(4);
    int fd = bar_export(map, 4 * page);
    int importer = importer_hold(fd, pci);

    tap_at_end(unbind_undo, NULL);
    bar_driver_write(DRIVER, "unbind", pci);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    bar_check_revoked(fd);
    export_refused(map, 4 * page, ESTALE, PEERVMA_REASON_REVOKED);
    bar_driver_write(DRIVER, "bind", pci);
    export_refused(map, 4 * page, ESTALE, PEERVMA_REASON_REVOKED);
    close(importer);
    close(fd);
    munmap(map, 4 * page);
    test_same_memory();
}

static const tap_test_t tests[] = {
    {"p2pdma memory is exported whatever the policy", test_export},
    {"an importer's kernel mapping is the same memory", test_same_memory},
    {"no page goes back to the pool before the importers let go", test_pool},
    {"munmap revokes and gives the pages back", test_munmap},
    {"unbinding the driver revokes, and a new one gives new memory",
     test_unbind},
};

int main(void)
{
    find();
    bar_policy("off");
    return tap_main(tests, tap_count(tests));
}
