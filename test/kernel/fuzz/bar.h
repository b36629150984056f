/* SPDX-License-Identifier: BSD-3-Clause */
/* Registers of a PCI device, mapped through sysfs, taken back by munmap. */
#ifndef FUZZ_BAR_H
#define FUZZ_BAR_H

#include "fuzz.h"

/* Find the device and allow its export; forbid it again. */
void bar_setup(void);
void bar_teardown(void);

/* Map or unmap the thread's window on it, export it or ask about it. */
void bar_try(worker_t *worker);
void bar_clear(worker_t *worker);

#endif
