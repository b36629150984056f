/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The proof from outside: rank 0's accelerator computes a buffer, the sum of
 * two patterns, and sends it to rank 1's accelerator. Each rank prints where in
 * its accelerator's memory the bytes lie, so that the memories can be compared
 * from outside the nodes, then waits until standard input ends:
 *
 *     proof <rank> <node> <offset in device memory> <bytes>
 */
#include <mpi.h>
#include <stdio.h>
#include <unistd.h>

#include "memory.h"

#define SIZE 16777216u

static void compute(const memory_t *sum)
{
    memory_t a, b;

    memory_create(MEMORY_DEVICE, SIZE, &a);
    memory_create(MEMORY_DEVICE, SIZE, &b);
    memory_fill(&a, 0, SIZE, (uint32_t)getpid());
    memory_fill(&b, 0, SIZE, 20190129u);
    if (softaccel_add(&sum->device, 0, &a.device, 0, &b.device, 0,
                      SOFTACCEL_TYPE_U32, SIZE / 4) != 0) {
        fprintf(stderr, "mpi_prove: the accelerator cannot add\n");
        MPI_Abort(MPI_COMM_WORLD, 2);
    }
    memory_destroy(&b);
    memory_destroy(&a);
}

int main(int argc, char **argv)
{
    char node[64];
    memory_t buffer;
    int rank;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    gethostname(node, sizeof(node));
    memory_create(MEMORY_DEVICE, SIZE, &buffer);
    if (rank == 0) {
        compute(&buffer);
        MPI_Send(buffer.ptr, SIZE, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
    } else {
        MPI_Recv(buffer.ptr, SIZE, MPI_BYTE, 0, 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    }
    printf("proof %d %s %llu %u\n", rank, node,
           (unsigned long long)buffer.device.bar_offset, SIZE);
    fflush(stdout);
    while (rank == 0 && getchar() != EOF) {
    }
    MPI_Barrier(MPI_COMM_WORLD);
    memory_destroy(&buffer);
    MPI_Finalize();
    return 0;
}
