/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TOOLS_CMD_RUN_H
#define PEERVMA_TOOLS_CMD_RUN_H

/**
 * `peervma run [OPTION...] [--] COMMAND [ARGUMENT...]`. Becomes COMMAND, unless
 * that can't be run, or its allocations can't be placed as --alloc says.
 *
 * @param [in] argv  argv[0] is the subcommand's name.
 *
 * @return The exit code: 0 after --print or --help, 2 for wrong usage, 126 or
 *         127 as a shell has it if COMMAND can't be run or is not found.
 */
int peervma_cmd_run(int argc, char **argv);

#endif
