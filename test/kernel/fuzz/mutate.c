/* SPDX-License-Identifier: BSD-3-Clause */
#include "mutate.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/peervma.h>

#include "calls.h"
#include "device.h"
#include "expect.h"

#define CANARY 0xa5

uint8_t *fuzz_contended;

/* An ioctl, the shortest structure it takes and the one it knows. */
typedef struct command {
    unsigned request;
    uint32_t shortest;
    uint32_t known;
} command_t;

static const command_t commands[] = {
    {PEERVMA_IOC_INFO, PEERVMA_INFO_SIZE_VER0, sizeof(struct peervma_info)},
    {PEERVMA_IOC_QUERY, PEERVMA_QUERY_SIZE_VER0, sizeof(struct peervma_query)},
    {PEERVMA_IOC_EXPORT, PEERVMA_EXPORT_SIZE_VER0,
     sizeof(struct peervma_export)},
};

static const command_t *random_command(worker_t *worker)
{
    return &commands[below(worker, sizeof(commands) / sizeof(commands[0]))];
}

/* Beginnings that all three structures have in common; then zeros. */
typedef struct head {
    uint32_t size;
    uint32_t flags;
    uint64_t addr;
    uint64_t length;
} head_t;

/*
 * A structure of `size` bytes, of an address with nothing to export, so that no
 * descriptor comes of it; behind it canaries, or memory that cannot be read.
 */
static uint8_t *argument_fill(worker_t *worker, uint32_t size)
{
    const size_t room = 2 * page;
    const size_t used = size < sizeof(head_t) ? sizeof(head_t) : size;
    const bool at_end = size >= sizeof(head_t) && one_in(worker, 2);
    uint8_t *at = worker->argument + (at_end ? room - used : page - 512);
    const head_t head = {
        .size = size,
        .addr = expect_special(worker),
        .length = page,
    };

    memset(worker->argument, CANARY, room);
    memset(at, 0, used);
    memcpy(at, &head, sizeof(head));
    return at;
}

/* Whether only bytes [0, length) of the structure were written. */
static bool only_written(const worker_t *worker, const uint8_t *before,
                         const uint8_t *at, size_t length)
{
    const size_t first = (size_t)(at - worker->argument);

    return memcmp(worker->argument, before, first) == 0 &&
           memcmp(at + length, before + first + length,
                  2 * page - first - length) == 0;
}

/* Call; the errno must be `error`, and nothing beyond `written` changed. */
static void call_checked(worker_t *worker, const command_t *command,
                         uint8_t *at, int error, size_t written,
                         const char *what)
{
    uint8_t before[2 * 4096];
    int actual;

    memcpy(before, worker->argument, sizeof(before));
    actual = call_raw(worker, command->request, at);
    if (actual != error)
        complain(worker, "%#x with %s: errno %d, not %d", command->request,
                 what, actual, error);
    else if (!only_written(worker, before, at, written))
        complain(worker, "%#x with %s: wrote beyond byte %zu", command->request,
                 what, written);
}

/* What a call about the address in the argument comes to. */
static int error_of(const worker_t *worker, const command_t *command,
                    const uint8_t *at)
{
    const head_t *head = (const head_t *)at;

    if (command->request == PEERVMA_IOC_INFO)
        return head->flags != 0 ? EINVAL : 0;
    if (command->request == PEERVMA_IOC_QUERY)
        return expect_query(worker, head->addr, head->flags).error;
    return expect_export(worker, head->addr, head->length, head->flags).error;
}

static void mutate_size(worker_t *worker)
{
    const command_t *command = random_command(worker);
    uint32_t size = 4 + below(worker, 4093);
    uint8_t *at;

    if (one_in(worker, 2))
        size = command->shortest - 8 + below(worker, 64);
    at = argument_fill(worker, size);
    if (size < command->shortest)
        call_checked(worker, command, at, EINVAL, 0, "a short structure");
    else
        call_checked(worker, command, at, error_of(worker, command, at),
                     size < command->known ? size : command->known,
                     "another size");
}

static void mutate_tail(worker_t *worker)
{
    const command_t *command = random_command(worker);
    const uint32_t size = command->known + 1 + below(worker, 3000);
    uint8_t *at = argument_fill(worker, size);

    at[command->known + below(worker, size - command->known)] =
        (uint8_t)(1 + below(worker, 255));
    call_checked(worker, command, at, E2BIG, 0, "unknown fields");
}

static void mutate_huge(worker_t *worker)
{
    const command_t *command = random_command(worker);
    uint8_t *at = argument_fill(worker, sizeof(head_t));
    const uint32_t size =
        one_in(worker, 2) ? (uint32_t)page + 1 : ~below(worker, 1U << 31);

    memcpy(at, &size, sizeof(size));
    call_checked(worker, command, at, E2BIG, 0, "a huge structure");
}

static void mutate_flags(worker_t *worker)
{
    const command_t *command = random_command(worker);
    uint8_t *at = argument_fill(worker, command->known);

    ((head_t *)at)->flags = 1U << below(worker, 32);
    call_checked(worker, command, at, EINVAL, command->known, "a flag");
}

/* Any other number, direction or size of the ioctl itself. */
static void mutate_number(worker_t *worker)
{
    command_t command = *random_command(worker);
    uint8_t *at = argument_fill(worker, command.known);

    if (one_in(worker, 2))
        command.request ^= (1 + below(worker, 0xffff)) << 16;
    else
        command.request = _IO(PEERVMA_IOC_TYPE, 3 + below(worker, 253));
    count(worker, COUNT_UNKNOWN);
    call_checked(worker, &command, at, ENOTTY, 0, "an unknown number");
}

/* Where there is nothing, or no structure, or nothing to be written. */
static void mutate_place(worker_t *worker)
{
    const command_t *command = random_command(worker);
    const uint64_t kernel = 0xffffffff81000000;
    uint8_t *at;
    int error;

    switch (below(worker, 5)) {
    case 0: /* its end is beyond what is mapped */
        at = worker->argument + 2 * page - 4 - below(worker, 16);
        memcpy(at, &command->known, 4);
        break;
    case 1:
        at = (uint8_t *)(kernel + (stream_next(&worker->random) & 0xffffff));
        break;
    case 2: /* an export that cannot be told to the caller */
        command = &commands[2];
        at = worker->read_only;
        break;
    default: /* an arena, where each structure's size is zero */
        at = (uint8_t *)(one_in(worker, 2) ? random_own(worker)
                                           : random_shared(worker));
        break;
    }
    error = call_raw(worker, command->request, at);
    if (error == EFAULT)
        return;
    if (error != EINVAL || (uintptr_t)at >= kernel || at == worker->read_only)
        complain(worker, "%#x at %p: errno %d", command->request, (void *)at,
                 error);
}

void call_mutated(worker_t *worker)
{
    static void (*const mutations[])(worker_t *) = {
        mutate_size,  mutate_tail,   mutate_huge,
        mutate_flags, mutate_number, mutate_place,
    };

    mutations[below(worker, sizeof(mutations) / sizeof(mutations[0]))](worker);
}

/* All its fields but the results are overwritten while the kernel reads them.
 */
void call_contended(worker_t *worker)
{
    const command_t *command = &commands[1 + below(worker, 2)];
    volatile head_t *head = (volatile head_t *)fuzz_contended;
    int error;

    head->size = command->known + (one_in(worker, 2) ? below(worker, 64) : 0);
    head->flags = one_in(worker, 4);
    head->addr = expect_special(worker);
    head->length = page << below(worker, 4);
    error = call_raw(worker, command->request, fuzz_contended);
    switch (error) {
    case EINVAL:
    case E2BIG:
    case EOVERFLOW:
    case ENXIO:
    case ENODEV:
    case ERANGE:
        break;
    default:
        complain(worker, "%#x under change: errno %d", command->request, error);
    }
}
