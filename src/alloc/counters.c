/* SPDX-License-Identifier: BSD-3-Clause */
#include "counters.h"

#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc.h"

static const char *node;
static bool stats; /* print them in any case */
static struct stat stderr_file;

static _Atomic uint64_t device_buffers, device_bytes, host_buffers, host_bytes;
static _Atomic int first_reason;

void counters_add_device(size_t bytes)
{
    atomic_fetch_add(&device_buffers, 1);
    atomic_fetch_add(&device_bytes, bytes);
}

void counters_add_host(size_t bytes)
{
    atomic_fetch_add(&host_buffers, 1);
    atomic_fetch_add(&host_bytes, bytes);
}

void counters_set_reason(int reason)
{
    int none = 0;

    atomic_compare_exchange_strong(&first_reason, &none, reason);
}

void counters_reset(void)
{
    device_buffers = device_bytes = host_buffers = host_bytes = 0;
    first_reason = 0;
}

void counters_start(const char *device_node)
{
    const char *setting = getenv(ALLOC_ENV_STATS);

    node = device_node;
    stats = setting != NULL && (*setting == 'y' || *setting == '1');
    if (fstat(STDERR_FILENO, &stderr_file) != 0) {
        stderr_file.st_ino = 0;
    }
}

/* Not by stdio, which allocates and may be closed by now. */
void counters_say(const char *format, ...)
{
    struct stat now;
    char line[512];
    va_list arguments;
    int length;

    if (fstat(STDERR_FILENO, &now) != 0 || now.st_dev != stderr_file.st_dev ||
        now.st_ino != stderr_file.st_ino) {
        return;
    }
    va_start(arguments, format);
    length = vsnprintf(line, sizeof(line), format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof(line)) {
        length = sizeof(line) - 1;
    }
    if (write(STDERR_FILENO, line, (size_t)length) < 0) {
        return;
    }
}

__attribute__((destructor)) static void counters_print(void)
{
    char host[HOST_NAME_MAX + 1] = "";

    if (stats && (device_buffers > 0 || host_buffers > 0)) {
        gethostname(host, sizeof(host) - 1);
        counters_say("peervma: alloc host=%s pid=%d node=%s "
                     "device_buffers=%ju device_bytes=%ju host_buffers=%ju "
                     "host_bytes=%ju\n",
                     host, (int)getpid(), node, (uintmax_t)device_buffers,
                     (uintmax_t)device_bytes, (uintmax_t)host_buffers,
                     (uintmax_t)host_bytes);
    }
    if (host_buffers > 0) {
        counters_say(
            "peervma: %ju of %ju large allocations, %ju of %ju bytes, "
            "stayed in host memory: %s: %s\n",
            (uintmax_t)host_buffers, (uintmax_t)(host_buffers + device_buffers),
            (uintmax_t)host_bytes, (uintmax_t)(host_bytes + device_bytes), node,
            strerror(-first_reason));
    }
}
