/* SPDX-License-Identifier: BSD-3-Clause */
#include "explain.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tls.h"

/* Reasons of libpeervma come after these, one bit each. */
enum {
    ONCE_OUT,
    ONCE_LEFT_OUT,
    ONCE_NO_EXPORT,
    ONCE_NIC,
    ONCE_BEYOND,
    ONCE_END,
    ONCE_GONE,
    ONCE_STAGED,
    ONCE_IPC_UNREACHABLE,
    ONCE_IPC_FAILED,
    ONCE_ALONE,
    ONCE_LACKING,
    ONCE_REASON
};

/* Those that do not say why something is not zero-copy. */
#define ONCE_OTHERWISE                                                    \
    ((UINT64_C(1) << ONCE_OUT) | (UINT64_C(1) << ONCE_LEFT_OUT) |         \
     (UINT64_C(1) << ONCE_BEYOND) | (UINT64_C(1) << ONCE_END) |           \
     (UINT64_C(1) << ONCE_GONE) | (UINT64_C(1) << ONCE_IPC_UNREACHABLE) | \
     (UINT64_C(1) << ONCE_IPC_FAILED) | (UINT64_C(1) << ONCE_ALONE) |     \
     (UINT64_C(1) << ONCE_LACKING))

/* How those lines begin that do: start, end, node. */
#define NOT_ZERO_COPY                                           \
    "device memory 0x%" PRIxPTR "-0x%" PRIxPTR " on %s is not " \
    "zero-copy: "

static _Atomic uint64_t said;

/* A job's lines come from all of its nodes. */
static const char *host_name(void)
{
    static _Thread_local char name[HOST_NAME_MAX + 1];

    gethostname(name, sizeof(name) - 1);
    return name;
}

static void say_once(unsigned once, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say_once(unsigned once, const char *format, ...)
{
    uint64_t bit = UINT64_C(1) << once;
    char line[512] = "peervma: ";
    size_t used = strlen(line);
    va_list args;

    if (atomic_fetch_or(&said, bit) & bit) {
        return;
    }
    va_start(args, format);
    vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);
    used = strlen(line);
    line[used++] = '\n';
    /* One write, so that the lines of several ranks do not mix. */
    if (write(STDERR_FILENO, line, used) < 0) {
        return;
    }
}

void uct_peervma_explain_out(const char *reason)
{
    say_once(ONCE_OUT, "stays out of UCX: %s", reason);
}

void uct_peervma_explain_left_out(const char *transports)
{
    say_once(ONCE_LEFT_OUT,
             "UCX_TLS=%s leaves out " UCT_PEERVMA_COPY_TL
             ": device memory will be taken for host memory",
             transports);
}

void uct_peervma_explain_no_export(const peervma_region_t *region, int error,
                                   unsigned reason)
{
    say_once(ONCE_NO_EXPORT, NOT_ZERO_COPY "/dev/peervma: %s: %s", region->base,
             region->base + region->length, host_name(), strerror(-error),
             peervma_reason_string(reason));
}

/* The kernel's reasons are small numbers, the library's begin at 256. */
static unsigned once_for(unsigned reason)
{
    return ONCE_REASON + (reason < 256 ? reason % 32 : 32 + reason % 16);
}

void uct_peervma_explain_refused(const void *address, size_t length, int error,
                                 const peervma_refusals_t *refusals)
{
    const peervma_refusal_t *last = NULL;

    if (refusals->count > 0) {
        last = &refusals->refusal[refusals->count - 1];
    }
    say_once(
        once_for(last != NULL ? last->reason : 0), NOT_ZERO_COPY "%s%s%s (%s)",
        (uintptr_t)address, (uintptr_t)address + length, host_name(),
        (last != NULL) ? last->provider : "", (last != NULL) ? ": " : "",
        (last != NULL) ? peervma_reason_string(last->reason) : "no dma-buf",
        strerror(-error));
}

void uct_peervma_explain_nic(const peervma_region_t *region, const char *nic,
                             int error)
{
    say_once(ONCE_NIC, NOT_ZERO_COPY "the NIC %s refused its dma-buf (%s)",
             region->base, region->base + region->length, host_name(), nic,
             strerror(-error));
}

void uct_peervma_explain_beyond(const void *address, size_t length,
                                const peervma_region_t *region)
{
    uintptr_t end = region->base + region->length;

    say_once(ONCE_BEYOND,
             "refused: the buffer 0x%" PRIxPTR "-0x%" PRIxPTR " reaches %zu "
             "bytes beyond its device mapping 0x%" PRIxPTR "-0x%" PRIxPTR,
             (uintptr_t)address, (uintptr_t)address + length,
             (uintptr_t)address + length - end, region->base, end);
}

void uct_peervma_explain_end(const void *address, size_t length)
{
    say_once(ONCE_END,
             "ends the process: UCX was to copy 0x%" PRIxPTR "-0x%" PRIxPTR
             " of a buffer that reaches beyond its device mapping",
             (uintptr_t)address, (uintptr_t)address + length);
}

void uct_peervma_explain_gone(const void *address, size_t length)
{
    say_once(ONCE_GONE,
             "refused: device memory 0x%" PRIxPTR "-0x%" PRIxPTR " was "
             "unmapped while it was sent or received",
             (uintptr_t)address, (uintptr_t)address + length);
}

/* Why, for the errors that mean something of their own between processes. */
static const char *ipc_reason(int error)
{
    switch (-error) {
    case EFAULT:
        return "its driver has taken it back";
    case ESTALE:
        return "its owner has unmapped it, or is gone";
    case ERANGE:
        return "the range leaves its mapping";
    case ENXIO:
        return "its owner cannot export it";
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
        return "its owner is gone";
    case EACCES:
        return "it may not be mapped to read and write";
    case EKEYREJECTED:
        return "its owner is another user";
    case ETIMEDOUT:
        return "its owner does not answer";
    default:
        return strerror(-error);
    }
}

void uct_peervma_explain_ipc_unreachable(uint64_t address, uint64_t length,
                                         int error)
{
    say_once(ONCE_IPC_UNREACHABLE,
             "device memory 0x%" PRIx64 "-0x%" PRIx64
             " of another process is not mapped here, and goes another way: %s",
             address, address + length, ipc_reason(error));
}

void uct_peervma_explain_ipc_failed(uint64_t address, uint64_t length,
                                    int error)
{
    say_once(ONCE_IPC_FAILED,
             "failed: device memory 0x%" PRIx64 "-0x%" PRIx64
             " of another process: %s",
             address, address + length, ipc_reason(error));
}

void uct_peervma_explain_alone(void)
{
    if (atomic_load(&said) & (UINT64_C(1) << ONCE_LACKING)) {
        return; /* said with names */
    }
    say_once(ONCE_ALONE,
             "no process that UCX connected to from %s has the plugin: device "
             "memory there is taken for host memory",
             host_name());
}

void uct_peervma_explain_lacking(const char *nodes)
{
    say_once(ONCE_LACKING,
             "no plugin in processes of this job on %s: device memory there is "
             "taken for host memory, and may end the job (why: peervma doctor, "
             "there)",
             nodes);
}

void uct_peervma_explain_staged(const void *address, size_t length)
{
    if (atomic_load(&said) & ~ONCE_OTHERWISE) {
        return; /* another line has said why */
    }
    say_once(ONCE_STAGED,
             NOT_ZERO_COPY
             "UCX asked for no dma-buf: no NIC that it uses takes one, or its "
             "settings forbid it",
             (uintptr_t)address, (uintptr_t)address + length, host_name());
}
