/* SPDX-License-Identifier: BSD-3-Clause */
/* A command that is run and waited for. */
#ifndef PEERVMA_TOOLS_SPAWN_H
#define PEERVMA_TOOLS_SPAWN_H

#include <sys/types.h>

/* What a shell returns for a command that can't be run, or is not there. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND 127

/*
 * Start a command, found through PATH. `keep_fd`: a descriptor that it gets as
 * number `as_fd`; -1: none. From now on this process leaves SIGINT and SIGQUIT
 * to it and passes SIGTERM and SIGHUP on. Its process number, or -errno.
 */
pid_t spawn_start(char *const *command, int keep_fd, int as_fd);

/* Wait for it. 0 or -errno. */
int spawn_wait(pid_t pid, int *status_p);

/* The exit code for what waitpid() gave: 128 + N for signal N. */
int spawn_exit_code(int status);

/* The exit code for a command that could not be started with -errno. */
int spawn_exit_code_of_error(int error);

#endif
