/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef TEST_FUZZ_MUTATE_H
#define TEST_FUZZ_MUTATE_H

#include <stddef.h>
#include <stdint.h>

struct mutate_case {
    uint8_t *data;
    size_t size;
};

/* The next number of a sequence; *state is not zero. */
uint64_t mutate_random(uint64_t *state);

/*
 * Change `data` of `size` bytes some times: bits, digits, runs of bytes, pieces
 * of `other`. Returns its new size, at most `limit`.
 */
size_t mutate(uint64_t *state, uint8_t *data, size_t size, size_t limit,
              const struct mutate_case *other);

#endif
