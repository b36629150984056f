/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TOOLS_COMMANDS_H
#define PEERVMA_TOOLS_COMMANDS_H

/* Exit codes beside EXIT_SUCCESS and EXIT_FAILURE. */
#define EXIT_USAGE 2   /* wrong usage */
#define EXIT_NOTHING 3 /* what was asked for is not there */

/*
 * The subcommands. argv[0] is the subcommand's name. They return the exit code
 * and write to stdout, errors to stderr.
 */
int peervma_cmd_list(int argc, char **argv);
int peervma_cmd_check(int argc, char **argv);
int peervma_cmd_doctor(int argc, char **argv);
int peervma_cmd_explain(int argc, char **argv);
int peervma_cmd_export(int argc, char **argv);

#endif
