/* SPDX-License-Identifier: BSD-3-Clause */
#include "output.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int output_divert(int fd)
{
    int saved;

    fflush(stdout);
    saved = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    dup2(fd, STDOUT_FILENO);
    return saved;
}

void output_restore(int saved)
{
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
}
