/* SPDX-License-Identifier: BSD-3-Clause */
#include "nics.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define INFINIBAND "/sys/class/infiniband"

#define SOFT_ROCE_PORT "1"

static bool is_on_a_bus(const char *root, const char *device)
{
    char path[PATH_MAX];
    int length;

    length = snprintf(path, sizeof(path), "%s" INFINIBAND "/%s/device", root,
                      device);
    return (length < (int)sizeof(path)) && (access(path, F_OK) == 0);
}

/*
 * The Ethernet device of a Soft-RoCE NIC. rdma_rxe is the one driver that shows
 * it, as "parent". Return: that the device is Soft-RoCE, which may tell the bus
 * of its Ethernet device for its own.
 */
static bool soft_roce_parent(const char *root, const char *device,
                             char parent[32])
{
    char path[PATH_MAX];
    FILE *file;
    int length;

    length = snprintf(path, sizeof(path), "%s" INFINIBAND "/%s/parent", root,
                      device);
    file = (length < (int)sizeof(path)) ? fopen(path, "re") : NULL;
    if (file == NULL) {
        return false;
    }
    length = fscanf(file, "%31s", parent);
    fclose(file);
    return length == 1;
}

/* More names than there is room for are left out, each as a whole. */
static void soft_roce_add(char names[PEERVMA_NICS_NAMES_MAX],
                          const char *device, const char *parent)
{
    size_t used = strlen(names);
    size_t room = PEERVMA_NICS_NAMES_MAX - used;

    if (snprintf(names + used, room, "%s%s:" SOFT_ROCE_PORT ",%s",
                 (used > 0) ? "," : "", device, parent) >= (int)room) {
        names[used] = '\0';
    }
}

void peervma_nics_look(const char *root, peervma_nics_t *nics_p)
{
    char path[PATH_MAX], parent[32];
    struct dirent *entry;
    DIR *folder = NULL;

    memset(nics_p, 0, sizeof(*nics_p));
    if (snprintf(path, sizeof(path), "%s" INFINIBAND, root) <
        (int)sizeof(path)) {
        folder = opendir(path);
    }
    while ((folder != NULL) && ((entry = readdir(folder)) != NULL)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        if (soft_roce_parent(root, entry->d_name, parent)) {
            soft_roce_add(nics_p->soft_roce, entry->d_name, parent);
        } else if (is_on_a_bus(root, entry->d_name)) {
            nics_p->hardware = true;
        }
    }
    if (folder != NULL) {
        closedir(folder);
    }
}
