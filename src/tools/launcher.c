/* SPDX-License-Identifier: BSD-3-Clause */
#include "launcher.h"

#include <limits.h>
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

bool peervma_is_open_mpi_launcher(const char *command)
{
    static const char *const names[] = {"mpirun",  "mpirun.openmpi",
                                        "mpiexec", "mpiexec.openmpi",
                                        "oshrun",  "prterun"};
    char path[PATH_MAX], file[PATH_MAX], info[PATH_MAX + 16];
    char *name;
    size_t i;

    if (strchr(command, '/') != NULL) {
        snprintf(path, sizeof(path), "%s", command);
    } else if (!find_in_path(command, path)) {
        return false;
    }
    /* Through the links of Debian's alternatives: MPICH has these names. */
    if (realpath(path, file) == NULL) {
        return false;
    }
    name = strrchr(file, '/');
    *name++ = '\0';
    for (i = 0; i < sizeof(names) / sizeof(names[0]); ++i) {
        if (strcmp(name, names[i]) == 0) {
            /* Intel MPI has an mpirun, too, but nothing called this. */
            snprintf(info, sizeof(info), "%s/ompi_info", file);
            return access(info, X_OK) == 0;
        }
    }
    return false;
}
