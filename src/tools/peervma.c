/* SPDX-License-Identifier: BSD-3-Clause */
/* The command `peervma`: finds the subcommand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd_run.h"
#include "commands.h"
#include "peervma.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"list", peervma_cmd_list, "accelerators, NICs and the kernel module"},
    {"check", peervma_cmd_check, "try each accelerator with each NIC"},
    {"doctor", peervma_cmd_doctor, "what keeps zero-copy from working"},
    {"explain", peervma_cmd_explain, "device memory that a process has mapped"},
    {"export", peervma_cmd_export, "a dma-buf to look at and to try out"},
    {"run", peervma_cmd_run, "run a program whose UCX knows device memory"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_usage(FILE *stream)
{
    size_t i;

    fputs("usage: peervma COMMAND [ARGUMENT...]\n\n", stream);
    for (i = 0; i < COMMANDS; i++) {
        fprintf(stream, "  %-8s %s\n", commands[i].name, commands[i].summary);
    }
    fputs("\npeervma COMMAND --help tells more; peervma --version.\n", stream);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    size_t i;

    if (strcmp(name, "--version") == 0) {
        printf("peervma %s\n", peervma_version_string());
        return EXIT_SUCCESS;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    for (i = 0; i < COMMANDS; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }

    if (argc > 1) {
        fprintf(stderr, "peervma: no command '%s'\n", name);
    }
    print_usage(stderr);
    return EXIT_USAGE;
}
