/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "machine.h"
#include "sysfs.h"

struct search {
    const char *sysfs;
    nic_cb_t cb;
    void *arg;
    struct nic *nic; /* for find_node() */
};

/*
 * Soft-RoCE has no driver link, or that of the card below it; that it alone
 * shows its network device as "parent" tells it.
 */
static void read_driver(const char *folder, struct nic *nic)
{
    char path[PATH_MAX];

    path_make(path, "%s/parent", folder);
    if (read_line(path, nic->netdev, sizeof(nic->netdev))) {
        snprintf(nic->driver, sizeof(nic->driver), "rdma_rxe");
        nic->is_software = true;
    } else {
        path_make(path, "%s/device/driver", folder);
        read_link_name(path, nic->driver, sizeof(nic->driver));
    }
}

static void find_node(const char *name, void *arg)
{
    struct search *search = arg;
    char path[PATH_MAX], device[64];

    path_make(path, "%s/class/infiniband_verbs/%s/ibdev", search->sysfs, name);
    if (read_line(path, device, sizeof(device)) &&
        strcmp(device, search->nic->name) == 0) {
        snprintf(search->nic->node, sizeof(search->nic->node),
                 "/dev/infiniband/%.40s", name);
    }
}

static void read_node(const char *sysfs, struct nic *nic)
{
    struct search search = {.sysfs = sysfs, .nic = nic};
    char path[PATH_MAX];

    path_make(path, "%s/class/infiniband_verbs", sysfs);
    for_each_entry(path, find_node, &search);
}

static void tell_nic(const char *name, void *arg)
{
    const struct search *search = arg;
    char folder[PATH_MAX], path[PATH_MAX], state[32], device[64];
    struct peervma_view view = {.sysfs = search->sysfs};
    struct nic nic = {.netdev = ""};
    const char *word;

    path_make(folder, "%s/class/infiniband/%s", search->sysfs, name);
    snprintf(nic.name, sizeof(nic.name), "%s", name);
    read_driver(folder, &nic);
    if (nic.netdev[0] == '\0') {
        path_make(path, "%s/ports/1/gid_attrs/ndevs/0", folder);
        read_line(path, nic.netdev, sizeof(nic.netdev));
    }

    /* "4: ACTIVE" */
    path_make(path, "%s/ports/1/state", folder);
    read_line(path, state, sizeof(state));
    word = strchr(state, ' ');
    snprintf(nic.state, sizeof(nic.state), "%s", word ? word + 1 : state);
    path_make(path, "%s/ports/1/link_layer", folder);
    read_line(path, nic.link, sizeof(nic.link));

    path_make(path, "%s/device", folder);
    if (read_link_name(path, device, sizeof(device))) {
        peervma_pci_parse(device, &nic.pci);
    }
    nic.numa_node = peervma_sysfs_numa_node(&view, &nic.pci);
    read_node(search->sysfs, &nic);
    search->cb(&nic, search->arg);
}

int machine_nics(const char *sysfs, nic_cb_t cb, void *arg)
{
    struct search search = {.sysfs = sysfs, .cb = cb, .arg = arg};
    char path[PATH_MAX];

    path_make(path, "%s/class/infiniband", sysfs);
    return for_each_entry(path, tell_nic, &search);
}
