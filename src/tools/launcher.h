/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_TOOLS_LAUNCHER_H
#define PEERVMA_TOOLS_LAUNCHER_H

#include <stdbool.h>

/**
 * Is the command, looked up as execvp() does, Open MPI's mpirun by any of its
 * names? It hands on to other nodes no variables but OMPI_*.
 */
bool peervma_is_open_mpi_launcher(const char *command);

#endif
