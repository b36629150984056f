/* SPDX-License-Identifier: BSD-3-Clause */
/* The answer that a call must get. */
#ifndef EXPECT_H
#define EXPECT_H

#include <linux/peervma.h>

#include "fuzz.h"

typedef struct expect {
    int error; /* 0 or an errno, positive */
    unsigned reason;
    bool or_crosses;        /* or ERANGE, where VMAs may have been merged */
    const object_t *object; /* that is mapped there; NULL: none */
    const place_t *place;
    uint64_t offset; /* of the address in the object */
    uint64_t vma_start;
    uint64_t vma_end;
} expect_t;

/* For addresses of the own arena, or those where nothing ever changes. */
expect_t expect_export(const worker_t *worker, uint64_t addr, uint64_t length,
                       uint32_t flags);
expect_t expect_query(const worker_t *worker, uint64_t addr, uint32_t flags);

bool expect_allows(const expect_t *expect, int error, unsigned reason);

/* Whether some order of the threads' doings gives this refusal. */
bool expect_possible(int error, unsigned reason);

/* Addresses outside of all arenas, whose answer is known. */
uint64_t expect_special(worker_t *worker);

/* Map what expect_special() gives; once, before the threads run. */
void expect_setup(void);

#endif
