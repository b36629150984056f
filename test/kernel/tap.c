/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MAX_UNDOS 16
#define MAX_FDS 1024

struct undo {
    void (*run)(void *);
    void *arg;
};

static jmp_buf tap_end;
static bool tap_running;
static pid_t tap_process;
static struct undo undos[MAX_UNDOS];
static unsigned undo_count;
static bool fd_kept[MAX_FDS]; /* open before the test, or by tap_keep() */

void tap_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("# %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    if (!tap_running) {
        printf("Bail out!\n");
        exit(1);
    }
    /* A child of the test, which is not to go on with the others. */
    if (getpid() != tap_process)
        _exit(1);
    longjmp(tap_end, 1);
}

void tap_check_equal_at(const char *file, int line, const char *what,
                        long long actual, long long expected)
{
    if (actual != expected)
        tap_fail(file, line, "%s is %lld (%#llx), not %lld (%#llx)", what,
                 actual, actual, expected, expected);
}

bool tap_at_end(void (*undo)(void *), void *arg)
{
    unsigned i;

    if (!tap_running)
        return false;
    for (i = 0; i < undo_count; i++)
        if (undos[i].run == undo && undos[i].arg == arg)
            return true;
    tap_check(undo_count < MAX_UNDOS);
    undos[undo_count++] = (struct undo){.run = undo, .arg = arg};
    return true;
}

void tap_keep(int fd)
{
    tap_check(fd >= 0 && fd < MAX_FDS);
    fd_kept[fd] = true;
}

static void fds_note(void)
{
    int fd;

    for (fd = 0; fd < MAX_FDS; fd++)
        fd_kept[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void fds_close_new(void)
{
    int fd;

    for (fd = 0; fd < MAX_FDS; fd++)
        if (!fd_kept[fd])
            close(fd);
}

/* Whether no check failed. */
static bool holds(void (*run)(void *), void *arg)
{
    if (setjmp(tap_end) != 0)
        return false;
    run(arg);
    return true;
}

static void run_test(void *arg)
{
    const tap_test_t *test = arg;

    test->run();
}

static bool test_holds(const tap_test_t *test)
{
    struct undo undo;
    bool good;

    fds_note();
    good = holds(run_test, (void *)(uintptr_t)test);
    while (undo_count > 0) {
        undo = undos[--undo_count];
        good = holds(undo.run, undo.arg) && good;
    }
    if (!good)
        fds_close_new();
    return good;
}

int tap_main(const tap_test_t *tests, unsigned count)
{
    unsigned failed = 0, i;
    bool good;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%u\n", count);
    tap_process = getpid();
    tap_running = true;
    for (i = 0; i < count; i++) {
        good = test_holds(&tests[i]);
        printf("%s %u - %s\n", good ? "ok" : "not ok", i + 1, tests[i].name);
        failed += !good;
    }
    tap_running = false;
    return failed != 0;
}
