/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * To be preloaded: the allocation number FAIL_ALLOC, counted from 1, that the
 * plugin or its library asks for fails, with a line on standard error.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static int is_failing(const void *caller)
{
    static const char line[] = "an allocation failed\n";
    static atomic_long count;
    static long failing = -1;
    Dl_info info;

    if (failing < 0) {
        const char *text = getenv("FAIL_ALLOC");

        failing = (text != NULL) ? strtol(text, NULL, 10) : 0;
    }
    if ((failing == 0) || (dladdr(caller, &info) == 0) ||
        (strstr(info.dli_fname, "peervma") == NULL) ||
        (strstr(info.dli_fname, ".so") == NULL)) {
        return 0;
    }
    if (atomic_fetch_add(&count, 1) + 1 != failing) {
        return 0;
    }
    if (write(STDERR_FILENO, line, sizeof(line) - 1) < 0) {
        _exit(3);
    }
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size)
{
    return is_failing(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_failing(__builtin_return_address(0)) ? NULL
                                                   : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    return is_failing(__builtin_return_address(0))
               ? NULL
               : __libc_realloc(memory, size);
}
