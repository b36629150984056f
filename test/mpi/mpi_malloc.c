/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An MPI program that knows nothing of devices: every kind of allocation that
 * programs have, messages and a collective on them. Two ranks. Where the
 * buffers are is a matter of how it is run.
 *
 * Argument "large": only messages that are worth a rendezvous, so that whoever
 * runs it can count that no CPU copied any of them.
 */
#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "report.h"

#define LENGTH ((size_t)4 << 20)
#define DOUBLES 32768

static int rank;

static void *by_malloc(void)
{
    return malloc(LENGTH);
}

static void *by_calloc(void)
{
    return calloc(LENGTH / 8, 8);
}

static void *by_realloc(void)
{
    char *small = malloc(100);

    memset(small, 1, 100);
    return realloc(small, LENGTH);
}

static void *by_posix_memalign(void)
{
    void *ptr;

    return posix_memalign(&ptr, 1 << 16, LENGTH) == 0 ? ptr : NULL;
}

static void *by_mmap(void)
{
    return mmap(NULL, LENGTH, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void *by_mpi(void)
{
    void *ptr;

    return MPI_Alloc_mem((MPI_Aint)LENGTH, MPI_INFO_NULL, &ptr) == MPI_SUCCESS
               ? ptr
               : NULL;
}

static void unmap(void *ptr)
{
    munmap(ptr, LENGTH);
}

static void free_by_mpi(void *ptr)
{
    MPI_Free_mem(ptr);
}

static const struct kind {
    const char *name;
    void *(*create)(void);
    void (*destroy)(void *ptr);
} kinds[] = {
    {"malloc", by_malloc, free},   {"calloc", by_calloc, free},
    {"realloc", by_realloc, free}, {"posix_memalign", by_posix_memalign, free},
    {"mmap", by_mmap, unmap},      {"MPI_Alloc_mem", by_mpi, free_by_mpi},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static uint32_t word(size_t index, uint32_t seed)
{
    return (uint32_t)(index * 2654435761u) ^ seed;
}

static void fill(uint32_t *words, size_t length, uint32_t seed)
{
    for (size_t i = 0; i < length / 4; i++) {
        words[i] = word(i, seed);
    }
}

static bool holds(const uint32_t *words, size_t length, uint32_t seed)
{
    for (size_t i = 0; i < length / 4; i++) {
        if (words[i] != word(i, seed)) {
            return false;
        }
    }
    return true;
}

/* There and back; true if both ranks got what was sent. */
static bool exchange(uint32_t *words, size_t length, uint32_t seed)
{
    bool right;

    if (rank == 0) {
        fill(words, length, seed);
        MPI_Send(words, (int)length, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
        memset(words, 0, length);
        MPI_Recv(words, (int)length, MPI_BYTE, 1, 2, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
        return holds(words, length, seed + 1);
    }
    MPI_Recv(words, (int)length, MPI_BYTE, 0, 1, MPI_COMM_WORLD,
             MPI_STATUS_IGNORE);
    right = holds(words, length, seed);
    fill(words, length, seed + 1);
    MPI_Send(words, (int)length, MPI_BYTE, 0, 2, MPI_COMM_WORLD);
    return right;
}

static void try_kind(const struct kind *kind, bool large)
{
    uint32_t *words = kind->create();
    bool right = words != NULL && words != MAP_FAILED;
    size_t length;

    for (length = large ? LENGTH : 4; right && length <= LENGTH; length *= 32) {
        right = exchange(words, length, (uint32_t)length);
    }
    report(right, "memory of %s arrives", kind->name);
    if (words != NULL && words != MAP_FAILED) {
        kind->destroy(words);
    }
}

static void try_allreduce(void)
{
    double *in = malloc(DOUBLES * sizeof(double));
    double *out = malloc(DOUBLES * sizeof(double));
    bool right = true;

    for (int i = 0; i < DOUBLES; i++) {
        in[i] = i * (rank + 1);
    }
    MPI_Allreduce(in, out, DOUBLES, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    for (int i = 0; i < DOUBLES; i++) {
        right = right && out[i] == 3.0 * i;
    }
    report(right, "a sum over the ranks is right");
    free(in);
    free(out);
}

int main(int argc, char **argv)
{
    bool large = argc > 1 && strcmp(argv[1], "large") == 0;
    int result;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    for (size_t i = 0; i < KINDS; i++) {
        try_kind(&kinds[i], large);
    }
    if (!large) {
        try_allreduce();
    }
    result = report_end();
    MPI_Finalize();
    return result;
}
