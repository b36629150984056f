/* SPDX-License-Identifier: BSD-3-Clause */
/* What kind of memory a mapping is, as far as it can be told from outside. */
#ifndef PEERVMA_CLASSIFY_H
#define PEERVMA_CLASSIFY_H

#include <stdbool.h>

#include "peervma.h"
#include "vma.h"

struct peervma_class {
    peervma_kind_t kind;
    bool unsure;       /* kind is NONE, but peervma.ko may know better */
    dev_t device;      /* of the node mapped; 0: none, or not known */
    peervma_pci_t pci; /* of the device mapped */
    peervma_cache_t cache;
};

/* Is it the number of a DRM or accel node? */
bool peervma_is_drm(dev_t device);

void peervma_classify(const struct peervma_view *view,
                      const struct peervma_vma *vma,
                      struct peervma_class *class_p);

#endif
