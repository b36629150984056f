/* SPDX-License-Identifier: BSD-3-Clause */
/* Looks at a command's processes while they run. */
#ifndef PEERVMA_TOOLS_WATCH_H
#define PEERVMA_TOOLS_WATCH_H

#include "explain.h"

struct watch {
    /* -1: look all the time, and keep each mapping seen. Else: keep what is
     * there after so many seconds, or, if the command ends sooner, was there
     * when it was last looked at. */
    double after_seconds;
    /* Called once, when all is in the table. */
    void (*done)(struct explanation *explanation, void *arg);
    void *arg;
};

/*
 * Run a command, look at it and the processes that it starts, and wait for it.
 * The exit code: the command's.
 */
int watch_command(const struct watch *watch, char *const *command,
                  struct explanation *explanation);

#endif
