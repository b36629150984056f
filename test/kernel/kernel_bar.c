/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which mappings of PCI BARs are exported, and what an importer gets of them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

/* Registers of edu: a version, and one that inverts what is written to it. */
#define EDU_VERSION 0x00
#define EDU_INVERT 0x04

static uint8_t *accel_map(size_t pages)
{
    return bar_map(bar_accel, "resource2_wc", 16 * page, pages * page);
}

/* Such memory is in BARs, and exported whatever the policy. */
static bool kernel_has_p2pdma(void)
{
    FILE *symbols = fopen("/proc/kallsyms", "re");
    char line[512];
    bool has = false;

    tap_check(symbols != NULL);
    while (!has && fgets(line, sizeof(line), symbols) != NULL)
        has = strstr(line, " pci_p2pdma_distance_many") != NULL;
    fclose(symbols);
    return has;
}

static void test_off(void)
{
    uint8_t *map = accel_map(4);
    struct peervma_query query;
    struct peervma_info info = {.size = sizeof(info)};

    bar_policy("off");
    export_refused(map, 4 * page, EOPNOTSUPP, PEERVMA_REASON_BAR_POLICY);
    query = query_ok(map);
    tap_check_equal(query.kind, PEERVMA_VMA_BAR);
    tap_check_equal(query.reason, PEERVMA_REASON_BAR_POLICY);
    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    tap_check_equal(info.kinds >> PEERVMA_VMA_BAR & 1, kernel_has_p2pdma());
    bar_policy("unbound");
    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    tap_check_equal(info.kinds >> PEERVMA_VMA_BAR & 1, 1);
    munmap(map, 4 * page);
}

static void test_bad_policy(void)
{
    int fd = open("/sys/module/peervma/parameters/bar_export",
                  O_WRONLY | O_CLOEXEC);

    tap_check(fd >= 0);
    tap_check_equal(write(fd, "on", 2), -1);
    tap_check_equal(errno, EINVAL);
    close(fd);
}

static void test_query(void)
{
    uint8_t *map = accel_map(8);
    struct peervma_query query = query_ok(map + 5 * page);
    char pci[32];

    tap_check_equal(query.vma_start, (uintptr_t)map);
    tap_check_equal(query.vma_end, (uintptr_t)map + 8 * page);
    tap_check_equal(query.kind, PEERVMA_VMA_BAR);
    tap_check_equal(query.reason, PEERVMA_REASON_NONE);
    tap_check_equal(query.object_offset, 16 * page);
    tap_check(query.object_size >= 1 << 20);
    tap_check_equal(query.pci_valid, 1);
    snprintf(pci, sizeof(pci), "%04x:%02x:%02x.%x", query.pci_domain,
             query.pci_bus, (unsigned)query.pci_devfn >> 3,
             query.pci_devfn & 7U);
    tap_check(strcmp(pci, bar_accel) == 0);
    munmap(map, 8 * page);
}

static void test_range(void)
{
    uint8_t *map = accel_map(8);
    int fd = bar_export(map + 3 * page, 2 * page);
    int importer = importer_open_as(fd, bar_accel);
    struct softaccel_importer_map dma;

    tap_check(importer >= 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &dma), 0);
    tap_check_equal(dma.address, bar_address(bar_accel, 2) + 19 * page);
    tap_check_equal(dma.length, 2 * page);
    tap_check_equal(dma.contiguous, 1);
    tap_check_equal(dma.pages, 0);
    close(importer);
    close(fd);
    munmap(map, 8 * page);
}

static void test_vmap(void)
{
    uint8_t *map = accel_map(2);
    int fd = bar_export(map + page, page);

    bar_check_same_memory(map + page, fd, bar_accel);
    close(fd);
    munmap(map, 2 * page);
}

/* The registers answer, so the page is not cached and the access not split. */
static void test_doorbell(void)
{
    uint8_t *map = bar_map(bar_edu, "resource0", 0, page);
    int fd = bar_export(map, page);
    int importer = importer_vmap(fd, bar_edu);

    tap_check_equal(importer_read(importer, EDU_VERSION) & 0xff, 0xed);
    importer_write(importer, EDU_INVERT, 0x0ff0a55a);
    tap_check_equal(*(volatile uint32_t *)(map + EDU_INVERT), ~0x0ff0a55aU);
    tap_check_equal(importer_read(importer, EDU_INVERT), ~0x0ff0a55aU);
    close(importer);
    close(fd);
    munmap(map, page);
}

/* BAR0 of the accelerator has 256 bytes; what else is in its page? */
static void test_small_bar(void)
{
    uint8_t *map = bar_map(bar_accel, "resource0", 0, page);

    export_refused(map, page, ERANGE, PEERVMA_REASON_BEYOND_OBJECT);
    munmap(map, page);
}

static void test_whole_bar(void)
{
    size_t size = query_ok(accel_map(1)).object_size;
    uint8_t *map = bar_map(bar_accel, "resource2_wc", 0, size);
    int fd = bar_export(map, size);

    export_refused(map + size - page, 2 * page, ERANGE,
                   PEERVMA_REASON_CROSSES_VMA);
    close(fd);
    munmap(map, size);
}

static void test_importers(void)
{
    uint8_t *map = accel_map(1);
    int fd = bar_export(map, page);
    int importer = importer_open(fd, SOFTACCEL_IMPORTER_HOST);

    tap_check_equal(importer_open(fd, SOFTACCEL_IMPORTER_STATIC), -EOPNOTSUPP);
    tap_check(importer >= 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HOLD, NULL),
                    -EOPNOTSUPP);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_VMAP, NULL), 0);
    close(importer);
    close(fd);
    munmap(map, page);
}

static void test_no_mmap(void)
{
    uint8_t *map = accel_map(1);
    int fd = bar_export(map, page);

    tap_check(mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED);
    close(fd);
    munmap(map, page);
}

static void test_rights(void)
{
    uint8_t *map = accel_map(1);

    tap_check_equal(mprotect(map, page, PROT_READ), 0);
    export_refused(map, page, EACCES, PEERVMA_REASON_READ_ONLY);
    tap_check_equal(mprotect(map, page, PROT_READ | PROT_WRITE), 0);
    close(bar_export(map, page));
    munmap(map, page);
}

/* Each is its own: one of the two lives on when the other is closed. */
static void test_twice(void)
{
    uint8_t *map = accel_map(2);
    int first = bar_export(map, 2 * page);
    int second = bar_export(map, 2 * page);
    int importer = importer_hold(second, bar_accel);

    close(first);
    importer_check_alive(importer);
    close(importer);
    close(second);
    munmap(map, 2 * page);
}

static void test_limit(void)
{
    const char *limit = "/sys/module/peervma/parameters/max_exports_per_user";
    uint8_t *map = accel_map(1);
    int fds[2];

    setting_write(limit, "2");
    fds[0] = bar_export(map, page);
    fds[1] = bar_export(map, page);
    export_refused(map, page, EDQUOT, PEERVMA_REASON_LIMIT);
    close(fds[0]);
    fds[0] = bar_export(map, page);
    close(fds[0]);
    close(fds[1]);
    munmap(map, page);
}

static const tap_test_t tests[] = {
    {"by default no BAR is exported, and QUERY says so", test_off},
    {"there is no other policy", test_bad_policy},
    {"QUERY tells the place in the BAR, and the device", test_query},
    {"an importer gets the bus addresses of the range and no page",
     test_range},
    {"an importer's kernel mapping is the same memory", test_vmap},
    {"a page of registers is exported as a doorbell", test_doorbell},
    {"a BAR smaller than its page is refused", test_small_bar},
    {"a whole BAR is exported, and not a page more", test_whole_bar},
    {"importers must be told, and do peer-to-peer to map for DMA",
     test_importers},
    {"the dma-buf cannot be mapped", test_no_mmap},
    {"a read-only mapping is refused as long as it is one", test_rights},
    {"two exports of one range are independent", test_twice},
    {"exports are limited, and closing one makes room", test_limit},
};

int main(void)
{
    return bar_main(tests, tap_count(tests));
}
