/* SPDX-License-Identifier: BSD-3-Clause */
/* The name that a device gets in UCX's topology, from a sysfs of files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "place.h"

#define DEVICE "devices/pci0001:00/0001:0a:1f.2"

static const peervma_pci_t pci = {
    .domain = 1, .bus = 0xa, .device = 0x1f, .function = 2, .valid = 1};

static char sysfs[64];

static void run(const char *command)
{
    char line[512];

    snprintf(line, sizeof(line), "cd '%s' && %s", sysfs, command);
    assert_int_equal(system(line), 0);
}

/* A node of the device, as the kernel shows it. */
static void node_create(const char *subsystem, const char *name,
                        const char *number)
{
    char line[400];

    snprintf(line, sizeof(line),
             "mkdir -p class/%s dev/char " DEVICE "/%s/%s && "
             "echo %s >" DEVICE "/%s/%s/dev && "
             "ln -s ../../../%s " DEVICE "/%s/%s/device && "
             "ln -s ../../" DEVICE "/%s/%s class/%s/%s && "
             "ln -s ../../" DEVICE "/%s/%s dev/char/%s",
             subsystem, subsystem, name, number, subsystem, name,
             strrchr(DEVICE, '/') + 1, subsystem, name, subsystem, name,
             subsystem, name, subsystem, name, number);
    run(line);
}

static int setup(void **state)
{
    (void)state;
    strcpy(sysfs, "/tmp/test_place.XXXXXX");
    return mkdtemp(sysfs) == NULL;
}

static int teardown(void **state)
{
    (void)state;
    run("rm -rf class dev devices");
    return rmdir(sysfs);
}

static void a_render_node_names_its_device(void **state)
{
    char name[32];

    (void)state;
    node_create("drm", "card0", "226:0");
    node_create("drm", "renderD129", "226:129");
    assert_true(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    assert_string_equal(name, "renderD129");
}

static void an_accel_node_names_its_device(void **state)
{
    char name[32];

    (void)state;
    node_create("accel", "accel1", "261:1");
    assert_true(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    assert_string_equal(name, "accel1");
}

static void a_device_without_a_node_has_no_name(void **state)
{
    char name[32];

    (void)state;
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    node_create("drm", "version", "226:7");
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
}

static void another_device_s_node_is_not_its(void **state)
{
    peervma_pci_t other = pci;
    char name[32];

    (void)state;
    other.function = 3;
    node_create("drm", "renderD129", "226:129");
    assert_false(uct_peervma_place_name(sysfs, &other, name, sizeof(name)));
}

static void a_name_that_does_not_fit_is_none(void **state)
{
    char name[10];

    (void)state;
    node_create("drm", "renderD129", "226:129");
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_render_node_names_its_device),
        TEST(an_accel_node_names_its_device),
        TEST(a_device_without_a_node_has_no_name),
        TEST(another_device_s_node_is_not_its),
        TEST(a_name_that_does_not_fit_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
