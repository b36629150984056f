/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Half round trips between two ranks, of several variants in turn, so that
 * each round meets the same weather. Rank 0 prints a line a measurement:
 *
 *     pair <variant> <bytes> <microseconds>
 *
 * Variants: dd (device to device), hh (host to host), staged (device to device
 * through host memory, copied by the program). Run with two ranks:
 *
 *     mpi_pairs VARIANT[,VARIANT...] ROUNDS BYTES...
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

typedef struct variant {
    const char   *name;
    memory_kind_t kind;
    int           staged;
} variant_t;

static const variant_t variants[] = {
    {"dd", MEMORY_DEVICE, 0},
    {"hh", MEMORY_HOST, 0},
    {"staged", MEMORY_DEVICE, 1},
};

static int rank;

static void fail(const char *what, const char *which)
{
    fprintf(stderr, "mpi_pairs: %s: %s\n", what, which);
    MPI_Abort(MPI_COMM_WORLD, 2);
}

static const variant_t *find_variant(const char *name)
{
    for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        if (strcmp(variants[i].name, name) == 0) {
            return &variants[i];
        }
    }
    fail("no such variant", name);
    return NULL;
}

/* One message to the peer, through `bounce` if that is not NULL. */
static void put(const memory_t *buffer, const memory_t *bounce, size_t size)
{
    void *from = buffer->ptr;

    if (bounce != NULL) {
        from = memcpy(bounce->ptr, buffer->ptr, size);
    }
    MPI_Send(from, (int)size, MPI_BYTE, !rank, 1, MPI_COMM_WORLD);
}

static void get(const memory_t *buffer, const memory_t *bounce, size_t size)
{
    MPI_Recv(bounce != NULL ? bounce->ptr : buffer->ptr, (int)size, MPI_BYTE,
             !rank, 1, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (bounce != NULL) {
        memcpy(buffer->ptr, bounce->ptr, size);
    }
}

/* Half a round trip in microseconds, mean of `repeat` round trips. */
static double measure(const variant_t *variant, const memory_t *buffer,
                      const memory_t *host, size_t size, int repeat)
{
    const memory_t *bounce = variant->staged ? host : NULL;
    double start;

    MPI_Barrier(MPI_COMM_WORLD);
    start = MPI_Wtime();
    for (int i = 0; i < repeat; i++) {
        if (rank == 0) {
            put(buffer, bounce, size);
            get(buffer, bounce, size);
        } else {
            get(buffer, bounce, size);
            put(buffer, bounce, size);
        }
    }
    return (MPI_Wtime() - start) * 1e6 / repeat / 2;
}

static void measure_size(char *names, int rounds, size_t size)
{
    int repeat = size <= 4096 ? 16 : size <= 262144 ? 4 : 1;
    memory_t device, host;
    char list[64], *rest, *name;

    memory_create(MEMORY_DEVICE, size, &device);
    memory_create(MEMORY_HOST, size, &host);
    for (int round = -1; round < rounds; round++) { /* -1: warm-up */
        snprintf(list, sizeof(list), "%s", names);
        for (name = strtok_r(list, ",", &rest); name != NULL;
             name = strtok_r(NULL, ",", &rest)) {
            const variant_t *variant = find_variant(name);
            double usec = measure(variant,
                                  variant->kind == MEMORY_DEVICE ? &device
                                                                 : &host,
                                  &host, size, repeat);
            if (rank == 0 && round >= 0) {
                printf("pair %s %zu %.2f\n", variant->name, size, usec);
                fflush(stdout);
            }
        }
    }
    memory_destroy(&host);
    memory_destroy(&device);
}

int main(int argc, char **argv)
{
    int ranks;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    if (argc < 4 || ranks != 2) {
        fail("usage, with two ranks", "mpi_pairs VARIANTS ROUNDS BYTES...");
    }
    for (int i = 3; i < argc; i++) {
        measure_size(argv[1], atoi(argv[2]), strtoull(argv[i], NULL, 0));
    }
    MPI_Finalize();
    return 0;
}
