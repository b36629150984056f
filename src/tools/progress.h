/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the program is at, for whoever waits: one line on standard error that
 * overwrites itself, and nothing at all where that is no terminal.
 */
#ifndef PEERVMA_TOOLS_PROGRESS_H
#define PEERVMA_TOOLS_PROGRESS_H

void progress_say(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Take the line away, before anything else is printed. */
void progress_end(void);

#endif
