/* SPDX-License-Identifier: BSD-3-Clause */
#include "place.h"

#include <dirent.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of names: above that of Ethernet devices, below that of RDMA devices. */
#define NAME_PRIORITY 15

/* The nodes of a device that programs open, in order of preference. */
static const struct {
    const char *folder;
    const char *prefix;
} nodes[] = {{"drm", "renderD"}, {"accel", "accel"}, {"drm", "card"}};

static int find_node(const char *folder, const char *prefix, char *name,
                     size_t size)
{
    struct dirent *entry;
    int found = 0;
    DIR *directory;

    directory = opendir(folder);
    if (directory == NULL) {
        return 0;
    }
    while (!found && ((entry = readdir(directory)) != NULL)) {
        found = (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) &&
                (strlen(entry->d_name) < size);
        if (found) {
            strcpy(name, entry->d_name);
        }
    }
    closedir(directory);
    return found;
}

int uct_peervma_place_name(const char *sysfs, const peervma_pci_t *pci,
                           char *name, size_t size)
{
    char folder[PATH_MAX];
    size_t i;

    for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]); ++i) {
        snprintf(folder, sizeof(folder),
                 "%s/bus/pci/devices/%04x:%02x:%02x.%x/%s", sysfs, pci->domain,
                 pci->bus, pci->device, pci->function, nodes[i].folder);
        if (find_node(folder, nodes[i].prefix, name, size)) {
            return 1;
        }
    }
    return 0;
}

/* UCX shows a device by its address on the bus until it gets a name. */
static void set_name(ucs_sys_device_t sys_device, const peervma_pci_t *pci)
{
    static _Atomic uint64_t named[(UINT8_MAX + 1) / 64];
    const uint64_t bit = UINT64_C(1) << (sys_device % 64);
    char name[32];

    if (atomic_fetch_or(&named[sys_device / 64], bit) & bit) {
        return;
    }
    if (uct_peervma_place_name("/sys", pci, name, sizeof(name))) {
        ucs_topo_sys_device_set_name(sys_device, name, NAME_PRIORITY);
    }
}

ucs_sys_device_t uct_peervma_place(const peervma_region_t *region)
{
    const peervma_pci_t *pci = &region->pci;
    const ucs_sys_bus_id_t bus_id = {.domain = (uint16_t)pci->domain,
                                     .bus = pci->bus,
                                     .slot = pci->device,
                                     .function = pci->function};
    ucs_sys_device_t sys_device;

    if (!pci->valid || (pci->domain > UINT16_MAX) ||
        (ucs_topo_find_device_by_bus_id(&bus_id, &sys_device) != UCS_OK)) {
        return UCS_SYS_DEVICE_ID_UNKNOWN;
    }
    set_name(sys_device, pci);
    return sys_device;
}
