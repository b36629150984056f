/* SPDX-License-Identifier: BSD-3-Clause */
#include "topology.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "machine.h"
#include "sysfs.h"

/* A device, and the bridges above it: outermost first. */
#define MAX_DEPTH 16

struct lineage {
    char root[16]; /* "pci0000:00" */
    int depth;
    char name[MAX_DEPTH][PCI_TEXT];
};

#define MIB (UINT64_C(1) << 20)
#define BARS 6

/* Configuration space, by the PCI Express specification. */
#define CONFIG_BYTES 4096
#define EXTENDED_FIRST 0x100
#define EXTENDED_ACS 0x000d
#define ACS_CONTROL 6
#define ACS_REDIRECT 0x2c /* requests, completions, egress control */

static bool find_lineage(const char *sysfs, const peervma_pci_t *pci,
                         struct lineage *lineage_p)
{
    char path[PATH_MAX], resolved[PATH_MAX], text[PCI_TEXT];
    char *word, *rest = NULL;
    peervma_pci_t parsed;

    *lineage_p = (struct lineage){.depth = 0};
    path_make(path, "%s/bus/pci/devices/%s", sysfs,
              machine_pci_text(pci, text));
    if (!pci->valid || realpath(path, resolved) == NULL) {
        return false;
    }
    for (word = strtok_r(resolved, "/", &rest); word != NULL;
         word = strtok_r(NULL, "/", &rest)) {
        if (strncmp(word, "pci", 3) == 0 && strchr(word, ':') != NULL) {
            snprintf(lineage_p->root, sizeof(lineage_p->root), "%s", word);
        } else if (lineage_p->depth < MAX_DEPTH &&
                   peervma_pci_parse(word, &parsed)) {
            snprintf(lineage_p->name[lineage_p->depth++], PCI_TEXT, "%s", word);
        }
    }
    return lineage_p->depth > 0;
}

static uint32_t get32(const uint8_t *config, unsigned at)
{
    return (uint32_t)config[at] | (uint32_t)config[at + 1] << 8 |
           (uint32_t)config[at + 2] << 16 | (uint32_t)config[at + 3] << 24;
}

/* Does a bridge redirect? -1: its extended configuration is not shown. */
static int bridge_redirects(const char *sysfs, const char *bridge)
{
    uint8_t config[CONFIG_BYTES];
    char path[PATH_MAX];
    unsigned at = EXTENDED_FIRST, steps;
    ssize_t got;
    int fd;

    path_make(path, "%s/bus/pci/devices/%s/config", sysfs, bridge);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    got = read(fd, config, sizeof(config));
    close(fd);
    if (got <= 64) {
        return -1; /* an ordinary user sees no more */
    }
    if (got < CONFIG_BYTES) {
        return 0; /* conventional PCI: has no ACS */
    }
    for (steps = 0; at >= EXTENDED_FIRST && at + 8 <= CONFIG_BYTES &&
                    steps < CONFIG_BYTES / 4;
         steps++) {
        uint32_t header = get32(config, at);

        if ((header & 0xffff) == EXTENDED_ACS) {
            return (config[at + ACS_CONTROL] & ACS_REDIRECT) != 0;
        }
        at = header >> 20;
    }
    return 0;
}

static bool is_translated(const char *sysfs, const peervma_pci_t *pci)
{
    char path[PATH_MAX], type[32], text[PCI_TEXT];

    path_make(path, "%s/bus/pci/devices/%s/iommu_group/type", sysfs,
              machine_pci_text(pci, text));
    /* "DMA" or "DMA-FQ"; "identity" is a pass-through. */
    return read_line(path, type, sizeof(type)) && strncmp(type, "DMA", 3) == 0;
}

/* The bridges of one lineage from `common` down to the device. */
static int any_redirects(const char *sysfs, const struct lineage *lineage,
                         int common)
{
    int i, one, all = 0;

    for (i = common; i < lineage->depth - 1; i++) {
        one = bridge_redirects(sysfs, lineage->name[i]);
        if (one != 0) {
            all = one > 0 || all > 0 ? 1 : -1;
        }
    }
    return all;
}

void topology_look(const char *sysfs, const peervma_pci_t *a,
                   const peervma_pci_t *b, struct topology *topology_p)
{
    struct lineage one, other;
    int common = 0, first, second;

    *topology_p = (struct topology){.path = TOPOLOGY_UNKNOWN};
    if (!find_lineage(sysfs, a, &one) || !find_lineage(sysfs, b, &other)) {
        return;
    }
    while (common < one.depth && common < other.depth &&
           strcmp(one.name[common], other.name[common]) == 0) {
        common++;
    }
    topology_p->hops = one.depth - common + other.depth - common;
    if (strcmp(one.root, other.root) != 0) {
        topology_p->path = TOPOLOGY_FAR;
    } else {
        topology_p->path = common > 0 ? TOPOLOGY_BRIDGE : TOPOLOGY_HOST_BRIDGE;
    }
    topology_p->translated = is_translated(sysfs, a) || is_translated(sysfs, b);
    first = any_redirects(sysfs, &one, common);
    second = any_redirects(sysfs, &other, common);
    topology_p->acs_redirect = first > 0 || second > 0   ? 1
                               : first < 0 || second < 0 ? -1
                                                         : 0;
}

uint64_t topology_largest_bar(const char *sysfs, const peervma_pci_t *pci)
{
    char path[PATH_MAX], text[32], name[PCI_TEXT];
    uint64_t sizes, largest = 0;
    int bar, bit;

    for (bar = 0; bar < BARS; bar++) {
        path_make(path, "%s/bus/pci/devices/%s/resource%d_resize", sysfs,
                  machine_pci_text(pci, name), bar);
        if (!read_line(path, text, sizeof(text))) {
            continue;
        }
        sizes = strtoull(text, NULL, 16);
        for (bit = 43; bit >= 0; bit--) {
            if (sizes >> bit & 1) {
                largest = MIB << bit > largest ? MIB << bit : largest;
                break;
            }
        }
    }
    return largest;
}

const char *topology_text(const struct topology *topology)
{
    switch (topology->path) {
    case TOPOLOGY_BRIDGE:
        return "below one PCI bridge";
    case TOPOLOGY_HOST_BRIDGE:
        return "through the CPU's host bridge";
    case TOPOLOGY_FAR:
        return "through two host bridges";
    case TOPOLOGY_UNKNOWN:
        break;
    }
    return "not two PCI devices";
}

const char *topology_name(const struct topology *topology)
{
    switch (topology->path) {
    case TOPOLOGY_BRIDGE:
        return "bridge";
    case TOPOLOGY_HOST_BRIDGE:
        return "host-bridge";
    case TOPOLOGY_FAR:
        return "host-bridges";
    case TOPOLOGY_UNKNOWN:
        break;
    }
    return NULL;
}

const char *topology_obstacle(const struct topology *topology)
{
    switch (topology->path) {
    case TOPOLOGY_FAR:
        return "they are below different host bridges, and few CPUs pass "
               "peer-to-peer traffic between those: use a NIC near the "
               "accelerator";
    case TOPOLOGY_HOST_BRIDGE:
        if (topology->translated) {
            return "no common PCI bridge, and an IOMMU translates: only some "
                   "CPUs pass peer-to-peer traffic so (try iommu=pt on the "
                   "kernel's command line)";
        }
        return "no common PCI bridge: whether the CPU passes peer-to-peer "
               "traffic depends on its make";
    case TOPOLOGY_BRIDGE:
        if (topology->acs_redirect > 0) {
            return "ACS of a bridge between them sends peer-to-peer traffic "
                   "up to the CPU: switch it off in the firmware or by setpci";
        }
        return NULL;
    case TOPOLOGY_UNKNOWN:
        break;
    }
    return NULL;
}
