/* SPDX-License-Identifier: BSD-3-Clause */
/* The device memory that processes have mapped, as a table. */
#ifndef PEERVMA_TOOLS_EXPLAIN_H
#define PEERVMA_TOOLS_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "outlook.h"
#include "table.h"

struct seen; /* a mapping that is in the table */

struct explanation {
    struct outlook outlook; /* of the process looked at last */
    struct table table;
    struct seen *seen;
    pid_t pid;
};

void explain_begin(struct explanation *explanation_p);
void explain_end(struct explanation *explanation);

/* Forget what is in the table. */
void explain_clear(struct explanation *explanation);

/*
 * Add the mapping at `address`, or all if that is 0, of a process. Of those
 * that are in the table already only what UCX will do is looked at anew. 0 or
 * -errno.
 */
int explain_process(struct explanation *explanation, pid_t pid,
                    uintptr_t address);

/* With the process numbers or without, as JSON or for people. */
void explain_print(const struct explanation *explanation, bool pids, bool json);

#endif
