/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The module's counters, and the kernel's tracepoints. What these functions
 * need and do not get fails the running test.
 */
#ifndef ACCOUNT_H
#define ACCOUNT_H

#include <stddef.h>

#define ACCOUNT_SYSFS "/sys/class/misc/peervma/"

/* A counter, by its path in there. */
unsigned long counter(const char *name);

/* Trace some events of all processes, such as "peervma:*". */
void trace_begin(const char *events);

/* How many events there were since; the last one's line. */
unsigned trace_end(char *line, size_t size);

/* Check that the line contains that. */
void check_event(const char *line, const char *expected);

#endif
