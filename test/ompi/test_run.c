/* SPDX-License-Identifier: BSD-3-Clause */
/* `peervma run`: this program is the command when its first word is "run". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cmd_run.h"
#include "fixture.h"

#define SHIM PEERVMA_LIBDIR "/libpeervma_preload.so"
#define SETTING "OMPI_MCA_opal_common_ucx_devices"
#define COMPONENT_PATH "OMPI_MCA_opal_mca_base_component_path"

#define MAX_ARGUMENTS 8

/* peervma run ARGUMENT..., the last of which is NULL. */
static void run(child_t *child_p, char *const environment[], ...)
{
    char *argv[MAX_ARGUMENTS + 3] = {"/proc/self/exe", "run"};
    va_list arguments;
    unsigned i = 1;

    va_start(arguments, environment);
    do {
        assert_true(++i < MAX_ARGUMENTS + 3);
        argv[i] = va_arg(arguments, char *);
    } while (argv[i] != NULL);
    va_end(arguments);
    child_run(argv, environment, child_p);
}

static void print_shows_settings_with_reasons_and_runs_nothing(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "--print", "echo", "it ran", NULL);
    assert_int_equal(child.exit_code, 0);
    assert_non_null(strstr(child.out, "\n" SETTING "=any\n"));
    assert_non_null(strstr(child.out, "\nLD_PRELOAD=" SHIM "\n"));
    assert_null(strstr(child.out, "it ran"));
    assert_int_equal(occurrences(child.out, "\n"),
                     2 * occurrences(child.out, "# "));
    assert_string_equal(child.err, "");
}

static void the_command_gets_the_settings_and_the_shim(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "--", "sh", "-c", "echo $LD_PRELOAD $" SETTING, NULL);
    assert_int_equal(child.exit_code, 0);
    assert_string_equal(child.out, SHIM " any\n");
    assert_non_null(strstr(child.err, " " SETTING "=any "));
    assert_int_equal(occurrences(child.err, "\n"), 1);
}

static void the_user_s_preload_stays_behind_the_shim(void **state)
{
    char *const environment[] = {"PATH=/bin", "LD_PRELOAD=libm.so.6",
                                 "PEERVMA_QUIET=y", NULL};
    child_t child;

    (void)state;
    run(&child, environment, "sh", "-c", "echo $LD_PRELOAD", NULL);
    assert_string_equal(child.out, SHIM ":libm.so.6\n");
    assert_string_equal(child.err, "");
}

static void nested_runs_preload_the_shim_once(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "/proc/self/exe", "run", "sh", "-c", "echo $LD_PRELOAD",
        NULL);
    assert_string_equal(child.out, SHIM "\n");
    assert_int_equal(occurrences(child.err, "\n"), 1);
}

static void exit_codes_are_a_shell_s(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "sh", "-c", "exit 7", NULL);
    assert_int_equal(child.exit_code, 7);
    run(&child, NULL, "no-such-command", NULL);
    assert_int_equal(child.exit_code, 127);
    assert_non_null(strstr(child.err, "no-such-command: No such file"));
    run(&child, NULL, "/etc/passwd", NULL);
    assert_int_equal(child.exit_code, 126);
    assert_non_null(strstr(child.err, "/etc/passwd: Permission denied"));
}

static void wrong_usage_is_told(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, NULL);
    assert_int_equal(child.exit_code, 2);
    assert_int_equal(strncmp(child.err, "usage:", 6), 0);
    run(&child, NULL, "--nonsense", "true", NULL);
    assert_int_equal(child.exit_code, 2);
    run(&child, NULL, "--help", NULL);
    assert_int_equal(child.exit_code, 0);
    assert_int_equal(strncmp(child.out, "usage:", 6), 0);
}

static void options_behind_the_command_are_its_own(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "echo", "--print", "--help", NULL);
    assert_string_equal(child.out, "--print --help\n");
}

/* Run a script called mpirun from a folder that Open MPI's tools are in. */
static void mpirun_run(child_t *child_p, int with_ompi_info)
{
    char folder[PATH_MAX], path[PATH_MAX + 16];
    char *const environment[] = {path, NULL};

    folder_make(folder);
    snprintf(path, sizeof(path), "PATH=%s:/bin", folder);
    file_write(folder, "mpirun",
               "#!/bin/sh\necho \"$LD_PRELOAD,$" SETTING ",$" COMPONENT_PATH
               "\"\n",
               0755);
    if (with_ompi_info) {
        file_write(folder, "ompi_info", "#!/bin/sh\n", 0755);
    }
    run(child_p, environment, "mpirun", NULL);
    folder_remove(folder);
    assert_int_equal(child_p->exit_code, 0);
}

static void open_mpi_s_mpirun_is_told_of_the_component_alone(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, 1);
    if (OMPI_MCADIR[0] == '\0') {
        assert_string_equal(child.out, ",,\n");
        assert_non_null(strstr(child.err, "without the Open MPI component"));
        return;
    }
    assert_string_equal(child.out,
                        ",," OMPI_MCADIR ":SYS_DEFAULT:USER_DEFAULT\n");
    assert_non_null(strstr(child.err, COMPONENT_PATH));
}

static void another_mpirun_is_a_command_like_any_other(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, 0);
    assert_string_equal(child.out, SHIM ",any,\n");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(print_shows_settings_with_reasons_and_runs_nothing),
        cmocka_unit_test(the_command_gets_the_settings_and_the_shim),
        cmocka_unit_test(the_user_s_preload_stays_behind_the_shim),
        cmocka_unit_test(nested_runs_preload_the_shim_once),
        cmocka_unit_test(exit_codes_are_a_shell_s),
        cmocka_unit_test(wrong_usage_is_told),
        cmocka_unit_test(options_behind_the_command_are_its_own),
        cmocka_unit_test(open_mpi_s_mpirun_is_told_of_the_component_alone),
        cmocka_unit_test(another_mpirun_is_a_command_like_any_other),
    };

    if ((argc > 1) && (strcmp(argv[1], "run") == 0)) {
        return peervma_cmd_run(argc - 1, argv + 1);
    }
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
