/* SPDX-License-Identifier: BSD-3-Clause */
#include "describe.h"

#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>

#include "classify.h"
#include "sysfs.h"

/* The finalizer of splitmix64: every bit of the input moves every other. */
static uint64_t mix(uint64_t seed, uint64_t value)
{
    uint64_t x = seed + value + 0x9e3779b97f4a7c15;

    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* The top bit keeps it apart from the numbers of a region map. */
static uint64_t identity(const struct peervma_vma *vma)
{
    uint64_t dev = ((uint64_t)vma->dev_major << 32) | vma->dev_minor;

    return mix(mix(mix(mix(mix(0, vma->start), vma->end), vma->offset), dev),
               vma->inode) |
           1ULL << 63;
}

/* What only the module knows, or knows better. */
static void ask_module(const struct peervma_module *module,
                       const struct peervma_vma *vma, peervma_region_t *region)
{
    struct peervma_query query;

    if (peervma_module_query(module, vma->start, &query) != 0 ||
        query.vma_start != vma->start || query.vma_end != vma->end ||
        query.kind == PEERVMA_VMA_NONE) {
        return;
    }

    region->kind = query.kind <= PEERVMA_VMA_OTHER ? (peervma_kind_t)query.kind
                                                   : PEERVMA_KIND_OTHER;
    if (query.reason != PEERVMA_REASON_UNKNOWN_OFFSET) {
        region->object_offset = query.object_offset;
        region->object_size = query.object_size;
    }
    if (query.pci_valid) {
        region->pci = (peervma_pci_t){
            .domain = query.pci_domain,
            .bus = (uint8_t)query.pci_bus,
            .device = (uint8_t)(query.pci_devfn >> 3),
            .function = query.pci_devfn & 7,
            .valid = 1,
        };
    }
}

int peervma_describe(const struct peervma_context *context,
                     const struct peervma_vma *vma, peervma_region_t *region_p)
{
    struct peervma_class class;

    peervma_classify(&context->view, vma, &class);
    if (class.kind == PEERVMA_KIND_NONE && !class.unsure) {
        return -ENOENT;
    }

    *region_p = (peervma_region_t){
        .base = vma->start,
        .length = vma->end - vma->start,
        .generation = identity(vma),
        .kind = class.kind,
        .prot = vma->prot & (PROT_READ | PROT_WRITE),
        .pci = class.pci,
        .cache = class.cache,
    };
    if (context->view.own) {
        ask_module(&context->module, vma, region_p);
    }
    region_p->numa_node =
        peervma_sysfs_numa_node(&context->view, &region_p->pci);
    return region_p->kind == PEERVMA_KIND_NONE ? -ENOENT : 0;
}

struct describe_walk {
    const struct peervma_context *context;
    peervma_mapping_cb_t cb;
    void *arg;
};

static int describe_vma(const struct peervma_vma *vma, void *arg)
{
    const struct describe_walk *walk = arg;
    peervma_region_t region;

    if (peervma_describe(walk->context, vma, &region) != 0) {
        return 0;
    }
    return walk->cb(vma, &region, walk->arg);
}

int peervma_mappings_walk(const struct peervma_context *context,
                          uintptr_t start, uintptr_t end,
                          peervma_mapping_cb_t cb, void *arg)
{
    struct describe_walk walk = {.context = context, .cb = cb, .arg = arg};

    return peervma_maps_walk(&context->maps, start, end, describe_vma, &walk);
}

struct one_mapping {
    struct peervma_vma *vma_p;
    peervma_region_t *region_p;
};

/* Anything but 0 and an errno. */
#define FOUND 1

static int keep_mapping(const struct peervma_vma *vma,
                        const peervma_region_t *region, void *arg)
{
    const struct one_mapping *one = arg;

    if (one->vma_p != NULL) {
        *one->vma_p = *vma;
    }
    *one->region_p = *region;
    return FOUND;
}

int peervma_mapping_at(const struct peervma_context *context, uintptr_t address,
                       struct peervma_vma *vma_p, peervma_region_t *region_p)
{
    struct one_mapping one = {.vma_p = vma_p, .region_p = region_p};
    int ret;

    if (address == UINTPTR_MAX) {
        return -ENOENT;
    }
    ret = peervma_mappings_walk(context, address, address + 1, keep_mapping,
                                &one);
    if (ret == 0) {
        return -ENOENT;
    }
    return ret == FOUND ? 0 : ret;
}
