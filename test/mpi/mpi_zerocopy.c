/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is a large message between two accelerators moved by the NICs alone? Run
 * with two ranks on two nodes. Three witnesses: the NICs' counters of bytes
 * read from and written to device memory, the accelerators' counters of page
 * faults of the CPU, and the bytes, compared after the others were read.
 *
 * Arguments for the same transfer where zero-copy is not to be had: "staged":
 * the bytes must be right, and no NIC may have touched device memory; "any":
 * the bytes must be right, and a node without accelerator uses host memory.
 */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
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

static void claim_zero_copy(const nic_counters_t *before,
                            const nic_counters_t *after, uint64_t faults)
{
    uint64_t moved = rank == 0 ? after->read_bytes - before->read_bytes
                               : after->written_bytes - before->written_bytes;

    /* More than that was sent again: an emulated node answers late. */
    report(moved >= MESSAGES * SIZE,
           "the NICs read and wrote each byte in device memory, %.2f times",
           (double)moved / (MESSAGES * SIZE));
    report(faults == 0, "no CPU touched device memory");
    report(after->regions - before->regions == 2,
           "each buffer was registered once after its trial, as a dma-buf");
}

/* To measure the CPU's copies, the plugin would touch the device. */
static void set_speed(void)
{
    setenv("UCX_PEERVMA_COPY_BW_TO_DEVICE", "4GBps", 0);
    setenv("UCX_PEERVMA_COPY_BW_FROM_DEVICE", "250MBps", 0);
    setenv("UCX_PEERVMA_COPY_LATENCY", "500ns", 0);
}

int main(int argc, char **argv)
{
    memory_kind_t kind = MEMORY_DEVICE;
    nic_counters_t before, after;
    const char *mode = argc > 1 ? argv[1] : "zero-copy";
    uint64_t faults;
    memory_t buffer;
    int result;

    set_speed();
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (strcmp(mode, "any") == 0 && !memory_has_device()) {
        kind = MEMORY_HOST;
    }
    memory_create(kind, SIZE, &buffer);
    nic_counters_read(&before);
    faults = kind == MEMORY_DEVICE ? memory_cpu_faults() : 0;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        memory_fill(&buffer, 0, SIZE, rank == 0 ? i : ~0u);
        MPI_Barrier(MPI_COMM_WORLD);
        transfer(&buffer);
    }
    nic_counters_read(&after);
    if (strcmp(mode, "zero-copy") == 0) {
        claim_zero_copy(&before, &after, memory_cpu_faults() - faults);
    } else if (strcmp(mode, "staged") == 0) {
        report(after.read_bytes == before.read_bytes &&
                   after.written_bytes == before.written_bytes,
               "no NIC touched device memory");
    }
    report(memory_holds(&buffer, 0, SIZE, MESSAGES - 1, 0),
           "%u messages of %u bytes arrived", MESSAGES, SIZE);
    memory_destroy(&buffer);
    result = report_end();
    MPI_Finalize();
    return result;
}
