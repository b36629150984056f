/* SPDX-License-Identifier: BSD-3-Clause */
#include "launcher.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool find_in_path(const char *command, char path[PATH_MAX])
{
    const char *folder = getenv("PATH");
    int length, written;

    for (; folder != NULL; folder = strchr(folder, ':')) {
        folder += (*folder == ':');
        length = (int)strcspn(folder, ":");
        written = snprintf(path, PATH_MAX, "%.*s/%s", length, folder, command);
        if ((written < PATH_MAX) && (access(path, X_OK) == 0)) {
            return true;
        }
    }
    return false;
}

peervma_launcher_t peervma_launcher_of(const char *command)
{
    /* Up to Open MPI 4 all of them are links to orterun. */
    static const struct {
        char name[16];
        peervma_launcher_t launcher;
    } names[] = {{"mpirun", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"mpirun.openmpi", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"mpiexec", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"mpiexec.openmpi", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"oshrun", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"prterun", PEERVMA_LAUNCHER_OPEN_MPI},
                 {"orterun", PEERVMA_LAUNCHER_OPEN_MPI_4}};
    char path[PATH_MAX], file[PATH_MAX], info[PATH_MAX + 16];
    char *name;
    size_t i;

    if (strchr(command, '/') != NULL) {
        snprintf(path, sizeof(path), "%s", command);
    } else if (!find_in_path(command, path)) {
        return PEERVMA_LAUNCHER_NONE;
    }
    /* Through the links of Debian's alternatives: MPICH has these names. */
    if (realpath(path, file) == NULL) {
        return PEERVMA_LAUNCHER_NONE;
    }
    name = strrchr(file, '/');
    *name++ = '\0';
    for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
        if (strcmp(name, names[i].name) == 0) {
            /* Intel MPI has an mpirun, too, but nothing called this. */
            snprintf(info, sizeof(info), "%s/ompi_info", file);
            return (access(info, X_OK) == 0) ? names[i].launcher
                                             : PEERVMA_LAUNCHER_NONE;
        }
    }
    return PEERVMA_LAUNCHER_NONE;
}
