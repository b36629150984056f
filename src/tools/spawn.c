/* SPDX-License-Identifier: BSD-3-Clause */
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t child;

static void pass_on(int number)
{
    if (child > 0) {
        kill((pid_t)child, number);
    }
}

static void take_signals(pid_t pid)
{
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};

    child = pid;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    /* The terminal sends these to the command as well. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
}

/* In the child. Tells by the pipe what went wrong; success closes it. */
static void become(char *const *command, int keep_fd, int as_fd, int pipe_fd)
{
    int error;

    /* The pipe may have the wanted number. */
    if (keep_fd >= 0 && pipe_fd == as_fd) {
        pipe_fd = fcntl(pipe_fd, F_DUPFD_CLOEXEC, as_fd + 1);
    }
    if (keep_fd < 0 || (keep_fd == as_fd ? fcntl(as_fd, F_SETFD, 0)
                                         : dup2(keep_fd, as_fd)) >= 0) {
        execvp(command[0], command);
    }
    error = errno;
    if (write(pipe_fd, &error, sizeof(error)) < 0) {
        _exit(EXIT_CANNOT_RUN);
    }
    _exit(EXIT_NOT_FOUND);
}

pid_t spawn_start(char *const *command, int keep_fd, int as_fd)
{
    int ends[2], error;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    pid = fork();
    if (pid == 0) {
        become(command, keep_fd, as_fd, ends[1]);
    }
    error = errno;
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -error;
    }
    take_signals(pid);
    if (read(ends[0], &error, sizeof(error)) == (ssize_t)sizeof(error)) {
        waitpid(pid, NULL, 0);
        pid = -error;
    }
    close(ends[0]);
    return pid;
}

int spawn_wait(pid_t pid, int *status_p)
{
    while (waitpid(pid, status_p, 0) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

int spawn_exit_code(int status)
{
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int spawn_exit_code_of_error(int error)
{
    return error == -ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
}
