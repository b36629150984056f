/* SPDX-License-Identifier: BSD-3-Clause */
/* Standard output, where it belongs to a command that is run. */
#ifndef PEERVMA_TOOLS_OUTPUT_H
#define PEERVMA_TOOLS_OUTPUT_H

/* What is printed to stdout goes to `fd`, until it is restored. */
int output_divert(int fd);
void output_restore(int saved);

#endif
