/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the node's NICs did with device memory, from their own hardware
 * counters in sysfs: the proof that a transfer was zero-copy. Only Soft-RoCE
 * with dma-buf memory regions (contrib/softroce) has these counters.
 */
#ifndef TEST_NIC_H
#define TEST_NIC_H

#include <stdint.h>

typedef struct nic_counters {
    uint64_t regions;       /* device memory regions registered, in all */
    uint64_t read_bytes;    /* read by NICs from device memory */
    uint64_t written_bytes; /* written by NICs to device memory */
} nic_counters_t;

/** Sums over all NICs of this node; zero where there is none. */
void nic_counters_read(nic_counters_t *counters_p);

/** Those of one NIC, "rxe0". */
void nic_counters_read_of(const char *nic, nic_counters_t *counters_p);

#endif
