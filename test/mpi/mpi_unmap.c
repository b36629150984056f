/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * munmap of a device buffer between MPI_Isend and the transfer, with another
 * buffer at the same address before the receiver asks: an error or the bytes of
 * the first buffer may come, never those of the second. Run with two ranks.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "memory.h"

#define SIZE 4194304u

int main(int argc, char **argv)
{
    memory_t first, second;
    MPI_Request request;
    int rank, result;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    memory_create(MEMORY_DEVICE, SIZE, &first);
    if (rank == 0) {
        void *address = first.ptr;
        memory_create(MEMORY_DEVICE, SIZE, &second);
        memory_fill(&first, 0, SIZE, 1);
        memory_fill(&second, 0, SIZE, 2);
        MPI_Isend(address, SIZE, MPI_BYTE, 1, 1, MPI_COMM_WORLD, &request);
        munmap(address, SIZE);
        if (mremap(second.ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
                   address) != address) {
            perror("mremap");
            return 2;
        }
        MPI_Barrier(MPI_COMM_WORLD);
        result = MPI_Wait(&request, MPI_STATUS_IGNORE);
        printf("send: %s\n", result == MPI_SUCCESS ? "done" : "error");
    } else {
        memory_fill(&first, 0, SIZE, 3);
        MPI_Barrier(MPI_COMM_WORLD);
        result = MPI_Recv(first.ptr, SIZE, MPI_BYTE, 0, 1, MPI_COMM_WORLD,
                          MPI_STATUS_IGNORE);
        printf("receive: %s\n",
               result != MPI_SUCCESS                     ? "error"
               : memory_holds(&first, 0, SIZE, 1, 0)     ? "first buffer"
               : memory_holds(&first, 0, SIZE, 2, 0)     ? "second buffer"
                                                         : "a mixture");
    }
    fflush(stdout);
    MPI_Finalize();
    return 0;
}
