/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Memory on the machine's accelerators, as their drivers give it: for
 * ucp_mem_map(UCP_MEM_MAP_ALLOCATE), and to measure copies on.
 */
#ifndef UCT_PEERVMA_ALLOC_H
#define UCT_PEERVMA_ALLOC_H

#include <stddef.h>

#include <peervma.h>

typedef struct uct_peervma_alloc uct_peervma_alloc_t;

/* A buffer, mapped shared. Its address and length are whole pages. */
typedef struct uct_peervma_memory {
    void *address;
    size_t length;
} uct_peervma_memory_t;

/*
 * Look for accelerators; none is opened yet. `setting`: "auto", a number as
 * `peervma list` counts, or a node, "/dev/dri/renderD128" or "renderD128".
 * NULL: there is no memory for it.
 */
uct_peervma_alloc_t *uct_peervma_alloc_create(const char *setting);
void uct_peervma_alloc_destroy(uct_peervma_alloc_t *alloc);

/* Is there an accelerator as the setting names it, which this user may open? */
int uct_peervma_alloc_has_device(const uct_peervma_alloc_t *alloc);

/*
 * Allocate on the accelerator at this PCI address, or, without one, on that of
 * the setting; "auto" is the first that gives any, in preference by a call of
 * its driver's own. 0 or -errno: -ENODEV (there is no such one), -ENOMEM and
 * -ENOSPC (it is full), or why it cannot be opened.
 */
int uct_peervma_alloc_get(uct_peervma_alloc_t *alloc, const peervma_pci_t *pci,
                          size_t length, uct_peervma_memory_t **memory_p);
void uct_peervma_alloc_put(uct_peervma_memory_t *memory);

#endif
