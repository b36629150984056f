/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Collectives and derived types on device memory, with any number of ranks:
 * Bcast, Allreduce, Alltoall, and a vector type from rank to rank.
 */
#include <mpi.h>
#include <string.h>

#include "memory.h"
#include "report.h"

static const size_t sizes[] = {8, 4096, 65536, 1048576};

static int rank, ranks;

static bool broadcast(size_t size)
{
    bool right = true;
    memory_t buffer;

    memory_create(MEMORY_DEVICE, size, &buffer);
    for (int root = 0; root < ranks; root++) {
        uint32_t seed = 0xb0000u + (uint32_t)root;

        memory_fill(&buffer, 0, size, rank == root ? seed : 1);
        MPI_Bcast(buffer.ptr, (int)size, MPI_BYTE, root, MPI_COMM_WORLD);
        right &= memory_holds(&buffer, 0, size, seed, 0);
    }
    memory_destroy(&buffer);
    return right;
}

/* Word i of the pattern, as a number. */
static uint32_t word(uint32_t seed, size_t i)
{
    uint32_t value = 0;

    for (size_t byte = 0; byte < 4; byte++) {
        value |= (uint32_t)softaccel_pattern(seed, 4 * i + byte) << 8 * byte;
    }
    return value;
}

static bool allreduce(size_t size)
{
    size_t count = size / sizeof(uint32_t);
    memory_t in, out;
    bool right = true;

    memory_create(MEMORY_DEVICE, size, &in);
    memory_create(MEMORY_DEVICE, size, &out);
    memory_fill(&in, 0, size, (uint32_t)rank);
    MPI_Allreduce(in.ptr, out.ptr, (int)count, MPI_UINT32_T, MPI_SUM,
                  MPI_COMM_WORLD);
    for (size_t i = 0; i < count && right; i++) {
        uint32_t sum = 0;
        for (int r = 0; r < ranks; r++) {
            sum += word((uint32_t)r, i);
        }
        right = ((volatile uint32_t *)out.ptr)[i] == sum;
    }
    memory_destroy(&out);
    memory_destroy(&in);
    return right;
}

static bool alltoall(size_t size)
{
    bool right = true;
    memory_t in, out;

    memory_create(MEMORY_DEVICE, size * (size_t)ranks, &in);
    memory_create(MEMORY_DEVICE, size * (size_t)ranks, &out);
    for (int to = 0; to < ranks; to++) {
        memory_fill(&in, size * (size_t)to, size,
                    (uint32_t)(rank * ranks + to));
    }
    MPI_Alltoall(in.ptr, (int)size, MPI_BYTE, out.ptr, (int)size, MPI_BYTE,
                 MPI_COMM_WORLD);
    for (int from = 0; from < ranks; from++) {
        right &= memory_holds(&out, size * (size_t)from, size,
                              (uint32_t)(from * ranks + rank), 0);
    }
    memory_destroy(&out);
    memory_destroy(&in);
    return right;
}

/* Every second block of a buffer, to every second block of another. */
static bool vector(size_t blocks, size_t block)
{
    int next = (rank + 1) % ranks, previous = (rank + ranks - 1) % ranks;
    size_t size = 2 * blocks * block;
    MPI_Datatype type;
    bool right = true;
    memory_t in, out;

    memory_create(MEMORY_DEVICE, size, &out);
    memory_create(MEMORY_DEVICE, size, &in);
    memory_fill(&out, 0, size, 77u + (uint32_t)rank);
    memory_fill(&in, 0, size, 5);
    MPI_Type_vector((int)blocks, (int)block, (int)(2 * block), MPI_BYTE, &type);
    MPI_Type_commit(&type);
    MPI_Sendrecv(out.ptr, 1, type, next, 3, in.ptr, 1, type, previous, 3,
                 MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    for (size_t i = 0; i < blocks; i++) {
        size_t at = 2 * i * block;
        right &= memory_holds(&in, at, block, 77u + (uint32_t)previous, at) &&
                 memory_holds(&in, at + block, block, 5, at + block);
    }
    MPI_Type_free(&type);
    memory_destroy(&in);
    memory_destroy(&out);
    return right;
}

int main(int argc, char **argv)
{
    int result;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        report(broadcast(sizes[i]), "MPI_Bcast of %zu bytes, %d ranks",
               sizes[i], ranks);
        report(allreduce(sizes[i]), "MPI_Allreduce of %zu bytes, %d ranks",
               sizes[i], ranks);
        report(alltoall(sizes[i]), "MPI_Alltoall of %zu bytes each, %d ranks",
               sizes[i], ranks);
    }
    report(vector(16, 24), "a vector type of 16 blocks of 24 bytes, %d ranks",
           ranks);
    report(vector(512, 1024),
           "a vector type of 512 blocks of 1024 bytes, %d ranks", ranks);
    result = report_end();
    MPI_Finalize();
    return result;
}
