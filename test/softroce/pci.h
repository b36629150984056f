/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The accelerator's PCI device, taken away and brought back. Needs root. What
 * fails ends the program with a message.
 */
#ifndef PCI_H
#define PCI_H

#include <stddef.h>
#include <stdint.h>

/** Look for it, while it has its driver; the others need that once. */
void pci_find(void);

void pci_unbind(void);
void pci_bind(void);

/** Off the bus, as if pulled out; and on again, with its driver. */
void pci_remove(void);
void pci_rescan(void);

/**
 * `length` bytes at `offset` of its memory, to read, which can be seen so while
 * it has no driver. The caller unmaps them.
 */
uint8_t *pci_map(uint64_t offset, size_t length);

#endif
