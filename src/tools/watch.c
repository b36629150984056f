/* SPDX-License-Identifier: BSD-3-Clause */
#include "watch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "files.h"
#include "progress.h"
#include "spawn.h"

#define INTERVAL_NS 50000000
/* Of a process tree: one that is deeper is not looked at further down. */
#define MAX_DEPTH 32

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

struct descent {
    struct explanation *explanation;
    pid_t parent;
    int depth;
};

static void look_at_children(struct explanation *explanation, pid_t parent,
                             int depth);

/* Of each thread, for each may start processes. */
static void look_at_children_of_thread(const char *name, void *arg)
{
    const struct descent *descent = arg;
    char path[PATH_MAX];
    FILE *file;
    long pid;

    path_make(path, "/proc/%ld/task/%s/children", (long)descent->parent, name);
    file = fopen(path, "re");
    if (file == NULL) {
        return;
    }
    while (fscanf(file, "%ld", &pid) == 1) {
        explain_process(descent->explanation, (pid_t)pid, 0);
        look_at_children(descent->explanation, (pid_t)pid, descent->depth + 1);
    }
    fclose(file);
}

static void look_at_children(struct explanation *explanation, pid_t parent,
                             int depth)
{
    struct descent descent = {explanation, parent, depth};
    char path[PATH_MAX];

    if (depth < MAX_DEPTH) {
        path_make(path, "/proc/%ld/task", (long)parent);
        for_each_entry(path, look_at_children_of_thread, &descent);
    }
}

/* Reap what has ended. Is the command among it? */
static bool has_ended(pid_t command, int *status_p)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == command) {
            *status_p = status;
            return true;
        }
    }
    return false;
}

static void finish(const struct watch *watch, struct explanation *explanation)
{
    progress_end();
    watch->done(explanation, watch->arg);
}

int watch_command(const struct watch *watch, char *const *command,
                  struct explanation *explanation)
{
    const struct timespec pause = {.tv_nsec = INTERVAL_NS};
    bool once = watch->after_seconds >= 0;
    bool ended, time_is_up = false;
    double start = now();
    int status = 0;
    pid_t pid;

    /* Processes whose parent has ended become this one's children. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    pid = spawn_start(command, -1, -1);
    if (pid < 0) {
        fprintf(stderr, "peervma explain: %s: %s\n", command[0],
                strerror(-pid));
        return spawn_exit_code_of_error(pid);
    }
    do {
        nanosleep(&pause, NULL);
        ended = has_ended(pid, &status);
        if (!ended) {
            if (once) {
                explain_clear(explanation);
            }
            look_at_children(explanation, getpid(), 0);
        }
        time_is_up = once && now() - start >= watch->after_seconds;
    } while (!ended && !time_is_up);
    finish(watch, explanation);

    if (!ended) {
        spawn_wait(pid, &status);
    }
    return spawn_exit_code(status);
}
