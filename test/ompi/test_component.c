/* SPDX-License-Identifier: BSD-3-Clause */
/* The Open MPI component, asked as Open MPI's accelerator framework does. */
#include <dlfcn.h>
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
#include "mca.h"

#define PLUGIN "PEERVMA_PLUGIN=" FAKE_LIBDIR "/libuct_peervma.so.0"
#define SETTING "OMPI_MCA_opal_common_ucx_devices"

static char self[] = "/proc/self/exe";

static const peervma_mca_accelerator_t *component_load(void **library_p)
{
    *library_p = dlopen(OMPI_LIBDIR "/mca_accelerator_peervma.so",
                        RTLD_NOW | RTLD_LOCAL);
    if (*library_p == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        exit(98);
    }
    return dlsym(*library_p, "mca_accelerator_peervma_component");
}

/* What a rank does: initialize, and unload the component as not selected. */
static int rank(int with_ucx)
{
    int (*count)(void) = with_ucx ? fake_ucx_load() : NULL;
    const char *setting;
    void *library, *module;

    module = component_load(&library)->accelerator_init();
    dlclose(library);
    setting = getenv(SETTING);
    printf("module %d, components %d, setting %s\n", module != NULL,
           (count != NULL) ? count() : -1,
           (setting != NULL) ? setting : "none");
    return EXIT_SUCCESS;
}

static void rank_run(const char *mode, char *const environment[],
                     child_t *child_p)
{
    char argument[16];
    char *const argv[] = {self, argument, NULL};

    strcpy(argument, mode);
    child_run(argv, environment, child_p);
    assert_int_equal(child_p->exit_code, 0);
}

static void open_mpi_5_0_takes_it_for_an_accelerator(void **state)
{
    const peervma_mca_component_t *base;
    void *library;

    (void)state;
    base = &component_load(&library)->base_version;
    assert_int_equal(base->mca_version.major, 2);
    assert_int_equal(base->mca_version.minor, 1);
    assert_string_equal(base->type_name, "accelerator");
    assert_string_equal(base->component_name, "peervma");
    dlclose(library);
}

static void it_loads_the_plugin_sets_settings_and_stands_aside(void **state)
{
    char *const environment[] = {PLUGIN, NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 1, setting any\n");
    assert_non_null(strstr(child.err, " " SETTING "=any "));
    assert_int_equal(occurrences(child.err, "\n"), 1);
}

static void other_ranks_are_silent(void **state)
{
    char *const environment[] = {PLUGIN, "PMIX_RANK=1", NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 1, setting any\n");
    assert_string_equal(child.err, "");
}

static void without_ucx_it_does_nothing(void **state)
{
    char *const environment[] = {PLUGIN, NULL};
    child_t child;

    (void)state;
    rank_run("no-ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components -1, setting none\n");
    assert_string_equal(child.err, "");
}

static void with_another_layer_than_ucx_s_it_does_nothing(void **state)
{
    char *const environment[] = {PLUGIN, "OMPI_MCA_pml=ob1", NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 0, setting none\n");
    assert_string_equal(child.err, "");
}

static void without_the_plugin_it_sets_nothing(void **state)
{
    char *const environment[] = {"PEERVMA_PLUGIN=/nonexistent", NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 0, setting none\n");
    assert_int_equal(occurrences(child.err, "\n"), 1);
}

static void if_the_plugin_refuses_this_ucx_it_sets_nothing(void **state)
{
    char *const environment[] = {PLUGIN, "FAKE_REFUSAL=reason", NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 0, setting none\n");
}

static void settings_can_be_off_and_the_plugin_on(void **state)
{
    char *const environment[] = {PLUGIN, "PEERVMA_SETTINGS=n", NULL};
    child_t child;

    (void)state;
    rank_run("ucx", environment, &child);
    assert_string_equal(child.out, "module 0, components 1, setting none\n");
    assert_string_equal(child.err, "");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(open_mpi_5_0_takes_it_for_an_accelerator),
        cmocka_unit_test(it_loads_the_plugin_sets_settings_and_stands_aside),
        cmocka_unit_test(other_ranks_are_silent),
        cmocka_unit_test(without_ucx_it_does_nothing),
        cmocka_unit_test(with_another_layer_than_ucx_s_it_does_nothing),
        cmocka_unit_test(without_the_plugin_it_sets_nothing),
        cmocka_unit_test(if_the_plugin_refuses_this_ucx_it_sets_nothing),
        cmocka_unit_test(settings_can_be_off_and_the_plugin_on),
    };

    if (argc > 1) {
        return rank(strcmp(argv[1], "ucx") == 0);
    }
    return cmocka_run_group_tests_name("component", tests, NULL, NULL);
}
