/* SPDX-License-Identifier: BSD-3-Clause */
/* The reasons for a no of `peervma check`, on machines made of files. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "pair_why.h"

#define ROOT "sys/devices/pci0000:00/"
#define SWITCH ROOT "0000:00:01.0/0000:01:00.0/"
#define PORT SWITCH "0000:02:00.0"

static struct accelerator accelerator;
static struct nic nic;
static int probe; /* what the NIC's driver answers */

/* In place of the one that asks a NIC. */
int nic_probe_dmabuf(const char *name)
{
    assert_string_equal("nic0", name);
    return probe;
}

static int setup(void **state)
{
    accelerator = (struct accelerator){
        .node = "/dev/dri/renderD128",
        .driver = "accel",
        .pci = {.bus = 3, .valid = 1},
        .largest_bar = 256 << 20,
    };
    nic = (struct nic){
        .name = "nic0",
        .driver = "nic_core",
        .pci = {.bus = 4, .valid = 1},
    };
    probe = 0;
    return fake_setup(state);
}

/* A PCI device by its path in sysfs. */
static void make_device(const char *path)
{
    char link[128], target[256];

    fake_folder(&fake, path);
    snprintf(link, sizeof(link), "sys/bus/pci/devices/%s",
             strrchr(path, '/') + 1);
    snprintf(target, sizeof(target), "../../../%s", path + sizeof("sys"));
    fake_link(&fake, link, target);
}

/* Both below one switch, or each below a port of the host bridge. */
static void make_pair(bool common)
{
    make_device(common ? PORT "/0000:03:00.0"
                       : ROOT "0000:00:01.0/0000:03:00.0");
    make_device(common ? SWITCH "0000:02:01.0/0000:04:00.0"
                       : ROOT "0000:00:02.0/0000:04:00.0");
}

static void expect(int error, const char *reason)
{
    char text[512];

    pair_why_not_registered(fake.sysfs, &accelerator, &nic, error, text,
                            sizeof(text));
    if (strstr(text, reason) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", text, reason);
    }
}

static void no_dmabuf_in_the_nics_driver(void **state)
{
    (void)state;
    make_pair(true);
    probe = -EOPNOTSUPP;
    expect(-EOPNOTSUPP, "no dma-buf in the NIC's driver (nic_core)");
}

static void no_path_below_one_switch(void **state)
{
    (void)state;
    make_pair(true);
    expect(-EOPNOTSUPP, "no P2P path: driver accel refuses this NIC");
    expect(-524, "(not supported)");
}

static void no_path_through_the_host_bridge(void **state)
{
    (void)state;
    make_pair(false);
    expect(-EREMOTEIO, "no P2P path: ");
    expect(-EREMOTEIO, "no common PCI bridge: whether the CPU passes");
}

static void an_iommu(void **state)
{
    (void)state;
    make_pair(false);
    fake_write(&fake, "sys/bus/pci/devices/0000:04:00.0/iommu_group/type",
               "DMA-FQ\n");
    expect(-EINVAL, "an IOMMU translates");
    expect(-EINVAL, "iommu=pt");
}

/* ACS, found as the capability behind another, redirects requests. */
static void acs(void **state)
{
    unsigned char config[4096] = {[0x100] = 1,
                                  [0x102] = 1,
                                  [0x103] = 0x20,
                                  [0x200] = 0x0d,
                                  [0x206] = 0x04};
    char path[128];
    FILE *file;

    (void)state;
    make_device(PORT);
    make_device(SWITCH "0000:02:01.0");
    make_pair(true);
    snprintf(path, sizeof(path), "%s/" PORT "/config", fake.folder);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(sizeof(config), fwrite(config, 1, sizeof(config), file));
    assert_int_equal(0, fclose(file));
    expect(-EOPNOTSUPP, "ACS of a bridge between them");
}

static void a_small_bar(void **state)
{
    char text[512] = "mapping: Invalid argument";

    (void)state;
    make_pair(true);
    fake_write(&fake, "sys/bus/pci/devices/0000:03:00.0/resource2_resize",
               "0000000000007f00\n"); /* up to 16 GiB */
    expect(-EOPNOTSUPP, "small BAR: 256 of 16384 MiB");
    pair_why_small_bar(fake.sysfs, &accelerator, text, sizeof(text));
    assert_non_null(strstr(text, "mapping: Invalid argument; small BAR: 256"));

    accelerator.largest_bar = 16ull << 30;
    strcpy(text, "mapping: Invalid argument");
    pair_why_small_bar(fake.sysfs, &accelerator, text, sizeof(text));
    assert_string_equal("mapping: Invalid argument", text);
}

static void a_permission_or_a_limit(void **state)
{
    (void)state;
    make_pair(true);
    expect(-EACCES, "no permission for the NIC");
    expect(-EPERM, "no permission for the NIC");
    expect(-ENOMEM, "ulimit -l");
    expect(-EIO, "not registered: Input/output error");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_dmabuf_in_the_nics_driver),
        TEST(no_path_below_one_switch),
        TEST(no_path_through_the_host_bridge),
        TEST(an_iommu),
        TEST(acs),
        TEST(a_small_bar),
        TEST(a_permission_or_a_limit),
    };

    return cmocka_run_group_tests_name("pair_why", tests, NULL, NULL);
}
