/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tries out one accelerator with one NIC: allocate, export, register, then a
 * real read and a real write over loopback, each apart.
 */
#ifndef PEERVMA_TOOLS_PAIR_H
#define PEERVMA_TOOLS_PAIR_H

#include "loopback.h"
#include "machine.h"
#include "peervma.h"

#define PAIR_WHY 512

struct transfer_result {
    enum { TRANSFER_NOT_TRIED, TRANSFER_FAILED, TRANSFER_OK } state;
    double mib_per_second;
    uint64_t verified; /* bytes that were moved and compared */
};

struct pair_result {
    const char *way;      /* how a buffer was allocated; NULL: it was not */
    const char *provider; /* who exported it; NULL: nobody did */
    enum { PAIR_NOT_TRIED, PAIR_REFUSED, PAIR_REGISTERED } registration;
    struct transfer_result transfer[2]; /* by enum loopback_direction */
    char why[PAIR_WHY];                 /* the first thing that failed; or "" */
};

/* How far to go. */
enum pair_depth {
    PAIR_EXPORT, /* no NIC needed */
    PAIR_REGISTER,
    PAIR_TRANSFER,
};

/* `nic` may be NULL for PAIR_EXPORT. */
void pair_try(peervma_context_t *context, const struct accelerator *accelerator,
              const struct nic *nic, size_t size, enum pair_depth depth,
              struct pair_result *result_p);

/* Did all of it work? */
bool pair_is_good(const struct pair_result *result, enum pair_depth depth);

#endif
