/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the library's test programs for the nodes share: buffers of the
 * simulated accelerator and a context. Failures end the running test.
 */
#ifndef TEST_LIB_NODE_H
#define TEST_LIB_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "peervma.h"
#include "softaccel_client.h"

#define PAGE ((size_t)4096)
#define SIZE (8 * PAGE)

/* What the caller of a program says of /dev/peervma. */
enum module { MODULE_USABLE, MODULE_MISSING, MODULE_FORBIDDEN };

extern enum module node_module;

/* Read it from the argument "module", "no-module" or "no-permission". */
void node_arguments(int argc, char **argv);

/* The accelerator, opened once. */
int node_device(void);

/* A context with `flags`; with PEERVMA_CONTEXT_NOTIFIED node_*() report. */
peervma_context_t *node_context(unsigned flags);
void node_context_close(peervma_context_t *context);

/* A buffer whose mapping has anonymous pages on both sides. */
softaccel_buffer_t node_buffer(void);
void node_buffer_destroy(softaccel_buffer_t *buffer);

/* A dma-buf of a buffer. */
int node_dmabuf(const softaccel_buffer_t *buffer);

/* A dma-buf of host memory, of the DMA heap "system". */
int node_heap(size_t size);

/* The system calls, reported to the context that is open. */
void *node_mmap(void *address, size_t length, int prot, int flags, int fd,
                uint64_t offset);
void node_munmap(void *address, size_t length);
void *node_mremap(void *address, size_t length, void *target);

/* What is found at an address, which must be device memory; or must not. */
peervma_region_t node_expect(peervma_context_t *context, const void *address,
                             const void *base, size_t length);
void node_expect_none(peervma_context_t *context, const void *address);

/* Open descriptors of this process. */
unsigned node_descriptors(void);

#endif
