/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfio_fdinfo.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sysfs.h"

bool peervma_vfio_fdinfo(const char *proc, const char *fd, peervma_pci_t *pci_p)
{
    static const char key[] = "vfio-device-syspath:";
    char path[PATH_MAX], *line = NULL;
    bool found = false;
    size_t room = 0;
    FILE *file;

    snprintf(path, sizeof(path), "%s/fdinfo/%s", proc, fd);
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    while (!found && getline(&line, &room, file) > 0) {
        line[strcspn(line, "\n")] = '\0';
        found = strncmp(line, key, sizeof(key) - 1) == 0 &&
                peervma_pci_parse(peervma_path_tail(line, 1), pci_p);
    }
    free(line);
    fclose(file);
    return found;
}
