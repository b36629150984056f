/* SPDX-License-Identifier: BSD-3-Clause */
#include "account.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "device.h"
#include "tap.h"

#define TRACING "/sys/kernel/tracing"
#define INSTANCE TRACING "/instances/peervma_test"

unsigned long counter(const char *name)
{
    char path[128], line[32];

    snprintf(path, sizeof(path), ACCOUNT_SYSFS "%s", name);
    read_line(path, line, sizeof(line));
    return strtoul(line, NULL, 10);
}

static void trace_undo(void *arg)
{
    rmdir(arg);
}

void trace_begin(const char *events)
{
    static char instance[] = INSTANCE;

    if (access(TRACING "/instances", F_OK) != 0)
        tap_check_equal(mount("tracefs", TRACING, "tracefs", 0, NULL), 0);
    if (mkdir(INSTANCE, 0700) != 0)
        tap_fail(__FILE__, __LINE__, "%s: %s", INSTANCE, strerror(errno));
    tap_at_end(trace_undo, instance);
    write_line(INSTANCE "/set_event", events);
}

unsigned trace_end(char *line, size_t size)
{
    char other[1024];
    unsigned count = 0;
    FILE *file;

    write_line(INSTANCE "/events/enable", "0");
    file = fopen(INSTANCE "/trace", "re");
    tap_check(file != NULL);
    line[0] = '\0';
    while (fgets(other, sizeof(other), file) != NULL)
        if (other[0] != '#') {
            snprintf(line, size, "%s", other);
            count++;
        }
    fclose(file);
    tap_check_equal(rmdir(INSTANCE), 0);
    return count;
}

void check_event(const char *line, const char *expected)
{
    if (strstr(line, expected) == NULL)
        tap_fail(__FILE__, __LINE__, "no \"%s\" in %s", expected, line);
}
