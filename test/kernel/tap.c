/* SPDX-License-Identifier: BSD-3-Clause */
#include "tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf tap_end;
static bool tap_running;

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
    longjmp(tap_end, 1);
}

void tap_check_equal_at(const char *file, int line, const char *what,
                        long long actual, long long expected)
{
    if (actual != expected)
        tap_fail(file, line, "%s is %lld (%#llx), not %lld (%#llx)", what,
                 actual, actual, expected, expected);
}

int tap_main(const tap_test_t *tests, unsigned count)
{
    volatile unsigned failed = 0;
    volatile unsigned i;

    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("1..%u\n", count);
    tap_running = true;
    for (i = 0; i < count; i++) {
        if (setjmp(tap_end) == 0) {
            tests[i].run();
            printf("ok %u - %s\n", i + 1, tests[i].name);
        } else {
            printf("not ok %u - %s\n", i + 1, tests[i].name);
            failed++;
        }
    }
    tap_running = false;
    return failed != 0;
}
