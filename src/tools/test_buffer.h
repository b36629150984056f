/* SPDX-License-Identifier: BSD-3-Clause */
/* A buffer on any accelerator that device_alloc.h knows, to try things with. */
#ifndef PEERVMA_TOOLS_TEST_BUFFER_H
#define PEERVMA_TOOLS_TEST_BUFFER_H

#include <stddef.h>

#include "device_alloc.h"
#include "machine.h"

struct test_buffer {
    struct device device;
    struct device_buffer buffer;
    void *ptr; /* its mapping, shared, for reading and writing; NULL: none */
    size_t size;
    const char *way; /* how it was allocated: static */
};

/*
 * Allocate and map at least `size` bytes. 0; -EOPNOTSUPP if there is no way;
 * else -errno, and the step that failed in *step_p.
 */
int test_buffer_create(const struct accelerator *accelerator, size_t size,
                       struct test_buffer *buffer_p, const char **step_p);

/* Why that failed, and what to do. */
void test_buffer_explain(const struct accelerator *accelerator, int error,
                         const char *step, char *text, size_t size);

void test_buffer_destroy(struct test_buffer *buffer);

#endif
