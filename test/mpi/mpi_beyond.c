/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device pointer with a length beyond its mapping: MPI must refuse the send,
 * the receiver must not see what lies behind, and the job goes on. Run with two
 * ranks. Behind the mapping lies another device buffer, which holds a pattern
 * that may not arrive.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#define SIZE 1048576u

/* Move a buffer's mapping to `target`. */
static void move(memory_t *buffer, void *target)
{
    void *moved = mremap(buffer->ptr, buffer->size, buffer->size,
                         MREMAP_MAYMOVE | MREMAP_FIXED, target);

    if (moved == MAP_FAILED) {
        perror("mremap");
        exit(2);
    }
    buffer->ptr = buffer->device.ptr = moved;
}

/* Map two buffers side by side. */
static void make_adjacent(memory_t *first, memory_t *second)
{
    char *space = mmap(NULL, first->size + second->size, PROT_NONE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (space == MAP_FAILED) {
        perror("mmap");
        exit(2);
    }
    move(first, space);
    move(second, space + first->size);
}

int main(int argc, char **argv)
{
    memory_t first, second;
    int rank, result;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (rank == 0) {
        memory_create(MEMORY_DEVICE, SIZE, &first);
        memory_create(MEMORY_DEVICE, SIZE, &second);
        memory_fill(&first, 0, SIZE, 1);
        memory_fill(&second, 0, SIZE, 2);
        make_adjacent(&first, &second);
        result = MPI_Send(first.ptr, 2 * SIZE, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
        printf("send: %s\n", result == MPI_SUCCESS ? "accepted" : "refused");
        if (result != MPI_SUCCESS) {
            /* The job goes on: what there is can be sent. */
            MPI_Send(first.ptr, SIZE, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
        }
    } else {
        MPI_Status status;
        memory_create(MEMORY_DEVICE, 2 * SIZE, &first);
        result = MPI_Recv(first.ptr, 2 * SIZE, MPI_BYTE, 0, 1, MPI_COMM_WORLD,
                          &status);
        printf("receive: %s\n",
               result != MPI_SUCCESS                     ? "error"
               : memory_holds(&first, SIZE, SIZE, 2, 0)  ? "bytes from behind"
               : memory_holds(&first, 0, SIZE, 1, 0)     ? "the first buffer"
                                                         : "other bytes");
    }
    fflush(stdout);
    MPI_Finalize();
    return 0;
}
