/* SPDX-License-Identifier: BSD-3-Clause */
#include "place.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "accelerators.h"
#include "pci.h"

/* Of names: above that of Ethernet devices, below that of RDMA devices. */
#define NAME_PRIORITY 15

typedef struct {
    const peervma_pci_t *pci;
    char *name;
    size_t size;
    int found;
} search_t;

static void keep_name(const struct accelerator *accelerator, void *arg)
{
    const char *name = strrchr(accelerator->node, '/') + 1;
    search_t *search = arg;

    if (accelerator->pci.valid &&
        peervma_pci_is_same(&accelerator->pci, search->pci) &&
        (strlen(name) < search->size)) {
        strcpy(search->name, name);
        search->found = 1;
    }
}

int uct_peervma_place_name(const char *sysfs, const peervma_pci_t *pci,
                           char *name, size_t size)
{
    search_t search = {.pci = pci, .name = name, .size = size};

    machine_accelerators(sysfs, keep_name, &search);
    return search.found;
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
