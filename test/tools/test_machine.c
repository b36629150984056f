/* SPDX-License-Identifier: BSD-3-Clause */
/* The devices of a machine made of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "machine.h"

struct found {
    unsigned count;
    struct accelerator accelerator[4];
    struct nic nic[4];
};

static void keep_accelerator(const struct accelerator *accelerator, void *arg)
{
    struct found *found = arg;

    assert_true(found->count < 4);
    found->accelerator[found->count++] = *accelerator;
}

static void keep_nic(const struct nic *nic, void *arg)
{
    struct found *found = arg;

    assert_true(found->count < 4);
    found->nic[found->count++] = *nic;
}

static void a_machine_without_devices_is_no_error(void **state)
{
    struct found found = {.count = 0};

    (void)state;
    assert_int_equal(
        0, machine_accelerators(fake.sysfs, keep_accelerator, &found));
    assert_int_equal(0, machine_nics(fake.sysfs, keep_nic, &found));
    assert_int_equal(0, found.count);
}

static void a_device_is_told_once_by_its_render_node(void **state)
{
    const char *device = "sys/devices/pci0000:00/0000:00:05.0";
    struct found found = {.count = 0};
    char path[128];

    (void)state;
    fake_drm_device(&fake, "softaccel");
    /* Its other nodes and a connector. */
    snprintf(path, sizeof(path), "%s/drm/card0/card0-VGA-1", device);
    fake_folder(&fake, path);
    snprintf(path, sizeof(path), "%s/drm/card0/device", device);
    fake_link(&fake, path, "../..");
    fake_link(&fake, "sys/class/drm/card0",
              "../../devices/pci0000:00/0000:00:05.0/drm/card0");
    fake_link(&fake, "sys/class/drm/card0-VGA-1",
              "../../devices/pci0000:00/0000:00:05.0/drm/card0/card0-VGA-1");
    fake_write(&fake, "sys/class/drm/version", "drm 1.1.0 20060810\n");

    assert_int_equal(
        0, machine_accelerators(fake.sysfs, keep_accelerator, &found));
    assert_int_equal(1, found.count);
    assert_string_equal("/dev/dri/renderD128", found.accelerator[0].node);
    assert_string_equal("softaccel", found.accelerator[0].driver);
    assert_int_equal(1, found.accelerator[0].pci.valid);
    assert_int_equal(5, found.accelerator[0].pci.device);
    assert_int_equal(1, found.accelerator[0].numa_node);
    assert_true(found.accelerator[0].largest_bar == 256 << 20);
    assert_string_equal("/dev/dri/card0", found.accelerator[0].card);
}

static void a_device_with_a_card_only_is_told_by_that(void **state)
{
    struct found found = {.count = 0};

    (void)state;
    fake_folder(&fake, "sys/devices/platform/vkms/drm/card1");
    fake_link(&fake, "sys/devices/platform/vkms/drm/card1/device", "../..");
    fake_link(&fake, "sys/class/drm/card1",
              "../../devices/platform/vkms/drm/card1");
    assert_int_equal(
        0, machine_accelerators(fake.sysfs, keep_accelerator, &found));
    assert_int_equal(1, found.count);
    assert_string_equal("/dev/dri/card1", found.accelerator[0].node);
    assert_string_equal("", found.accelerator[0].driver);
    assert_int_equal(0, found.accelerator[0].pci.valid);
    assert_int_equal(-1, found.accelerator[0].numa_node);
    assert_true(found.accelerator[0].largest_bar == 0);
    assert_false(found.accelerator[0].usable);
}

static void soft_roce_and_a_real_nic_are_told(void **state)
{
    struct found found = {.count = 0};

    (void)state;
    fake_write(&fake, "sys/class/infiniband/rxe0/parent", "ens3\n");
    fake_write(&fake, "sys/class/infiniband/rxe0/ports/1/state", "4: ACTIVE\n");
    fake_folder(&fake, "sys/bus/pci/drivers/mlx5_core");
    fake_folder(&fake, "sys/devices/pci0000:00/0000:00:09.0");
    fake_link(&fake, "sys/devices/pci0000:00/0000:00:09.0/driver",
              "../../../bus/pci/drivers/mlx5_core");
    fake_folder(&fake, "sys/class/infiniband/mlx5_0");
    fake_link(&fake, "sys/class/infiniband/mlx5_0/device",
              "../../../devices/pci0000:00/0000:00:09.0");
    fake_write(&fake, "sys/class/infiniband/mlx5_0/ports/1/state", "1: DOWN\n");
    fake_write(&fake, "sys/class/infiniband/mlx5_0/ports/1/link_layer",
               "InfiniBand\n");
    fake_write(&fake, "sys/class/infiniband_verbs/uverbs0/ibdev", "rxe0\n");
    fake_write(&fake, "sys/class/infiniband_verbs/uverbs7/ibdev", "mlx5_0\n");
    fake_write(&fake, "sys/class/infiniband/mlx5_0/ports/1/gid_attrs/ndevs/0",
               "eth2\n");

    assert_int_equal(0, machine_nics(fake.sysfs, keep_nic, &found));
    assert_int_equal(2, found.count);
    assert_string_equal("mlx5_0", found.nic[0].name);
    assert_string_equal("mlx5_core", found.nic[0].driver);
    assert_string_equal("eth2", found.nic[0].netdev);
    assert_string_equal("DOWN", found.nic[0].state);
    assert_string_equal("InfiniBand", found.nic[0].link);
    assert_string_equal("/dev/infiniband/uverbs7", found.nic[0].node);
    assert_int_equal(1, found.nic[0].pci.valid);
    assert_int_equal(9, found.nic[0].pci.device);
    assert_int_equal(-1, found.nic[0].numa_node);
    assert_false(found.nic[0].is_software);
    assert_string_equal("rxe0", found.nic[1].name);
    assert_string_equal("rdma_rxe", found.nic[1].driver);
    assert_string_equal("ens3", found.nic[1].netdev);
    assert_string_equal("ACTIVE", found.nic[1].state);
    assert_string_equal("/dev/infiniband/uverbs0", found.nic[1].node);
    assert_int_equal(0, found.nic[1].pci.valid);
}

static void soft_roce_on_a_card_s_bus_is_still_soft_roce(void **state)
{
    struct found found = {.count = 0};

    (void)state;
    fake_write(&fake, "sys/class/infiniband/rxe0/parent", "ens3\n");
    fake_folder(&fake, "sys/bus/pci/drivers/virtio-pci");
    fake_folder(&fake, "sys/devices/pci0000:00/0000:00:03.0");
    fake_link(&fake, "sys/devices/pci0000:00/0000:00:03.0/driver",
              "../../../bus/pci/drivers/virtio-pci");
    fake_link(&fake, "sys/class/infiniband/rxe0/device",
              "../../../devices/pci0000:00/0000:00:03.0");
    fake_link(&fake, "sys/bus/pci/devices/0000:00:03.0",
              "../../../devices/pci0000:00/0000:00:03.0");
    fake_write(&fake, "sys/devices/pci0000:00/0000:00:03.0/numa_node", "1\n");

    assert_int_equal(0, machine_nics(fake.sysfs, keep_nic, &found));
    assert_int_equal(1, found.count);
    assert_string_equal("rdma_rxe", found.nic[0].driver);
    assert_string_equal("ens3", found.nic[0].netdev);
    assert_int_equal(1, found.nic[0].pci.valid);
    assert_int_equal(3, found.nic[0].pci.device);
    assert_int_equal(1, found.nic[0].numa_node);
    assert_true(found.nic[0].is_software);
}

static void a_node_is_named_whole_or_by_its_end(void **state)
{
    (void)state;
    assert_true(machine_is_node("/dev/dri/renderD128", NULL));
    assert_true(machine_is_node("/dev/dri/renderD128", "/dev/dri/renderD128"));
    assert_true(machine_is_node("/dev/dri/renderD128", "renderD128"));
    assert_false(machine_is_node("/dev/dri/renderD128", "renderD12"));
}

static void a_nic_that_is_not_there_is_not_capable(void **state)
{
    (void)state;
    assert_true(nic_probe_dmabuf("no such NIC") < 0);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_machine_without_devices_is_no_error),
        TEST(a_device_is_told_once_by_its_render_node),
        TEST(a_device_with_a_card_only_is_told_by_that),
        TEST(soft_roce_and_a_real_nic_are_told),
        TEST(soft_roce_on_a_card_s_bus_is_still_soft_roce),
        TEST(a_node_is_named_whole_or_by_its_end),
        TEST(a_nic_that_is_not_there_is_not_capable),
    };

    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
