/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is a large message between two accelerators moved by the NICs alone? Run
 * with two ranks on two nodes. Three witnesses: the NICs' counters of bytes
 * read from and written to device memory, the accelerators' counters of page
 * faults of the CPU, and the bytes, compared after the others were read.
 *
 * With "staged" as argument: the same transfer where zero-copy is not to be
 * had. The bytes must be right, and the NICs must not have touched device
 * memory.
 */
#include <mpi.h>
#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "nic.h"
#include "report.h"

#define SIZE 4194304u
#define MESSAGES 4u

static int rank;

static void transfer(const memory_t *buffer)
{
    if (rank == 0) {
        MPI_Send(buffer->ptr, SIZE, MPI_BYTE, 1, 1, MPI_COMM_WORLD);
    } else {
        MPI_Recv(buffer->ptr, SIZE, MPI_BYTE, 0, 1, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    }
}

int main(int argc, char **argv)
{
    nic_counters_t before, after;
    uint64_t faults, moved;
    memory_t buffer;
    bool staged;
    int result;

    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    staged = argc > 1 && strcmp(argv[1], "staged") == 0;
    memory_create(MEMORY_DEVICE, SIZE, &buffer);
    nic_counters_read(&before);
    faults = memory_cpu_faults();
    for (uint32_t i = 0; i < MESSAGES; i++) {
        memory_fill(&buffer, 0, SIZE, rank == 0 ? i : ~0u);
        MPI_Barrier(MPI_COMM_WORLD);
        transfer(&buffer);
    }
    nic_counters_read(&after);
    faults = memory_cpu_faults() - faults;
    moved  = rank == 0 ? after.read_bytes - before.read_bytes
                       : after.written_bytes - before.written_bytes;
    if (staged) {
        report(moved == 0, "no NIC touched device memory");
    } else {
        report(moved == MESSAGES * SIZE,
               "the NICs read and wrote each byte in device memory, once");
        report(faults == 0, "no CPU touched device memory");
        report(after.regions - before.regions == 1,
               "each buffer was registered once, as a dma-buf");
    }
    report(memory_holds(&buffer, 0, SIZE, MESSAGES - 1, 0),
           "%u messages of %u bytes arrived", MESSAGES, SIZE);
    memory_destroy(&buffer);
    result = report_end();
    MPI_Finalize();
    return result;
}
