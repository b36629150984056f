/* SPDX-License-Identifier: BSD-3-Clause */
#include "progress.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#define CLEAR_LINE "\r\033[K"

static bool shown;

void progress_say(const char *format, ...)
{
    va_list args;

    if (!isatty(STDERR_FILENO)) {
        return;
    }
    fputs(CLEAR_LINE, stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fflush(stderr);
    shown = true;
}

void progress_end(void)
{
    if (shown) {
        fputs(CLEAR_LINE, stderr);
        fflush(stderr);
        shown = false;
    }
}
