/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Accesses to memory that may be taken away meanwhile. When a driver takes
 * device memory back (its device is unbound, say), the CPU's next access to a
 * mapping of it raises SIGBUS; here that becomes an error of the access.
 */
#ifndef UCT_PEERVMA_IPC_FAULT_H
#define UCT_PEERVMA_IPC_FAULT_H

#include <stddef.h>

typedef struct {
    const void *start;
    size_t length;
} uct_peervma_ipc_range_t;

/*
 * Have SIGBUS come here first; what is not ours goes on to the handler that was
 * there. Once; a handler that the program sets later takes its place.
 */
void uct_peervma_ipc_fault_catch(void);

/*
 * Call `access(arg)`. -EFAULT if that met memory of one of `count` ranges that
 * is no more: it was left at that point and must hold nothing to be undone.
 */
int uct_peervma_ipc_fault_try(void (*access)(void *arg), void *arg,
                              const uct_peervma_ipc_range_t *ranges,
                              unsigned count);

#endif
