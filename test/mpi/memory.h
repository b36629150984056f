/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers of MPI tests in host or in accelerator memory. Device memory is
 * filled by the device itself, so that no CPU touches it before it is sent.
 * Errors end the job with a line on stderr: a test cannot go on without memory.
 */
#ifndef TEST_MPI_MEMORY_H
#define TEST_MPI_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "softaccel_client.h"

typedef enum { MEMORY_HOST, MEMORY_DEVICE } memory_kind_t;

typedef struct memory {
    memory_kind_t      kind;
    void              *ptr;  /* first byte */
    size_t             size; /* bytes */
    softaccel_buffer_t device;
} memory_t;

/** Allocate `size` bytes; device memory on the first accelerator. */
void memory_create(memory_kind_t kind, size_t size, memory_t *memory_p);

void memory_destroy(memory_t *memory);

/** Write softaccel's pattern of `seed` to [offset, offset + length). */
void memory_fill(const memory_t *memory, size_t offset, size_t length,
                 uint32_t seed);

/**
 * Does [offset, offset + length) hold bytes `first` and following of the
 * pattern of `seed`? Read by the CPU.
 */
bool memory_holds(const memory_t *memory, size_t offset, size_t length,
                  uint32_t seed, size_t first);

/** Has this node an accelerator? */
bool memory_has_device(void);

/** Device memory page faults of the CPU on this node, since the start. */
uint64_t memory_cpu_faults(void);

const char *memory_kind_name(memory_kind_t kind);

#endif
