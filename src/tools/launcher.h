/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TOOLS_LAUNCHER_H
#define PEERVMA_TOOLS_LAUNCHER_H

typedef enum {
    PEERVMA_LAUNCHER_NONE, /* a command like any other */
    PEERVMA_LAUNCHER_OPEN_MPI,
    PEERVMA_LAUNCHER_OPEN_MPI_4 /* or earlier: no component of ours is for it */
} peervma_launcher_t;

/**
 * Is the command, looked up as execvp() does, Open MPI's mpirun by any of its
 * names? It hands on to other nodes no variables but OMPI_*.
 */
peervma_launcher_t peervma_launcher_of(const char *command);

#endif
