/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_bar_hold COMMAND [ARGUMENT...]: run a command while this process holds
 * an export of a BAR, but not /dev/peervma. Its exit status is the command's.
 */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bar.h"
#include "device.h"
#include "tap.h"

static int run(char **command)
{
    int status;
    pid_t pid = fork();

    tap_check(pid >= 0);
    if (pid == 0) {
        execvp(command[0], command);
        _exit(127);
    }
    tap_check_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}

int main(int argc, char **argv)
{
    void *map;
    int fd, ret;

    if (argc < 2) {
        fprintf(stderr, "usage: kernel_bar_hold COMMAND [ARGUMENT...]\n");
        return 2;
    }
    bar_begin();
    bar_policy("unbound");
    map = bar_map(bar_accel, "resource2_wc", 0, page);
    fd = bar_export(map, page);
    close(device_fd());
    ret = run(argv + 1);
    close(fd);
    munmap(map, page);
    bar_end();
    return ret;
}
