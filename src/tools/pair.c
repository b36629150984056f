/* SPDX-License-Identifier: BSD-3-Clause */
#include "pair.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pair_why.h"
#include "refusal.h"
#include "test_buffer.h"

/* A direction is repeated until this much time was spent in transfers. */
#define ENOUGH_SECONDS 0.2
#define MIN_ROUNDS 2
#define MAX_ROUNDS 64

struct pair {
    peervma_context_t *context;
    const struct accelerator *accelerator;
    const struct nic *nic;
    size_t size;
    enum pair_depth depth;
    struct test_buffer buffer;
    peervma_export_t export;
    struct pair_result *result;
};

static void say_why(struct pair *pair, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void say_why(struct pair *pair, const char *format, ...)
{
    va_list args;

    if (pair->result->why[0] == '\0') {
        va_start(args, format);
        vsnprintf(pair->result->why, PAIR_WHY, format, args);
        va_end(args);
    }
}

static void say_not_exported(struct pair *pair, int error,
                             const peervma_refusals_t *refusals)
{
    char text[PAIR_WHY] = "";
    unsigned i;

    for (i = 0; i < refusals->count; i++) {
        /* True of every buffer here: says nothing. */
        if (refusals->refusal[i].reason != PEERVMA_REASON_NOT_DMABUF) {
            refusal_append(text, sizeof(text), &refusals->refusal[i]);
        }
    }
    say_why(pair, "not exported: %s",
            text[0] != '\0' ? text : strerror(-error));
}

/* Byte `i` of round `seed`: old bytes never pass for new ones. */
static void fill(uint8_t *bytes, size_t length, uint32_t seed)
{
    uint32_t state = seed * 2654435761U + 1;
    size_t i;

    for (i = 0; i < length; i++) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

/* The CPU's side of the device buffer: to it from `bytes`, or from it. */
static int copy(struct pair *pair, unsigned access, void *bytes)
{
    peervma_access_t cpu;
    int ret;

    ret = peervma_access_begin(pair->context, pair->buffer.ptr, pair->size,
                               access, &cpu);
    if (ret != 0) {
        return ret;
    }
    if (access == PEERVMA_ACCESS_WRITE) {
        peervma_copy_to_device(pair->buffer.ptr, bytes, pair->size);
    } else {
        peervma_copy_from_device(bytes, pair->buffer.ptr, pair->size);
    }
    return peervma_access_end(&cpu);
}

/*
 * One round: new bytes where the transfer begins, other ones where it ends,
 * and then what is there. `expected` and `found` have room for `size` bytes.
 */
static int round_trip(struct pair *pair, struct loopback *loopback,
                      enum loopback_direction direction, uint32_t seed,
                      uint8_t *expected, uint8_t *found, double *seconds_p,
                      struct loopback_failure *failure_p)
{
    uint8_t *host = loopback_host(loopback);
    int ret;

    *failure_p = (struct loopback_failure){.error = 0};
    fill(expected, pair->size, seed);
    if (direction == LOOPBACK_READ) {
        memset(host, 0, pair->size);
        ret = copy(pair, PEERVMA_ACCESS_WRITE, expected);
    } else {
        memcpy(host, expected, pair->size);
        memset(found, 0, pair->size);
        ret = copy(pair, PEERVMA_ACCESS_WRITE, found);
    }
    if (ret == 0) {
        ret = loopback_transfer(loopback, direction, seconds_p, failure_p);
    }
    if (ret == 0 && direction == LOOPBACK_READ) {
        memcpy(found, host, pair->size);
    } else if (ret == 0) {
        ret = copy(pair, PEERVMA_ACCESS_READ, found);
    }
    if (ret != 0 && failure_p->text == NULL && failure_p->error == 0) {
        failure_p->error = ret;
    }
    return ret;
}

static void say_wrong(struct pair *pair, const char *name,
                      const uint8_t *expected, const uint8_t *found)
{
    size_t i, wrong = 0, first = 0;

    for (i = pair->size; i-- > 0;) {
        if (expected[i] != found[i]) {
            wrong++;
            first = i;
        }
    }
    say_why(pair,
            "%s: the NIC reports success, but %zu of %zu bytes are wrong, the "
            "first at %zu: peer-to-peer traffic does not arrive (IOMMU, ACS, "
            "or a host bridge that drops it)",
            name, wrong, pair->size, first);
}

static void try_direction(struct pair *pair, struct loopback *loopback,
                          enum loopback_direction direction, uint8_t *expected,
                          uint8_t *found)
{
    const char *name = direction == LOOPBACK_READ ? "read" : "write";
    struct transfer_result *result = &pair->result->transfer[direction];
    struct loopback_failure failure;
    double seconds = 0, one;
    uint32_t rounds;

    result->state = TRANSFER_FAILED;
    if (loopback_connect(loopback, &failure) != 0) {
        say_why(pair, "%s: %s: %s", name, failure.text,
                strerror(-failure.error));
        return;
    }
    for (rounds = 0; rounds < MIN_ROUNDS ||
                     (rounds < MAX_ROUNDS && seconds < ENOUGH_SECONDS);
         rounds++) {
        if (round_trip(pair, loopback, direction, 2 * rounds + direction,
                       expected, found, &one, &failure) != 0) {
            say_why(pair, "%s: %s%s%s", name,
                    failure.text != NULL ? failure.text : "",
                    failure.text != NULL && failure.error != 0 ? ": " : "",
                    failure.error != 0 ? strerror(-failure.error) : "");
            return;
        }
        if (memcmp(expected, found, pair->size) != 0) {
            say_wrong(pair, name, expected, found);
            return;
        }
        seconds += one;
        result->verified += pair->size;
    }
    result->state = TRANSFER_OK;
    result->mib_per_second = (double)result->verified / 1048576 / seconds;
}

static void try_transfers(struct pair *pair, struct loopback *loopback)
{
    uint8_t *bytes = malloc(2 * pair->size);

    if (bytes == NULL) {
        say_why(pair, "out of memory");
        return;
    }
    try_direction(pair, loopback, LOOPBACK_READ, bytes, bytes + pair->size);
    try_direction(pair, loopback, LOOPBACK_WRITE, bytes, bytes + pair->size);
    free(bytes);
}

static void try_nic(struct pair *pair)
{
    struct loopback_failure failure;
    struct loopback *loopback;

    if (loopback_open(pair->nic->name, pair->size, &loopback, &failure) != 0) {
        say_why(pair, "%s: %s", failure.text != NULL ? failure.text : "the NIC",
                strerror(-failure.error));
        return;
    }
    if (loopback_register(loopback, pair->export.fd, pair->export.offset,
                          &failure) != 0) {
        pair->result->registration = PAIR_REFUSED;
        pair_why_not_registered("/sys", pair->accelerator, pair->nic,
                                failure.error, pair->result->why, PAIR_WHY);
    } else {
        pair->result->registration = PAIR_REGISTERED;
        if (pair->depth == PAIR_TRANSFER) {
            try_transfers(pair, loopback);
        }
    }
    loopback_close(loopback);
}

void pair_try(peervma_context_t *context, const struct accelerator *accelerator,
              const struct nic *nic, size_t size, enum pair_depth depth,
              struct pair_result *result_p)
{
    struct pair pair = {
        .context = context,
        .accelerator = accelerator,
        .nic = nic,
        .depth = depth,
        .result = result_p,
    };
    peervma_refusals_t refusals;
    const char *step;
    int ret;

    *result_p = (struct pair_result){.way = NULL};
    ret = test_buffer_create(accelerator, size, &pair.buffer, &step);
    if (ret != 0) {
        test_buffer_explain(accelerator, ret, step, result_p->why, PAIR_WHY);
        pair_why_small_bar("/sys", accelerator, result_p->why, PAIR_WHY);
        return;
    }
    pair.size = pair.buffer.size;
    result_p->way = pair.buffer.way;
    ret = peervma_region_export(context, pair.buffer.ptr, pair.size,
                                &pair.export, &refusals);
    if (ret != 0) {
        say_not_exported(&pair, ret, &refusals);
        pair_why_small_bar("/sys", accelerator, result_p->why, PAIR_WHY);
    } else {
        result_p->provider = pair.export.provider;
        if (depth > PAIR_EXPORT) {
            try_nic(&pair);
        }
        close(pair.export.fd);
    }
    test_buffer_destroy(&pair.buffer);
}

bool pair_is_good(const struct pair_result *result, enum pair_depth depth)
{
    if (depth == PAIR_EXPORT) {
        return result->provider != NULL;
    }
    if (depth == PAIR_REGISTER) {
        return result->registration == PAIR_REGISTERED;
    }
    return result->transfer[LOOPBACK_READ].state == TRANSFER_OK &&
           result->transfer[LOOPBACK_WRITE].state == TRANSFER_OK;
}
