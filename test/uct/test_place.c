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

#define DEVICE "bus/pci/devices/0001:0a:1f.2"

static const peervma_pci_t pci = {
    .domain = 1, .bus = 0xa, .device = 0x1f, .function = 2, .valid = 1};

static char sysfs[64];

static void run(const char *command)
{
    char line[256];

    snprintf(line, sizeof(line), "cd '%s' && %s", sysfs, command);
    assert_int_equal(system(line), 0);
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
    run("rm -rf bus");
    return rmdir(sysfs);
}

static void a_render_node_names_its_device(void **state)
{
    char name[32];

    (void)state;
    run("mkdir -p " DEVICE "/drm/card0 " DEVICE "/drm/renderD129");
    assert_true(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    assert_string_equal(name, "renderD129");
}

static void an_accel_node_names_its_device(void **state)
{
    char name[32];

    (void)state;
    run("mkdir -p " DEVICE "/accel/accel1");
    assert_true(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    assert_string_equal(name, "accel1");
}

static void a_device_without_a_node_has_no_name(void **state)
{
    char name[32];

    (void)state;
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
    run("mkdir -p " DEVICE "/drm/version");
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
}

static void a_name_that_does_not_fit_is_none(void **state)
{
    char name[10];

    (void)state;
    run("mkdir -p " DEVICE "/drm/renderD129");
    assert_false(uct_peervma_place_name(sysfs, &pci, name, sizeof(name)));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_render_node_names_its_device),
        TEST(an_accel_node_names_its_device),
        TEST(a_device_without_a_node_has_no_name),
        TEST(a_name_that_does_not_fit_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
