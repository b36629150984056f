/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Buffers in host memory and in the accelerator's, filled and checked there;
 * and such as nobody exports.
 */
#ifndef UCT_TEST_BUFFER_H
#define UCT_TEST_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "softaccel_client.h"

typedef enum {
    BUFFER_HOST,
    BUFFER_DEVICE,
    BUFFER_READONLY, /* of the accelerator, mapped read-only */
    BUFFER_BAR,      /* the accelerator's BAR, where it has no driver */
    BUFFER_ORPHAN,   /* of the accelerator, whose node is open no more */
    BUFFER_FAKE,     /* main memory that looks like a dma-buf's */
    BUFFER_HELD      /* the same, whose descriptor is open: it is exported */
} buffer_kind_t;

typedef struct buffer {
    buffer_kind_t kind;
    size_t size;
    char *bytes;
    softaccel_buffer_t device;
} buffer_t;

extern const char *const buffer_kind_names[7];

/* Ends the test if there is no such kind. */
buffer_kind_t buffer_kind_of(const char *name);

/* Which accelerator all buffers are on; the first, if this is not called. */
void buffer_use_accelerator(unsigned index);

void buffer_create(buffer_t *buffer, buffer_kind_t kind, size_t size);
void buffer_destroy(buffer_t *buffer);

/* The pattern of `seed`, written and checked without the CPU touching device
 * memory. */
void buffer_fill(buffer_t *buffer, size_t offset, size_t length, uint32_t seed);
int buffer_holds(const buffer_t *buffer, size_t offset, size_t length,
                 uint32_t seed);

/* Map it at its address anew, with this protection. */
void buffer_protect(buffer_t *buffer, int prot);

/* Map it at `address`, in place of what is there, and nowhere else. */
void buffer_move(buffer_t *buffer, char *address);

#endif
