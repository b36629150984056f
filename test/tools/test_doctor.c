/* SPDX-License-Identifier: BSD-3-Clause */
/* What doctor says of machines made of files and facts. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "doctor.h"
#include "fake.h"

#define RELEASE "6.12.5-test"

static struct doctor doctor;

static int setup(void **state)
{
    (void)state;
    fake_create(&fake);
    doctor_begin(fake.folder, RELEASE, &doctor);
    unsetenv("UCX_TLS");
    unsetenv("UCX_MODULES");
    unsetenv("UCX_PLUGIN_PATH");
    unsetenv("OMPI_MCA_pml");
    unsetenv("PEERVMA_SETTINGS");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    doctor_end(&doctor);
    fake_destroy(&fake);
    return 0;
}

/* Some finding of this level has this text, or this in what is to be done. */
static void expect(const char *level, const char *text)
{
    char *(*rows)[TABLE_COLUMNS] = doctor.table.cells;
    size_t row;

    for (row = 0; row < doctor.table.rows; row++) {
        if (strcmp(rows[row][0], level) == 0 &&
            (strstr(rows[row][2], text) != NULL ||
             (rows[row][3] != NULL && strstr(rows[row][3], text) != NULL))) {
            return;
        }
    }
    for (row = 0; row < doctor.table.rows; row++) {
        print_message("%s %s: %s -- %s\n", rows[row][0], rows[row][1],
                      rows[row][2], rows[row][3]);
    }
    fail_msg("no finding '%s' with '%s'", level, text);
}

static struct doctor_accelerator *add_accelerator(const char *driver)
{
    struct doctor_accelerator *one = &doctor.accelerator[doctor.accelerators++];

    one->accelerator = (struct accelerator){
        .node = "/dev/dri/renderD128",
        .pci = {.device = 5, .valid = 1},
        .largest_bar = 256 << 20,
        .usable = true,
    };
    snprintf(one->accelerator.driver, sizeof(one->accelerator.driver), "%s",
             driver);
    one->exported.way = "dumb";
    one->exported.provider = "kernel";
    return one;
}

static struct doctor_nic *add_nic(const char *driver)
{
    struct doctor_nic *one = &doctor.nic[doctor.nics++];

    *one = (struct doctor_nic){
        .nic = {.name = "nic0", .state = "ACTIVE"},
        .allowed = true,
    };
    snprintf(one->nic.driver, sizeof(one->nic.driver), "%s", driver);
    return one;
}

static void a_new_kernel_with_p2pdma_is_well(void **state)
{
    (void)state;
    fake_write(&fake, "boot/config-" RELEASE,
               "CONFIG_PCI_P2PDMA_X=y\nCONFIG_PCI_P2PDMA=y\n");
    doctor_tell_kernel(&doctor);
    expect("ok", RELEASE);
    expect("ok", "CONFIG_PCI_P2PDMA");
    assert_int_equal(0, doctor.problems);
}

static void a_kernel_without_p2pdma_harms_drivers_that_ask_for_it(void **state)
{
    (void)state;
    fake_write(&fake, "boot/config-" RELEASE,
               "# CONFIG_PCI_P2PDMA is not set\n");
    add_accelerator("softaccel");
    doctor_tell_kernel(&doctor);
    expect("warning", "CONFIG_PCI_P2PDMA=y");
    assert_int_equal(0, doctor.problems);
    add_accelerator("amdgpu");
    doctor_tell_kernel(&doctor);
    expect("problem", "CONFIG_PCI_P2PDMA=y");
}

static void an_old_kernel_is_told(void **state)
{
    (void)state;
    doctor.release = "6.1.0";
    doctor_tell_kernel(&doctor);
    expect("warning", "never tried before 6.12");
    doctor.release = "5.10.0";
    doctor_tell_kernel(&doctor);
    expect("problem", "before 5.12");
}

static void a_missing_module_is_to_be_built_or_loaded(void **state)
{
    (void)state;
    doctor.module = -ENODEV;
    doctor_tell_module(&doctor);
    expect("problem", "no peervma.ko for Linux " RELEASE);
    fake_write(&fake, "lib/modules/" RELEASE "/updates/dkms/peervma.ko.xz", "");
    doctor_tell_module(&doctor);
    expect("problem", "modprobe peervma");
}

static void a_module_that_nothing_needs_is_only_a_warning(void **state)
{
    (void)state;
    doctor.module = -ENODEV;
    add_accelerator("softaccel")->exported.provider = "drm";
    doctor_tell_module(&doctor);
    expect("warning", "no peervma.ko");
    assert_int_equal(0, doctor.problems);
}

static void a_module_without_permission_names_the_group(void **state)
{
    (void)state;
    doctor.module = -EACCES;
    fake_write(&fake, "dev/peervma", "");
    doctor_tell_module(&doctor);
    expect("problem", "may not open /dev/peervma");
    expect("problem", "udev rule"); /* the file is its owner's alone */
}

static void devices_that_are_not_there_are_problems(void **state)
{
    (void)state;
    doctor_tell_accelerators(&doctor);
    doctor_tell_nics(&doctor);
    doctor_tell_pairs(&doctor);
    expect("problem", "no device has a DRM or accel node");
    expect("problem", "there is no RDMA NIC");
    assert_int_equal(2, doctor.problems);
}

static void a_small_bar_that_can_grow_is_told(void **state)
{
    (void)state;
    add_accelerator("amdgpu");
    fake_write(&fake, "sys/bus/pci/devices/0000:00:05.0/resource0_resize",
               "0000000000007f00\n");
    doctor_tell_accelerators(&doctor);
    expect("ok", "exported (by kernel)");
    expect("warning", "small BAR: 256 of 16384 MiB");
    expect("warning", "Resizable BAR");
}

static void an_accelerator_that_exports_nothing_is_a_problem(void **state)
{
    struct doctor_accelerator *one = add_accelerator("odd");

    (void)state;
    one->exported.provider = NULL;
    strcpy(one->exported.why, "not exported: no PRIME");
    doctor_tell_accelerators(&doctor);
    expect("problem", "no PRIME");
    one->exported.way = NULL;
    doctor_tell_accelerators(&doctor);
    expect("warning", "not tried");
    one->accelerator.usable = false;
    doctor_tell_accelerators(&doctor);
    expect("problem", "may not open /dev/dri/renderD128");
}

static void a_nic_without_dmabuf_matters_if_there_is_no_better(void **state)
{
    (void)state;
    add_nic("rdma_rxe")->dmabuf = -EOPNOTSUPP;
    doctor_tell_nics(&doctor);
    expect("problem", "rdma_rxe registers no dma-bufs");
    expect("problem", "contrib/softroce");
    add_nic("mlx5_core");
    doctor.problems = 0;
    doctor_tell_nics(&doctor);
    expect("warning", "rdma_rxe registers no dma-bufs");
    expect("ok", "mlx5_core, registers dma-bufs");
    assert_int_equal(0, doctor.problems);
}

static void a_nic_that_is_down_or_forbidden_is_told(void **state)
{
    struct doctor_nic *nic = add_nic("mlx5_core");

    (void)state;
    strcpy(nic->nic.state, "DOWN");
    doctor_tell_nics(&doctor);
    expect("problem", "not active, but DOWN");
    strcpy(nic->nic.node, "/dev/infiniband/uverbs0");
    nic->allowed = false;
    doctor_tell_nics(&doctor);
    expect("problem", "may not open /dev/infiniband/uverbs0");
}

static void a_nic_far_from_its_accelerator_is_told_unless_it_is_software(
    void **state)
{
    struct doctor_accelerator *one = add_accelerator("amdgpu");
    struct doctor_nic *nic = add_nic("rdma_rxe");

    (void)state;
    fake_folder(&fake, "sys/devices/pci0000:00/0000:00:05.0");
    fake_link(&fake, "sys/bus/pci/devices/0000:00:05.0",
              "../../../devices/pci0000:00/0000:00:05.0");
    fake_folder(&fake, "sys/devices/pci0000:80/0000:80:01.0");
    fake_link(&fake, "sys/bus/pci/devices/0000:80:01.0",
              "../../../devices/pci0000:80/0000:80:01.0");
    nic->nic.pci = (peervma_pci_t){.bus = 0x80, .device = 1, .valid = 1};
    nic->nic.is_software = true;
    one->registered[0].registration = PAIR_REGISTERED;
    doctor_tell_pairs(&doctor);
    expect("ok", "they are through two host bridges");
    nic->nic.is_software = false;
    doctor_tell_pairs(&doctor);
    expect("warning", "use a NIC near the accelerator");
}

static void a_pair_that_fails_matters_if_no_other_works(void **state)
{
    struct doctor_accelerator *one = add_accelerator("amdgpu");

    (void)state;
    add_nic("mlx5_core");
    one->registered[0].registration = PAIR_REFUSED;
    strcpy(one->registered[0].why, "no P2P path");
    doctor_tell_pairs(&doctor);
    expect("problem", "no P2P path");
    add_nic("mlx5_core");
    one->registered[1].registration = PAIR_REGISTERED;
    doctor.problems = 0;
    doctor_tell_pairs(&doctor);
    expect("warning", "no P2P path");
    expect("ok", "the NIC registers its memory");
    assert_int_equal(0, doctor.problems);
}

static void little_locked_memory_is_told(void **state)
{
    (void)state;
    doctor.memlock = 65536;
    doctor_tell_limits(&doctor);
    expect("warning", "64 KiB of memory may be locked");
    doctor.memlock = UINT64_MAX;
    doctor_tell_limits(&doctor);
    expect("ok", "no limit");
}

static void a_plugin_that_stays_out_says_why(void **state)
{
    (void)state;
    doctor.ucx = (struct ucx_probe){.why = "libucp.so.0: cannot open"};
    doctor_tell_ucx(&doctor);
    expect("problem", "cannot open");
    doctor.ucx = (struct ucx_probe){
        .found = true,
        .major = 1,
        .minor = 30,
        .path = "/usr/lib/libucp.so.0",
        .plugin = UCX_PLUGIN_REFUSES,
        .why = "it is not known",
    };
    doctor_tell_ucx(&doctor);
    expect("problem", "stays out of UCX 1.30.0");
    expect("problem", "there is none for the plugin");
}

static const struct ucx_probe ucx_that_loads_plugins = {
    .found = true,
    .major = 1,
    .minor = 22,
    .path = "/usr/lib/libucp.so.0",
    .plugin = UCX_PLUGIN_FITS,
};

static void a_ucx_that_loads_plugins_has_to_find_it(void **state)
{
    (void)state;
    doctor.ucx = ucx_that_loads_plugins;
    doctor_tell_ucx(&doctor);
    expect("ok", "takes the plugin");
    expect("warning", "export UCX_PLUGIN_PATH=");
    fake_write(&fake, "opt/p/libuct_peervma.so.0", "");
    setenv("UCX_PLUGIN_PATH", "/nowhere:/opt/p", 1);
    doctor_tell_ucx(&doctor);
    expect("ok", "loads the plugin by itself");
    unsetenv("UCX_PLUGIN_PATH");
}

static void a_folder_of_ucx_with_the_plugin_is_a_way(void **state)
{
    (void)state;
    fake_write(&fake, "usr/lib/ucx/libuct_peervma.so.0", "");
    doctor.ucx = (struct ucx_probe){
        .found = true,
        .major = 1,
        .minor = 23,
        .path = "/usr/lib/libucp.so.0",
        .plugin = UCX_PLUGIN_FITS,
    };
    doctor_tell_ucx(&doctor);
    expect("ok", "loads the plugin by itself");
    assert_int_equal(0, doctor.problems);
}

static void modules_that_ucx_is_not_to_load_are_told(void **state)
{
    static const struct {
        const char *modules;
        bool loaded;
    } cases[] = {
        {"^peervma", false}, {"^ib,peer*", false}, {"ib,cma", false},
        {"^ib,cuda", true},  {"all", true},        {"^all", true},
        {"*", true},         {"ib,peervma", true},
    };
    size_t i;

    (void)state;
    fake_write(&fake, "usr/lib/ucx/libuct_peervma.so.0", "");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        setenv("UCX_MODULES", cases[i].modules, 1);
        doctor_end(&doctor);
        doctor_begin(fake.folder, RELEASE, &doctor);
        doctor.ucx = ucx_that_loads_plugins;
        doctor_tell_ucx(&doctor);
        expect(cases[i].loaded ? "ok" : "warning",
               cases[i].loaded ? "loads the plugin by itself"
                               : cases[i].modules);
    }
}

static void settings_that_keep_the_plugin_out_are_problems(void **state)
{
    (void)state;
    doctor_tell_settings(&doctor);
    expect("ok", "none of the user's");
    setenv("UCX_TLS", "rc,tcp", 1);
    setenv("OMPI_MCA_pml", "ob1", 1);
    setenv("PEERVMA_SETTINGS", "n", 1);
    doctor_tell_settings(&doctor);
    expect("problem", "UCX_TLS=rc,tcp leaves out pvma_copy");
    expect("problem", "OMPI_MCA_pml");
    expect("warning", "PEERVMA_SETTINGS=n");
    assert_string_equal("n", getenv("PEERVMA_SETTINGS"));
}

static void programs_are_told_apart(void **state)
{
    char path[64];

    (void)state;
    doctor_tell_program(&doctor, "/proc/self/exe");
    expect("ok", "dynamically linked");
    fake_write(&fake, "script", "#!/bin/sh\n");
    snprintf(path, sizeof(path), "%s/script", fake.folder);
    doctor_tell_program(&doctor, path);
    expect("warning", "not a script");
    doctor_tell_program(&doctor, "/nonsense");
    expect("warning", "No such file");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_kernel_with_p2pdma_is_well),
        TEST(a_kernel_without_p2pdma_harms_drivers_that_ask_for_it),
        TEST(an_old_kernel_is_told),
        TEST(a_missing_module_is_to_be_built_or_loaded),
        TEST(a_module_that_nothing_needs_is_only_a_warning),
        TEST(a_module_without_permission_names_the_group),
        TEST(devices_that_are_not_there_are_problems),
        TEST(a_small_bar_that_can_grow_is_told),
        TEST(an_accelerator_that_exports_nothing_is_a_problem),
        TEST(a_nic_without_dmabuf_matters_if_there_is_no_better),
        TEST(a_nic_that_is_down_or_forbidden_is_told),
        TEST(a_nic_far_from_its_accelerator_is_told_unless_it_is_software),
        TEST(a_pair_that_fails_matters_if_no_other_works),
        TEST(little_locked_memory_is_told),
        TEST(a_plugin_that_stays_out_says_why),
        TEST(a_ucx_that_loads_plugins_has_to_find_it),
        TEST(a_folder_of_ucx_with_the_plugin_is_a_way),
        TEST(modules_that_ucx_is_not_to_load_are_told),
        TEST(settings_that_keep_the_plugin_out_are_problems),
        TEST(programs_are_told_apart),
    };

    return cmocka_run_group_tests_name("doctor", tests, NULL, NULL);
}
