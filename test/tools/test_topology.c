/* SPDX-License-Identifier: BSD-3-Clause */
/* What lies between two PCI devices of a machine made of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fake.h"
#include "topology.h"

#define BRIDGE "0000:00:01.0"
#define SWITCH "0000:01:00.0"

/* A device at a path below sys/devices. */
static void make_device(const char *path)
{
    char full[256], link[256], target[256];

    snprintf(full, sizeof(full), "sys/devices/%s", path);
    fake_folder(&fake, full);
    snprintf(link, sizeof(link), "sys/bus/pci/devices/%s",
             strrchr(path, '/') + 1);
    snprintf(target, sizeof(target), "../../../devices/%s", path);
    fake_link(&fake, link, target);
}

static peervma_pci_t pci(uint8_t bus, uint8_t device)
{
    return (peervma_pci_t){.bus = bus, .device = device, .valid = 1};
}

/* Configuration space of a bridge with ACS, or what a user sees of it. */
static void write_config(const char *path, size_t size, unsigned char control)
{
    unsigned char config[4096] = {0};
    char full[256];
    FILE *file;

    config[0x100] = 0x01; /* another capability, and where the next one is */
    config[0x102] = 0x01;
    config[0x103] = 0x20;
    config[0x200] = 0x0d;
    config[0x206] = control;
    snprintf(full, sizeof(full), "%s/sys/devices/%s/config", fake.folder, path);
    file = fopen(full, "we");
    assert_non_null(file);
    assert_int_equal(size, fwrite(config, 1, size, file));
    fclose(file);
}

static struct topology look(peervma_pci_t a, peervma_pci_t b)
{
    struct topology topology;

    topology_look(fake.sysfs, &a, &b, &topology);
    return topology;
}

static void devices_below_a_switch_have_it_in_common(void **state)
{
    struct topology topology;

    (void)state;
    make_device("pci0000:00/" BRIDGE);
    make_device("pci0000:00/" BRIDGE "/" SWITCH);
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:00.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:01.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:00.0/0000:03:00.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:01.0/0000:04:00.0");
    topology = look(pci(3, 0), pci(4, 0));
    assert_int_equal(TOPOLOGY_BRIDGE, topology.path);
    assert_string_equal("bridge", topology_name(&topology));
    assert_int_equal(4, topology.hops);
    assert_false(topology.translated);
}

static void devices_below_two_ports_meet_in_the_host_bridge(void **state)
{
    struct topology topology;

    (void)state;
    make_device("pci0000:00/0000:00:01.0/0000:01:00.0");
    make_device("pci0000:00/0000:00:02.0/0000:02:00.0");
    topology = look(pci(1, 0), pci(2, 0));
    assert_int_equal(TOPOLOGY_HOST_BRIDGE, topology.path);
    assert_non_null(strstr(topology_obstacle(&topology), "no common PCI"));
    assert_string_equal("host-bridge", topology_name(&topology));

    fake_write(&fake,
               "sys/devices/pci0000:00/0000:00:02.0/0000:02:00.0/iommu_group/"
               "type",
               "DMA-FQ\n");
    topology = look(pci(1, 0), pci(2, 0));
    assert_true(topology.translated);
    assert_non_null(strstr(topology_obstacle(&topology), "iommu=pt"));
}

static void devices_of_two_host_bridges_are_far(void **state)
{
    struct topology topology;

    (void)state;
    make_device("pci0000:00/0000:00:01.0/0000:01:00.0");
    make_device("pci0000:80/0000:80:01.0/0000:81:00.0");
    topology = look(pci(1, 0), pci(0x81, 0));
    assert_int_equal(TOPOLOGY_FAR, topology.path);
    assert_non_null(strstr(topology_obstacle(&topology), "NIC near the"));
    assert_string_equal("host-bridges", topology_name(&topology));
}

static void a_pass_through_does_not_translate(void **state)
{
    (void)state;
    make_device("pci0000:00/0000:00:05.0");
    make_device("pci0000:00/0000:00:06.0");
    fake_write(&fake, "sys/devices/pci0000:00/0000:00:05.0/iommu_group/type",
               "identity\n");
    assert_false(look(pci(0, 5), pci(0, 6)).translated);
}

static void acs_on_the_way_is_seen(void **state)
{
    const char *port = "pci0000:00/" BRIDGE "/" SWITCH "/0000:02:00.0";
    struct topology topology;

    (void)state;
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:00.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:01.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:00.0/0000:03:00.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:01.0/0000:04:00.0");
    write_config("pci0000:00/" BRIDGE "/" SWITCH "/0000:02:01.0", 4096, 0);

    write_config(port, 4096, 0x04); /* requests */
    topology = look(pci(3, 0), pci(4, 0));
    assert_int_equal(1, topology.acs_redirect);
    assert_non_null(strstr(topology_obstacle(&topology), "ACS"));

    write_config(port, 4096, 0x11); /* source validation, forwarding */
    topology = look(pci(3, 0), pci(4, 0));
    assert_int_equal(0, topology.acs_redirect);
    assert_null(topology_obstacle(&topology));

    write_config(port, 64, 0); /* as an ordinary user sees it */
    assert_int_equal(-1, look(pci(3, 0), pci(4, 0)).acs_redirect);
}

static void a_broken_list_of_capabilities_ends(void **state)
{
    unsigned char config[4096] = {0};
    char full[256];
    FILE *file;

    (void)state;
    make_device("pci0000:00/" BRIDGE "/" SWITCH);
    make_device("pci0000:00/" BRIDGE "/0000:01:01.0");
    make_device("pci0000:00/" BRIDGE "/" SWITCH "/0000:03:00.0");
    config[0x100] = 0x01;
    config[0x103] = 0x10; /* leads to itself */
    snprintf(full, sizeof(full), "%s/sys/devices/pci0000:00/%s/%s/config",
             fake.folder, BRIDGE, SWITCH);
    file = fopen(full, "we");
    assert_non_null(file);
    assert_int_equal(4096, fwrite(config, 1, 4096, file));
    fclose(file);
    assert_int_equal(0, look(pci(3, 0), pci(1, 1)).acs_redirect);
}

static void what_is_no_pci_device_is_not_known(void **state)
{
    struct topology topology = look(pci(1, 0), (peervma_pci_t){.valid = 0});

    (void)state;
    assert_int_equal(TOPOLOGY_UNKNOWN, topology.path);
    assert_null(topology_obstacle(&topology));
    assert_int_equal(TOPOLOGY_UNKNOWN, look(pci(1, 0), pci(2, 0)).path);
}

#define TEST(name) \
    cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_below_a_switch_have_it_in_common),
        TEST(devices_below_two_ports_meet_in_the_host_bridge),
        TEST(devices_of_two_host_bridges_are_far),
        TEST(a_pass_through_does_not_translate),
        TEST(acs_on_the_way_is_seen),
        TEST(a_broken_list_of_capabilities_ends),
        TEST(what_is_no_pci_device_is_not_known),
    };

    return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
