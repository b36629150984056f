/* SPDX-License-Identifier: BSD-3-Clause */
#include "memory.h"

#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(int result, const char *what)
{
    if (result == 0) {
        return;
    }
    fprintf(stderr, "mpi test: %s: %s\n", what, strerror(-result));
    MPI_Abort(MPI_COMM_WORLD, 2);
    exit(2); /* where MPI is not initialised */
}

/* One descriptor a process, opened at first use and kept. */
static int accelerator_fd = -1;

static int accelerator(void)
{
    if (accelerator_fd < 0) {
        must(softaccel_open(&accelerator_fd), "cannot open the accelerator");
    }
    return accelerator_fd;
}

bool memory_has_device(void)
{
    return accelerator_fd >= 0 || softaccel_open(&accelerator_fd) == 0;
}

void memory_create(memory_kind_t kind, size_t size, memory_t *memory_p)
{
    memory_t memory = {.kind = kind, .size = size};

    if (kind == MEMORY_DEVICE) {
        must(softaccel_buffer_create(accelerator(), size, &memory.device),
             "cannot allocate device memory");
        memory.ptr = memory.device.ptr;
    } else {
        must(-posix_memalign(&memory.ptr, 4096, size),
             "cannot allocate host memory");
        memset(memory.ptr, 0, size);
    }
    *memory_p = memory;
}

void memory_destroy(memory_t *memory)
{
    if (memory->kind == MEMORY_DEVICE) {
        must(softaccel_buffer_destroy(&memory->device),
             "cannot free device memory");
    } else {
        free(memory->ptr);
    }
    memory->ptr = NULL;
}

void memory_fill(const memory_t *memory, size_t offset, size_t length,
                 uint32_t seed)
{
    uint8_t *bytes = memory->ptr;

    if (length == 0) {
        return;
    }
    if (memory->kind == MEMORY_DEVICE) {
        must(softaccel_fill(&memory->device, offset, length, seed),
             "the device cannot fill its memory");
        return;
    }
    for (size_t i = 0; i < length; i++) {
        bytes[offset + i] = softaccel_pattern(seed, i);
    }
}

bool memory_holds(const memory_t *memory, size_t offset, size_t length,
                  uint32_t seed, size_t first)
{
    const volatile uint8_t *bytes = memory->ptr;

    for (size_t i = 0; i < length; i++) {
        uint8_t expected = softaccel_pattern(seed, first + i);
        if (bytes[offset + i] != expected) {
            fprintf(stderr,
                    "mpi test: byte %zu of %zu at offset %zu in %s memory is "
                    "%#x, not %#x\n",
                    i, length, offset, memory_kind_name(memory->kind),
                    bytes[offset + i], expected);
            return false;
        }
    }
    return true;
}

uint64_t memory_cpu_faults(void)
{
    struct softaccel_info info;

    must(softaccel_info(accelerator(), &info), "cannot ask the accelerator");
    return info.cpu_faults;
}

const char *memory_kind_name(memory_kind_t kind)
{
    return kind == MEMORY_DEVICE ? "device" : "host";
}
