/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UCX_TLS and UCX_NET_DEVICES of the environment and of UCX's files, which UCX
 * reads once a process: this program starts itself anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "selection.h"

static char folder[] = "/tmp/peervma-test-XXXXXX";

static int print_selection(void)
{
    uct_peervma_selection_t selection;

    if (uct_peervma_selection_read(&selection) != UCS_OK) {
        return EXIT_FAILURE;
    }
    printf("%s %s", selection.transports, selection.net_devices);
    uct_peervma_selection_release(&selection);
    return EXIT_SUCCESS;
}

static void expect(const char *environment, const char *expected)
{
    char command[256], path[128], line[128] = "";
    ssize_t length;
    FILE *output;

    length = readlink("/proc/self/exe", path, sizeof(path) - 1);
    assert_in_range(length, 1, sizeof(path) - 1);
    path[length] = '\0';
    snprintf(command, sizeof(command),
             "env -u UCX_TLS -u UCX_NET_DEVICES UCX_CONFIG_DIR=%s %s %s print",
             folder, environment, path);
    output = popen(command, "r");
    assert_non_null(output);
    assert_true((fgets(line, sizeof(line), output) != NULL) || feof(output));
    assert_int_equal(pclose(output), 0);
    assert_string_equal(line, expected);
}

static void write_file(const char *content)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/ucx.conf", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void by_itself_it_is_all(void **state)
{
    (void)state;
    expect("", "all all");
}

static void what_a_file_says_counts(void **state)
{
    (void)state;
    write_file("UCX_TLS=rc,self\nUCX_NET_DEVICES=mlx5_0:1\n");
    expect("", "rc,self mlx5_0:1");
}

static void the_environment_goes_before_the_file(void **state)
{
    (void)state;
    write_file("UCX_TLS=rc,self\nUCX_NET_DEVICES=mlx5_0:1\n");
    expect("UCX_TLS=^tcp", "^tcp mlx5_0:1");
    expect("UCX_NET_DEVICES=mlx5_1:1", "rc,self mlx5_1:1");
}

static int make_folder(void **state)
{
    (void)state;
    return (mkdtemp(folder) == NULL) ? -1 : 0;
}

static int remove_folder(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/ucx.conf", folder);
    unlink(path);
    return rmdir(folder);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_itself_it_is_all),
        cmocka_unit_test(what_a_file_says_counts),
        cmocka_unit_test(the_environment_goes_before_the_file),
    };

    if ((argc == 2) && (strcmp(argv[1], "print") == 0)) {
        return print_selection();
    }
    return cmocka_run_group_tests_name("selection", tests, make_folder,
                                       remove_folder);
}
