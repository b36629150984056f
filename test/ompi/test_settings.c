/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixture.h"
#include "settings.h"

#define NIC "sys/class/infiniband/"
#define DEBIAN_FILE "etc/openmpi/openmpi-mca-params.conf"

static char root[PATH_MAX];
static peervma_settings_t settings;

static const char *value_of(const char *name)
{
    unsigned i;

    for (i = 0; i < settings.count; ++i) {
        if (strcmp(settings.setting[i].name, name) == 0) {
            return settings.setting[i].value;
        }
    }
    return NULL;
}

static void assert_set(const char *name, const char *value)
{
    if (value_of(name) == NULL) {
        fail_msg("%s is not set", name);
    }
    assert_string_equal(value_of(name), value);
}

static void assert_not_set(const char *name)
{
    if (value_of(name) != NULL) {
        fail_msg("%s is set to %s", name, value_of(name));
    }
}

static void decide(void)
{
    peervma_settings_decide(root, &settings);
}

static void soft_roce_add(const char *device, const char *netdev)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), NIC "%s/parent", device);
    file_write(root, path, netdev, 0444);
}

static void hardware_nic_add(void)
{
    file_write(root, NIC "mlx5_0/device/vendor", "0x15b3\n", 0444);
}

static void a_machine_without_nics_gets_what_is_independent_of_them(
    void **state)
{
    (void)state;
    decide();
    assert_set("UCX_MEMTYPE_REG_WHOLE_ALLOC_TYPES", "cuda,ze-device");
    assert_set("OMPI_MCA_opal_common_ucx_tls", "any");
    assert_set("OMPI_MCA_opal_common_ucx_devices", "any");
    assert_set("OMPI_MCA_opal_common_ucx_opal_mem_hooks", "0");
    assert_int_equal(settings.count, 4);
    assert_string_equal(settings.warning, "");
    assert_false(settings.mpi_without_ucx);
}

static void a_hardware_nic_keeps_ucx_s_transports_and_protocols(void **state)
{
    (void)state;
    hardware_nic_add();
    decide();
    assert_int_equal(settings.count, 4);
    assert_not_set("UCX_TLS");
}

static void soft_roce_gets_zero_copy_and_its_own_network(void **state)
{
    (void)state;
    soft_roce_add("rxe0", "eth3\n");
    decide();
    assert_set("UCX_TLS", "^ud_verbs,ud_verbs:aux");
    assert_set("UCX_NET_DEVICES", "rxe0:1,eth3");
    assert_set("UCX_RNDV_THRESH", "8k");
    assert_set("UCX_RNDV_SCHEME", "get_zcopy");
    assert_set("UCX_RC_TIMEOUT", "60ms");
}

static void soft_roce_on_a_card_s_bus_is_no_hardware_nic(void **state)
{
    (void)state;
    soft_roce_add("rxe0", "eth3\n");
    file_write(root, NIC "rxe0/device/vendor", "0x1af4\n", 0444);
    decide();
    assert_set("UCX_NET_DEVICES", "rxe0:1,eth3");
}

static void all_soft_roce_devices_are_named(void **state)
{
    const char *value;

    (void)state;
    soft_roce_add("rxe0", "eth0\n");
    soft_roce_add("rxe1", "eth1\n");
    decide();
    value = value_of("UCX_NET_DEVICES");
    assert_non_null(value);
    assert_non_null(strstr(value, "rxe0:1,eth0"));
    assert_non_null(strstr(value, "rxe1:1,eth1"));
    assert_int_equal(strlen(value), strlen("rxe0:1,eth0,rxe1:1,eth1"));
}

static void names_that_do_not_fit_are_left_out_whole(void **state)
{
    char device[32];
    const char *value;
    size_t length;
    int i;

    (void)state;
    for (i = 0; i < 20; ++i) {
        snprintf(device, sizeof(device), "rxe%d", 10 + i);
        soft_roce_add(device, "eth0\n");
    }
    decide();
    value = value_of("UCX_NET_DEVICES");
    assert_non_null(value);
    length = strlen(value) + 1;
    assert_int_equal(length % strlen("rxe10:1,eth0,"), 0);
    assert_true(length > strlen("rxe10:1,eth0,"));
}

static void soft_roce_next_to_a_hardware_nic_changes_nothing(void **state)
{
    (void)state;
    hardware_nic_add();
    soft_roce_add("rxe0", "eth0\n");
    decide();
    assert_int_equal(settings.count, 4);
}

static void what_is_in_the_environment_is_left_alone(void **state)
{
    (void)state;
    soft_roce_add("rxe0", "eth0\n");
    setenv("UCX_RNDV_SCHEME", "put_zcopy", 1);
    setenv("OMPI_MCA_opal_common_ucx_tls", "rc_verbs", 1);
    setenv("UCX_RC_TIMEOUT", "", 1);
    decide();
    assert_not_set("UCX_RNDV_SCHEME");
    assert_not_set("OMPI_MCA_opal_common_ucx_tls");
    assert_not_set("UCX_RC_TIMEOUT");
    assert_int_equal(peervma_settings_apply(&settings), 0);
    assert_string_equal(getenv("UCX_RNDV_SCHEME"), "put_zcopy");
    assert_string_equal(getenv("UCX_RNDV_THRESH"), "8k");
}

static void what_is_in_ucx_conf_is_left_alone(void **state)
{
    (void)state;
    soft_roce_add("rxe0", "eth0\n");
    setenv("HOME", root, 1);
    file_write(root, "ucx.conf", "[section]\n  UCX_RNDV_THRESH = inf \n", 0644);
    file_write(root, "etc/ucx/ucx.conf", "#UCX_TLS=x\nUCX_RC_TIMEOUT=2s\n",
               0644);
    decide();
    assert_not_set("UCX_RNDV_THRESH");
    assert_not_set("UCX_RC_TIMEOUT");
    assert_set("UCX_TLS", "^ud_verbs,ud_verbs:aux");
}

static void what_is_in_the_user_s_mca_file_is_left_alone(void **state)
{
    (void)state;
    setenv("HOME", root, 1);
    file_write(root, ".openmpi/mca-params.conf",
               "# opal_common_ucx_devices = x\n"
               "opal_common_ucx_tls = rc_verbs\npml = ob1\n",
               0644);
    file_write(root, DEBIAN_FILE, "pml = ^ucx\n", 0644);
    decide();
    assert_not_set("OMPI_MCA_opal_common_ucx_tls");
    assert_set("OMPI_MCA_opal_common_ucx_devices", "any");
    assert_not_set("OMPI_MCA_pml");
    assert_true(settings.mpi_without_ucx);
}

static void debian_s_exclusion_of_ucx_is_lifted(void **state)
{
    (void)state;
    file_write(root, DEBIAN_FILE, "btl = ^uct\npml = ^ucx\nosc = ^ucx\n", 0644);
    decide();
    assert_set("OMPI_MCA_pml", "");
    assert_false(settings.mpi_without_ucx);
}

static void an_administrator_s_own_choice_is_not_lifted(void **state)
{
    (void)state;
    file_write(root, DEBIAN_FILE, "pml = ^ucx,cm\n", 0644);
    decide();
    assert_not_set("OMPI_MCA_pml");
    assert_true(settings.mpi_without_ucx);
    file_write(root, DEBIAN_FILE, "pml = ob1\n", 0644);
    decide();
    assert_not_set("OMPI_MCA_pml");
    assert_true(settings.mpi_without_ucx);
}

static void mpirun_s_choice_of_layer_counts(void **state)
{
    (void)state;
    file_write(root, DEBIAN_FILE, "pml = ^ucx\n", 0644);
    setenv("OMPI_MCA_pml", "ob1", 1);
    decide();
    assert_true(settings.mpi_without_ucx);
    assert_not_set("OMPI_MCA_pml");
    setenv("OMPI_MCA_pml", "ucx", 1);
    decide();
    assert_false(settings.mpi_without_ucx);
    setenv("OMPI_MCA_pml", "^cm", 1);
    decide();
    assert_false(settings.mpi_without_ucx);
}

static void transports_without_the_plugin_s_are_warned_of(void **state)
{
    static const struct {
        const char *tls;
        bool warned;
    } cases[] = {
        {"rc,tcp,self", true},
        {"rc,pvma_copy,self", false},
        {"all", false},
        {"^pvma_copy", true},
        {"^tcp", false},
        {"pvma_copyx,xpvma_copy", true},
        {"tcp,pvma_copy", false},
        {"^all", true},
        {"\\pvma_copy,self", false},
        {"^tcp,\\pvma_copy", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        setenv("UCX_TLS", cases[i].tls, 1);
        decide();
        if ((settings.warning[0] != '\0') != cases[i].warned) {
            fail_msg("UCX_TLS=%s: warning '%s'", cases[i].tls,
                     settings.warning);
        }
    }
}

static void a_very_long_list_of_transports_is_no_harm(void **state)
{
    char list[4096];

    (void)state;
    memset(list, 'x', sizeof(list));
    list[sizeof(list) - 1] = '\0';
    setenv("UCX_TLS", list, 1);
    decide();
    assert_true(strlen(settings.warning) < sizeof(settings.warning));
}

static void soft_roce_that_the_user_does_not_use_gets_nothing(void **state)
{
    static const struct {
        const char *name, *value;
        bool used;
    } cases[] = {
        {"UCX_NET_DEVICES", "eth0", false},
        {"UCX_NET_DEVICES", "rxe0:1,eth0", true},
        {"UCX_NET_DEVICES", "all", true},
        {"UCX_TLS", "tcp,self,pvma_copy", false},
        {"UCX_TLS", "rc,tcp,pvma_copy", true},
        {"UCX_TLS", "rc_verbs,pvma_copy", true},
        {"UCX_TLS", "\\rc_verbs,\\pvma_copy", true},
        {"UCX_TLS", "^ib", false},
    };
    size_t i;

    (void)state;
    soft_roce_add("rxe0", "eth0\n");
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); ++i) {
        setenv(cases[i].name, cases[i].value, 1);
        decide();
        if ((value_of("UCX_RC_TIMEOUT") != NULL) != cases[i].used) {
            fail_msg("%s=%s", cases[i].name, cases[i].value);
        }
        unsetenv(cases[i].name);
    }
}

static void the_user_can_switch_it_off(void **state)
{
    (void)state;
    soft_roce_add("rxe0", "eth0\n");
    setenv("PEERVMA_SETTINGS", "n", 1);
    decide();
    assert_int_equal(settings.count, 0);
}

static void what_is_said(char text[4096])
{
    FILE *file = fmemopen(text, 4096, "w");

    assert_non_null(file);
    text[0] = '\0';
    peervma_settings_say(&settings, file);
    fclose(file);
}

static void only_the_first_rank_says_what_it_set(void **state)
{
    char text[4096];

    (void)state;
    decide();
    setenv("PMIX_RANK", "1", 1);
    what_is_said(text);
    assert_string_equal(text, "");
    setenv("PMIX_RANK", "0", 1);
    what_is_said(text);
    assert_non_null(strstr(text, " OMPI_MCA_opal_common_ucx_tls=any "));
    assert_int_equal(occurrences(text, "\n"), 1);
}

static void quiet_is_quiet(void **state)
{
    char text[4096];

    (void)state;
    setenv("UCX_TLS", "tcp", 1);
    decide();
    what_is_said(text);
    assert_int_equal(occurrences(text, "\n"), 2);
    setenv("PEERVMA_QUIET", "y", 1);
    what_is_said(text);
    assert_string_equal(text, "");
}

static void nothing_set_is_nothing_said(void **state)
{
    char text[4096];

    (void)state;
    decide();
    assert_int_equal(peervma_settings_apply(&settings), 0);
    decide();
    assert_int_equal(settings.count, 0);
    what_is_said(text);
    assert_string_equal(text, "");
}

static int setup(void **state)
{
    (void)state;
    environment_clear();
    folder_make(root);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    folder_remove(root);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_machine_without_nics_gets_what_is_independent_of_them),
        TEST(a_hardware_nic_keeps_ucx_s_transports_and_protocols),
        TEST(soft_roce_gets_zero_copy_and_its_own_network),
        TEST(soft_roce_on_a_card_s_bus_is_no_hardware_nic),
        TEST(all_soft_roce_devices_are_named),
        TEST(names_that_do_not_fit_are_left_out_whole),
        TEST(soft_roce_next_to_a_hardware_nic_changes_nothing),
        TEST(what_is_in_the_environment_is_left_alone),
        TEST(what_is_in_ucx_conf_is_left_alone),
        TEST(what_is_in_the_user_s_mca_file_is_left_alone),
        TEST(debian_s_exclusion_of_ucx_is_lifted),
        TEST(an_administrator_s_own_choice_is_not_lifted),
        TEST(mpirun_s_choice_of_layer_counts),
        TEST(transports_without_the_plugin_s_are_warned_of),
        TEST(a_very_long_list_of_transports_is_no_harm),
        TEST(soft_roce_that_the_user_does_not_use_gets_nothing),
        TEST(the_user_can_switch_it_off),
        TEST(only_the_first_rank_says_what_it_set),
        TEST(quiet_is_quiet),
        TEST(nothing_set_is_nothing_said),
    };

    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
