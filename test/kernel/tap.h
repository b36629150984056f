/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests that print TAP. A test is a function; the first check in it that does
 * not hold ends it, with a line that says where and why.
 *
 * Checks are for the thread that runs the test. After a failed one descriptors
 * that the test opened are closed, so that it fails no other one; what else it
 * leaves to the next ones and to other programs, it has undone by tap_at_end().
 */
#ifndef TAP_H
#define TAP_H

#include <stdbool.h>

typedef struct tap_test {
    const char *name; /* the claim, as a sentence */
    void (*run)(void);
} tap_test_t;

#define tap_check(condition)                                     \
    do {                                                         \
        if (!(condition))                                        \
            tap_fail(__FILE__, __LINE__, "not so: " #condition); \
    } while (0)

#define tap_check_equal(actual, expected)                                \
    tap_check_equal_at(__FILE__, __LINE__, #actual, (long long)(actual), \
                       (long long)(expected))

/* End the test as failed; outside of a test, the program. */
__attribute__((noreturn, format(printf, 3, 4))) void tap_fail(
    const char *file, int line, const char *format, ...);

void tap_check_equal_at(const char *file, int line, const char *what,
                        long long actual, long long expected);

/*
 * Have `undo` called when the running test ends, however it ends: the last one
 * first, and once, however often it is asked for. It may check. Returns false
 * outside of a test: the program's end is its own matter.
 */
bool tap_at_end(void (*undo)(void *), void *arg);

/* A descriptor that is opened once, for this test and those after it. */
void tap_keep(int fd);

#define tap_count(array) (sizeof(array) / sizeof((array)[0]))

/* Run all tests; returns main()'s exit status. */
int tap_main(const tap_test_t *tests, unsigned count);

#endif
