/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_LIB_PCI_H
#define PEERVMA_LIB_PCI_H

#include <stdbool.h>

#include "peervma.h"

/* The same address on the buses, whether or not either is valid. */
static inline bool peervma_pci_is_same(const peervma_pci_t *a,
                                       const peervma_pci_t *b)
{
    return a->domain == b->domain && a->bus == b->bus &&
           a->device == b->device && a->function == b->function;
}

#endif
