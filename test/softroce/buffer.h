/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory that is a dma-buf: main memory of this process (udmabuf) or the
 * simulated accelerator's.
 */
#ifndef BUFFER_H
#define BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "softaccel_client.h"

enum buffer_kind {
    BUFFER_UDMABUF,
    BUFFER_SOFTACCEL,
};

typedef struct buffer {
    enum buffer_kind kind;
    int fd; /* the dma-buf */
    size_t size;
    uint8_t *bytes; /* how the CPU sees it */
    int device;
    softaccel_buffer_t accel;
} buffer_t;

/**
 * Make a buffer of whole pages, zeroed. Ends the program if it can't.
 *
 * size: a multiple of the page size
 */
void buffer_create(buffer_t *buffer, enum buffer_kind kind, size_t size);

/** Also after its device is gone. */
void buffer_destroy(buffer_t *buffer);

/** The kind called `name` ("udmabuf", "softaccel"). */
enum buffer_kind buffer_kind_of(const char *name);

#endif
