/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BARs mapped through VFIO: what /dev/peervma says of them, and the dma-buf
 * that libpeervma gets of VFIO itself. Two devices are open, so that each is
 * to be told from the other; a third, an NVMe controller, is one that can be
 * reset and put to sleep. Where the kernel's VFIO has no dma-bufs (before Linux
 * 6.19), the refusal is checked, and what peervma.ko says.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "peervma.h"
#include "tap.h"

#define FEATURE_DMA_BUF 11

/* Power states, in PCI_PM_CTRL. */
#define D0 0
#define D3HOT 3

#define ACCEL_BAR 2
#define EDU_BAR 0
#define NVME_BAR 2 /* the controller's memory */

/* A device that a VFIO group gave, and a part of one of its BARs. */
struct part {
    const char *pci;
    unsigned bar;
    int group;
    int fd; /* -1: closed */
    struct vfio_region_info region;
    uint8_t *map;
};

static int container = -1;
static int held[2] = {-1, -1}; /* a dma-buf and its importer */
static char nvme_pci[16];
static struct part accel = {bar_accel, ACCEL_BAR, .group = -1, .fd = -1};
static struct part edu = {bar_edu, EDU_BAR, .group = -1, .fd = -1};
static struct part nvme = {nvme_pci, NVME_BAR, .group = -1, .fd = -1};
static peervma_context_t *context;
static bool has_dmabufs;

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void part_drop(struct part *part)
{
    if (part->map != NULL)
        munmap(part->map, 8 * page);
    part->map = NULL;
    drop(&part->fd);
    drop(&part->group);
}

/* Whatever became of a test: the next one, and vfio-pci, want all back. */
static void end(void *arg)
{
    (void)arg;
    peervma_context_close(context);
    context = NULL;
    drop(&held[1]);
    drop(&held[0]);
    part_drop(&accel);
    part_drop(&edu);
    part_drop(&nvme);
    drop(&container);
}

static int group_open(const char *pci)
{
    struct vfio_group_status status = {.argsz = sizeof(status)};
    char path[96], target[160];
    ssize_t length;
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/iommu_group", pci);
    length = readlink(path, target, sizeof(target) - 1);
    tap_check(length > 0);
    target[length] = '\0';
    snprintf(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        tap_fail(__FILE__, __LINE__, "%s: %s", path, strerror(errno));
    tap_check_equal(ioctl(fd, VFIO_GROUP_GET_STATUS, &status), 0);
    tap_check(status.flags & VFIO_GROUP_FLAGS_VIABLE);
    tap_check_equal(ioctl(fd, VFIO_GROUP_SET_CONTAINER, &container), 0);
    return fd;
}

static void part_map(struct part *part)
{
    uint8_t *map;

    part->fd = ioctl(part->group, VFIO_GROUP_GET_DEVICE_FD, part->pci);
    tap_check(part->fd >= 0);
    part->region = (struct vfio_region_info){
        .argsz = sizeof(part->region),
        .index = part->bar,
    };
    tap_check_equal(ioctl(part->fd, VFIO_DEVICE_GET_REGION_INFO, &part->region),
                    0);
    map = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_SHARED, part->fd,
               (off_t)(part->region.offset + 3 * page));
    tap_check(map != MAP_FAILED);
    part->map = map;
}

/*
 * Open the accelerator, and another device or NULL: none that is not needed,
 * for each opening of one with an interrupt can take a slow node half a minute.
 */
static void begin(struct part *other)
{
    struct vfio_device_feature feature = {
        .argsz = sizeof(feature),
        .flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
                 FEATURE_DMA_BUF,
    };

    tap_at_end(end, NULL);
    container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
    tap_check(container >= 0);
    accel.group = group_open(accel.pci);
    tap_check_equal(ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU), 0);
    part_map(&accel);
    if (other != NULL) {
        other->group = group_open(other->pci);
        part_map(other);
    }
    has_dmabufs = ioctl(accel.fd, VFIO_DEVICE_FEATURE, &feature) == 0;
    tap_check_equal(peervma_context_open(0, &context), 0);
}

static void touch(const uint8_t *address)
{
    (void)*(const volatile uint32_t *)address;
}

static void export_is_refused(const void *address, int error, unsigned reason)
{
    peervma_refusals_t refusals;
    peervma_export_t export;
    unsigned i = 0;

    tap_check_equal(
        peervma_region_export(context, address, page, &export, &refusals),
        -EOPNOTSUPP);
    while (i < refusals.count &&
           strcmp(refusals.refusal[i].provider, "vfio") != 0)
        i++;
    tap_check(i < refusals.count);
    tap_check_equal(refusals.refusal[i].error, error);
    tap_check_equal(refusals.refusal[i].reason, reason);
    tap_check_equal(refusals.refusal[refusals.count - 1].reason,
                    PEERVMA_REASON_VFIO);
}

/* A dma-buf of two pages, at whose byte 5 `address` is; -1: none, as known. */
static int export(const uint8_t *address)
{
    peervma_export_t export;

    if (!has_dmabufs) {
        export_is_refused(address, -EOPNOTSUPP, PEERVMA_REASON_NO_VFIO_DMABUF);
        return -1;
    }
    tap_check_equal(
        peervma_region_export(context, address + 5, page, &export, NULL), 0);
    tap_check(strcmp(export.provider, "vfio") == 0);
    tap_check_equal(export.offset, 5);
    tap_check_equal(export.object_size, 2 * page);
    tap_check_equal(fcntl(export.fd, F_GETFD), FD_CLOEXEC);
    return export.fd;
}

static void test_query(void)
{
    struct peervma_info info = {.size = sizeof(info)};
    struct peervma_query query;

    begin(NULL);
    query = query_ok(accel.map + page);
    tap_check_equal(query.kind, PEERVMA_VMA_VFIO);
    tap_check_equal(query.reason, PEERVMA_REASON_VFIO);
    tap_check_equal(query.pci_valid, 0);
    export_refused(accel.map, page, EOPNOTSUPP, PEERVMA_REASON_VFIO);

    touch(accel.map + page);
    query = query_ok(accel.map + page);
    tap_check_equal(query.kind, PEERVMA_VMA_VFIO);
    tap_check_equal(query.reason, PEERVMA_REASON_VFIO);
    tap_check_equal(query.pci_valid, 1);
    tap_check_equal(query.pci_devfn, 5 << 3);
    tap_check_equal(query.object_offset, 3 * page);
    tap_check_equal(query.object_size, accel.region.size);
    export_refused(accel.map, page, EOPNOTSUPP, PEERVMA_REASON_VFIO);

    tap_check_equal(device_ioctl(PEERVMA_IOC_INFO, &info), 0);
    tap_check(!(info.kinds & (1ULL << PEERVMA_VMA_VFIO)));
}

/* An importer that is told gets the address of just these bytes. */
static void check_memory(const struct part *part)
{
    struct softaccel_importer_map dma;
    int fd, importer;

    touch(part->map + page);
    fd = export(part->map + page);
    if (fd < 0)
        return;
    importer = importer_open_as(fd, part->pci);
    tap_check(importer >= 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &dma), 0);
    tap_check_equal(dma.address, bar_address(part->pci, part->bar) + 4 * page);
    tap_check_equal(dma.length, 2 * page);
    tap_check_equal(dma.contiguous, 1);
    close(importer);
    /* Who cannot be told, or not reach a peer, is not let in. */
    tap_check(importer_open(fd, SOFTACCEL_IMPORTER_STATIC) < 0);
    tap_check(importer_open(fd, SOFTACCEL_IMPORTER_HOST) < 0);
    close(fd);
}

static void test_export(void)
{
    begin(&edu);
    check_memory(&accel);
    check_memory(&edu);
}

static void test_unknown(void)
{
    begin(NULL);
    export_is_refused(accel.map, -EOPNOTSUPP, PEERVMA_REASON_VFIO_UNKNOWN);
}

/* The other device's descriptor is not taken for it. */
static void test_no_descriptor(void)
{
    begin(&edu);
    touch(accel.map);
    touch(edu.map);
    drop(&accel.fd);
    if (has_dmabufs)
        export_is_refused(accel.map, -EBADF, PEERVMA_REASON_NO_VFIO_DEVICE);
    drop(&edu.fd);
    export_is_refused(accel.map, -EBADF, PEERVMA_REASON_NO_VFIO_DEVICE);
}

static void test_read_only(void)
{
    peervma_refusals_t refusals;
    peervma_export_t export;

    begin(NULL);
    touch(accel.map);
    tap_check_equal(mprotect(accel.map, 8 * page, PROT_READ), 0);
    tap_check_equal(
        peervma_region_export(context, accel.map, page, &export, &refusals),
        -EACCES);
}

/* Configuration space, through VFIO. */
static off_t config_at(const struct part *part, unsigned offset)
{
    struct vfio_region_info config = {
        .argsz = sizeof(config),
        .index = VFIO_PCI_CONFIG_REGION_INDEX,
    };

    tap_check_equal(ioctl(part->fd, VFIO_DEVICE_GET_REGION_INFO, &config), 0);
    return (off_t)(config.offset + offset);
}

static uint16_t config_read(const struct part *part, unsigned offset)
{
    uint16_t value;

    tap_check_equal(
        pread(part->fd, &value, sizeof(value), config_at(part, offset)),
        sizeof(value));
    return value;
}

/* Set those of the bits in `mask` that are in `bits`, clear the others. */
static void config_change(const struct part *part, unsigned offset,
                          unsigned mask, unsigned bits)
{
    uint16_t value = config_read(part, offset);

    value = (uint16_t)((value & ~mask) | bits);
    tap_check_equal(
        pwrite(part->fd, &value, sizeof(value), config_at(part, offset)),
        sizeof(value));
}

/* Where the device's power management registers are. */
static unsigned power_offset(const struct part *part)
{
    unsigned at = config_read(part, PCI_CAPABILITY_LIST) & 0xfc;
    uint16_t header;

    while (at != 0) {
        header = config_read(part, at);
        if ((header & 0xff) == PCI_CAP_ID_PM)
            return at;
        at = header >> 8 & 0xfc;
    }
    tap_fail(__FILE__, __LINE__, "%s has no power management", part->pci);
}

static void power_set(const struct part *part, unsigned state,
                      const char *expected)
{
    char path[96], line[32];

    config_change(part, power_offset(part) + PCI_PM_CTRL,
                  PCI_PM_CTRL_STATE_MASK, state);
    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power_state",
             part->pci);
    read_line(path, line, sizeof(line));
    tap_check(strcmp(line, expected) == 0);
}

/* An importer that holds the part's dma-buf; -1: there is none. */
static int hold(struct part *part)
{
    begin(part == &accel ? NULL : part);
    touch(part->map);
    tap_check_equal(query_ok(part->map).pci_valid, 1);
    held[0] = export(part->map);
    if (held[0] < 0)
        return -1;
    held[1] = importer_hold(held[0], part->pci);
    importer_check_alive(held[1]);
    return held[1];
}

static void check_taken_back(int importer)
{
    struct softaccel_importer_map dma;

    importer_wait_told(importer);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL), 0);
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &dma),
                    -ENODEV);
}

/* VFIO took the mapping's pages, too: no device is told until they are back. */
static void check_away(const struct part *part, int importer)
{
    tap_check_equal(query_ok(part->map).pci_valid, 0);
    export_refused(part->map, page, EOPNOTSUPP, PEERVMA_REASON_VFIO);
    if (importer >= 0)
        check_taken_back(importer);
}

/* VFIO lets the CPU and importers in again with the memory. */
static void check_back(const struct part *part, int importer)
{
    struct softaccel_importer_map dma;

    touch(part->map);
    tap_check_equal(query_ok(part->map).pci_valid, 1);
    if (importer < 0)
        return;
    tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_MAP, &dma), 0);
    tap_check_equal(dma.address,
                    bar_address(part->pci, (int)part->bar) + 3 * page);
}

static void test_revoked_by_the_device(void)
{
    int importer = hold(&accel);

    config_change(&accel, PCI_COMMAND, PCI_COMMAND_MEMORY, 0);
    check_away(&accel, importer);
    config_change(&accel, PCI_COMMAND, PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
    check_back(&accel, importer);
}

/*
 * The memory is there again when the call returns, of which importers may have
 * been told, too.
 */
static void test_revoked_by_reset(void)
{
    int importer = hold(&nvme);

    tap_check_equal(ioctl(nvme.fd, VFIO_DEVICE_RESET), 0);
    tap_check_equal(query_ok(nvme.map).pci_valid, 0);
    if (importer >= 0) {
        tap_check(importer_call(importer, SOFTACCEL_IMPORTER_TOLD, NULL) > 0);
        tap_check_equal(importer_call(importer, SOFTACCEL_IMPORTER_HELD, NULL),
                        0);
    }
    check_back(&nvme, importer);
}

static void test_revoked_by_d3(void)
{
    int importer = hold(&nvme);

    power_set(&nvme, D3HOT, "D3hot");
    check_away(&nvme, importer);
    power_set(&nvme, D0, "D0");
    check_back(&nvme, importer);
}

static void low_power(const struct part *part, unsigned feature)
{
    struct vfio_device_feature set = {
        .argsz = sizeof(set),
        .flags = VFIO_DEVICE_FEATURE_SET | feature,
    };

    tap_check_equal(ioctl(part->fd, VFIO_DEVICE_FEATURE, &set), 0);
}

static void test_revoked_by_low_power(void)
{
    int importer = hold(&nvme);

    low_power(&nvme, VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY);
    check_away(&nvme, importer);
    low_power(&nvme, VFIO_DEVICE_FEATURE_LOW_POWER_EXIT);
    check_back(&nvme, importer);
}

static void test_revoked_by_the_end(void)
{
    int importer = hold(&accel);

    if (importer < 0)
        return;
    munmap(accel.map, 8 * page);
    accel.map = NULL;
    importer_check_alive(importer);
    drop(&accel.fd);
    check_taken_back(importer);
}

static const tap_test_t tests[] = {
    {"peervma.ko tells the device that is mapped, and exports nothing of it",
     test_query},
    {"VFIO's dma-buf is of just the memory that is mapped", test_export},
    {"a page that was not accessed yet tells no device", test_unknown},
    {"another device's descriptor is not taken for the mapped one's",
     test_no_descriptor},
    {"a mapping that cannot be written is not exported", test_read_only},
    {"memory that the device turns off is taken back",
     test_revoked_by_the_device},
    {"so is that of a device that is closed, but not by munmap",
     test_revoked_by_the_end},
    {"a reset takes it back, and it is there again afterwards",
     test_revoked_by_reset},
    {"so does D3hot, until the device is in D0 again", test_revoked_by_d3},
    {"so does low power, until the user leaves it", test_revoked_by_low_power},
};

static void vfio_bind(const char *pci)
{
    if (bar_is_bound(pci))
        bar_device_write(pci, "driver/unbind", pci);
    bar_device_write(pci, "driver_override", "vfio-pci");
    bar_driver_write("vfio-pci", "bind", pci);
}

static void vfio_unbind(const char *pci)
{
    bar_driver_write("vfio-pci", "unbind", pci);
    bar_device_write(pci, "driver_override", "\n");
}

int main(void)
{
    int ret;

    bar_begin();
    bar_find("0x1b36", "0x0010", nvme_pci);
    vfio_bind(bar_accel);
    vfio_bind(bar_edu);
    vfio_bind(nvme_pci);
    ret = tap_main(tests, tap_count(tests));
    vfio_unbind(nvme_pci);
    write_line("/sys/bus/pci/drivers_probe", nvme_pci);
    vfio_unbind(bar_edu);
    vfio_unbind(bar_accel);
    bar_end();
    return ret;
}
