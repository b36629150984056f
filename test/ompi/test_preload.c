/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The shim, preloaded into this very program, which then loads a fake UCX, one
 * of another name, or that one and then the other, and prints how many
 * components each has, twice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fake_ucx.h"
#include "fixture.h"

#define SHIM TOOLS_LIBDIR "/libpeervma_preload.so"
#define PRELOAD "LD_PRELOAD=" SHIM
#define PLUGIN FAKE_LIBDIR "/libuct_peervma.so.0"

#define LOADED "components 1 1\n"
#define NOT_LOADED "components 0 0\n"

static char self[] = "/proc/self/exe";

static void count_twice(int (*count)(void))
{
    int first = count();

    printf("components %d %d\n", first, count());
}

static int host(const char *mode)
{
    if (strcmp(mode, "host") != 0) {
        count_twice(fake_ucx_load_renamed());
    }
    if (strcmp(mode, "host-renamed") != 0) {
        count_twice(fake_ucx_load());
    }
    return EXIT_SUCCESS;
}

static void host_run_as(char *mode, char *const environment[], child_t *child_p)
{
    char *const argv[] = {self, mode, NULL};

    child_run(argv, environment, child_p);
    assert_int_equal(child_p->exit_code, 0);
}

static void host_run(char *const environment[], child_t *child_p)
{
    char mode[] = "host";

    host_run_as(mode, environment, child_p);
}

static void the_plugin_is_loaded_once_into_a_ucx_in_no_global_scope(
    void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=" PLUGIN, NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.out, LOADED);
    assert_string_equal(child.err, "");
}

static void without_the_shim_it_is_not(void **state)
{
    char *const environment[] = {"PEERVMA_PLUGIN=" PLUGIN, NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.out, NOT_LOADED);
}

static void a_ucx_that_loads_plugins_itself_is_left_to_it(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=/nonexistent",
                                 "FAKE_UCX_LOADS=" PLUGIN, NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.out, LOADED);
    assert_string_equal(child.err, "");
}

static void a_missing_plugin_costs_one_line_and_nothing_else(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=/nonexistent", NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.out, NOT_LOADED);
    assert_int_equal(occurrences(child.err, "\n"), 1);
    assert_non_null(strstr(child.err, "/nonexistent"));
}

static void a_missing_plugin_is_reported_once_a_node(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=/nonexistent",
                                 "OMPI_COMM_WORLD_LOCAL_RANK=3", NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.err, "");
}

static void a_refusing_plugin_leaves_ucx_as_it_was(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=" PLUGIN,
                                 "FAKE_REFUSAL=reason", NULL};
    child_t child;

    (void)state;
    host_run(environment, &child);
    assert_string_equal(child.out, NOT_LOADED);
    assert_string_equal(child.err, "");
}

static void a_ucx_of_another_name_works_without_the_plugin(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=/nonexistent", NULL};
    char mode[] = "host-renamed";
    child_t child;

    (void)state;
    host_run_as(mode, environment, &child);
    assert_string_equal(child.out, NOT_LOADED);
    assert_string_equal(child.err, "");
}

static void after_a_ucx_of_another_name_the_known_one_gets_it(void **state)
{
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=" PLUGIN, NULL};
    char mode[] = "host-both";
    child_t child;

    (void)state;
    host_run_as(mode, environment, &child);
    assert_string_equal(child.out, NOT_LOADED LOADED);
    assert_string_equal(child.err, "");
}

static void a_program_without_ucx_does_not_notice(void **state)
{
    char program[] = "/bin/echo";
    char word[] = "word";
    char *const argv[] = {program, word, NULL};
    char *const environment[] = {PRELOAD, "PEERVMA_PLUGIN=/nonexistent", NULL};
    child_t child;

    (void)state;
    child_run(argv, environment, &child);
    assert_int_equal(child.exit_code, 0);
    assert_string_equal(child.out, "word\n");
    assert_string_equal(child.err, "");
}

static void the_shim_defines_one_function_and_needs_libc_alone(void **state)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char script[] = "nm -D --defined-only " SHIM " | awk '{print $3}';"
                    "readelf -d " SHIM " | grep -o 'NEEDED.*'";
    char *const argv[] = {shell, option, script, NULL};
    child_t child;

    (void)state;
    child_run(argv, NULL, &child);
    assert_non_null(strstr(child.out, "uct_query_components\n"));
    assert_non_null(strstr(child.out, "[libc.so.6]"));
    assert_int_equal(occurrences(child.out, "\n"), 2);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            the_plugin_is_loaded_once_into_a_ucx_in_no_global_scope),
        cmocka_unit_test(without_the_shim_it_is_not),
        cmocka_unit_test(a_ucx_that_loads_plugins_itself_is_left_to_it),
        cmocka_unit_test(a_missing_plugin_costs_one_line_and_nothing_else),
        cmocka_unit_test(a_missing_plugin_is_reported_once_a_node),
        cmocka_unit_test(a_refusing_plugin_leaves_ucx_as_it_was),
        cmocka_unit_test(a_ucx_of_another_name_works_without_the_plugin),
        cmocka_unit_test(after_a_ucx_of_another_name_the_known_one_gets_it),
        cmocka_unit_test(a_program_without_ucx_does_not_notice),
        cmocka_unit_test(the_shim_defines_one_function_and_needs_libc_alone),
    };

    if ((argc > 1) && (strncmp(argv[1], "host", strlen("host")) == 0)) {
        return host(argv[1]);
    }
    return cmocka_run_group_tests_name("preload", tests, NULL, NULL);
}
