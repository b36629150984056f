/* SPDX-License-Identifier: BSD-3-Clause */
/* `peervma run`: this program is the command when its first word is "run". */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void wrong_ways_to_place_allocations_are_told_in_a_line(void **state)
{
    static const struct {
        char *option, *more;
        int exit_code;
        const char *told;
    } wrong[] = {
        {"--alloc=gpu", "true", 2, "--alloc wants"},
        {"--alloc=device:", "true", 2, "--alloc wants"},
        {"--alloc=device:-1", "true", 2, "--alloc wants"},
        {"--alloc=device:1x", "true", 2, "--alloc wants"},
        {"--alloc=device:99999999999999999999", "true", 2, "--alloc wants"},
        {"--alloc=device", "--alloc-min=4095", 2, "--alloc-min wants"},
        {"--alloc=device", "--alloc-min=0x1000", 2, "--alloc-min wants"},
        {"--alloc=device", "--alloc-min=1T", 2, "--alloc-min wants"},
        {"--alloc=device", "--alloc-min=99999999999G", 2, "--alloc-min wants"},
        {"--alloc-min=1M", "true", 2, "without --alloc"},
        {"--alloc=device:4000000000", "true", 126, "no such accelerator"},
    };
    child_t child;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); ++i) {
        run(&child, NULL, wrong[i].option, wrong[i].more, NULL);
        assert_int_equal(child.exit_code, wrong[i].exit_code);
        assert_non_null(strstr(child.err, wrong[i].told));
        assert_int_equal(occurrences(child.err, "\n"), 1);
    }
}

static void options_behind_the_command_are_its_own(void **state)
{
    child_t child;

    (void)state;
    run(&child, NULL, "echo", "--print", "--help", NULL);
    assert_string_equal(child.out, "--print --help\n");
}

/*
 * Run mpirun, a script or a link to one of another `name`, from a folder that
 * Open MPI's tools are in, behind an option or NULL.
 */
static void mpirun_run(child_t *child_p, const char *name, int with_ompi_info,
                       char *option)
{
    char folder[PATH_MAX], path[PATH_MAX + 16], link[PATH_MAX + 16];
    char *const environment[] = {path, NULL};

    folder_make(folder);
    snprintf(path, sizeof(path), "PATH=%s:/bin", folder);
    file_write(folder, name,
               "#!/bin/sh\necho \"$LD_PRELOAD,$" SETTING ",$" COMPONENT_PATH
               "\"\n",
               0755);
    snprintf(link, sizeof(link), "%s/mpirun", folder);
    assert_true((symlink(name, link) == 0) || (errno == EEXIST));
    if (with_ompi_info) {
        file_write(folder, "ompi_info", "#!/bin/sh\n", 0755);
    }
    run(child_p, environment, option != NULL ? option : "mpirun", "mpirun",
        NULL);
    folder_remove(folder);
}

static void open_mpi_s_mpirun_is_told_of_the_component_alone(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, "mpirun", 1, NULL);
    assert_int_equal(child.exit_code, 0);
    if (OMPI_MCADIR[0] == '\0') {
        assert_string_equal(child.out, ",,\n");
        assert_non_null(strstr(child.err, "without the Open MPI component"));
        return;
    }
    assert_string_equal(child.out,
                        ",," OMPI_MCADIR ":SYS_DEFAULT:USER_DEFAULT\n");
    assert_non_null(strstr(child.err, COMPONENT_PATH));
}

/* Debian 12's and earlier: mpirun is mpirun.openmpi, and that is orterun. */
static void open_mpi_4_s_mpirun_gets_nothing_but_a_line_about_it(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, "orterun", 1, NULL);
    assert_int_equal(child.exit_code, 0);
    assert_string_equal(child.out, ",,\n");
    assert_non_null(strstr(child.err, "Open MPI before 5.0"));
    assert_non_null(strstr(child.err, "mpirun ... peervma run PROGRAM"));
    assert_int_equal(occurrences(child.err, "\n"), 1);
    mpirun_run(&child, "orterun", 1, "--alloc=device");
    assert_int_equal(child.exit_code, 2);
}

static void another_mpirun_is_a_command_like_any_other(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, "mpirun", 0, NULL);
    assert_int_equal(child.exit_code, 0);
    assert_string_equal(child.out, SHIM ",any,\n");
}

static void placing_allocations_is_for_the_program_not_for_mpirun(void **state)
{
    child_t child;

    (void)state;
    mpirun_run(&child, "mpirun", 1, "--alloc=device");
    assert_int_equal(child.exit_code, 2);
    assert_string_equal(child.out, "");
    assert_non_null(
        strstr(child.err, "mpirun ... peervma run --alloc=device PROGRAM\n"));
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
        cmocka_unit_test(open_mpi_4_s_mpirun_gets_nothing_but_a_line_about_it),
        cmocka_unit_test(another_mpirun_is_a_command_like_any_other),
        cmocka_unit_test(wrong_ways_to_place_allocations_are_told_in_a_line),
        cmocka_unit_test(placing_allocations_is_for_the_program_not_for_mpirun),
    };

    if ((argc > 1) && (strcmp(argv[1], "run") == 0)) {
        return peervma_cmd_run(argc - 1, argv + 1);
    }
    return cmocka_run_group_tests_name("run", tests, NULL, NULL);
}
