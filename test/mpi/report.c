/* SPDX-License-Identifier: BSD-3-Clause */
#include "report.h"

#include <mpi.h>
#include <stdarg.h>
#include <stdio.h>

static unsigned claims, failures;

void report(bool holds, const char *format, ...)
{
    int mine = holds, all = 0, rank;
    va_list args;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    claims++;
    failures += !all;
    if (rank != 0) {
        return;
    }
    printf("%sok %u - ", all ? "" : "not ", claims);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
}

int report_end(void)
{
    int rank;

    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank == 0) {
        printf("1..%u\n", claims);
        fflush(stdout);
    }
    return failures != 0;
}
