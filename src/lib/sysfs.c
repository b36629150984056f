/* SPDX-License-Identifier: BSD-3-Clause */
#include "sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* sscanf() takes more for a number than the kernel writes: compare. */
bool peervma_pci_parse(const char *text, peervma_pci_t *pci_p)
{
    unsigned domain, bus, device, function;
    size_t length = strcspn(text, "/");
    char name[24];

    if (sscanf(text, "%8x:%2x:%2x.%1x", &domain, &bus, &device, &function) !=
        4) {
        return false;
    }
    snprintf(name, sizeof(name), "%04x:%02x:%02x.%x", domain, bus, device,
             function);
    if (strlen(name) != length || memcmp(name, text, length) != 0) {
        return false;
    }

    *pci_p = (peervma_pci_t){
        .domain = domain,
        .bus = (uint8_t)bus,
        .device = (uint8_t)device,
        .function = (uint8_t)function,
        .valid = 1,
    };
    return true;
}

const char *peervma_path_tail(const char *path, int count)
{
    const char *p = path + strlen(path);

    while (p > path) {
        p--;
        if (*p == '/' && --count == 0) {
            return p + 1;
        }
    }
    return "";
}

/* Resolve a file in the sysfs folder of a character device. */
static bool resolve_char(const struct peervma_view *view, dev_t device,
                         const char *name, char resolved[PATH_MAX])
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/dev/char/%u:%u/%s", view->sysfs,
             major(device), minor(device), name);
    return realpath(path, resolved) != NULL;
}

bool peervma_sysfs_char_link(const struct peervma_view *view, dev_t device,
                             const char *name, char *target, size_t size)
{
    char resolved[PATH_MAX];

    if (!resolve_char(view, device, name, resolved)) {
        return false;
    }
    snprintf(target, size, "%s", peervma_path_tail(resolved, 1));
    return true;
}

peervma_pci_t peervma_sysfs_char_pci(const struct peervma_view *view,
                                     dev_t device)
{
    peervma_pci_t pci = {.valid = 0};
    char resolved[PATH_MAX];

    if (!resolve_char(view, device, "device", resolved)) {
        return pci;
    }

    /* A virtio device is the function of the PCI device above it. Of other
     * devices, on USB for instance, the one above is only a bridge. */
    if (!peervma_pci_parse(peervma_path_tail(resolved, 1), &pci) &&
        strncmp(peervma_path_tail(resolved, 1), "virtio", 6) == 0) {
        peervma_pci_parse(peervma_path_tail(resolved, 2), &pci);
    }
    return pci;
}

int peervma_sysfs_numa_node(const struct peervma_view *view,
                            const peervma_pci_t *pci)
{
    char path[PATH_MAX], text[16];
    int fd, node = -1;
    ssize_t got;

    if (!pci->valid) {
        return -1;
    }

    snprintf(path, sizeof(path),
             "%s/bus/pci/devices/%04x:%02x:%02x.%x/numa_node", view->sysfs,
             pci->domain, pci->bus, pci->device, pci->function);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }

    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got > 0) {
        text[got] = '\0';
        node = atoi(text);
    }
    return node < 0 ? -1 : node;
}
