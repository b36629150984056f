/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How quickly the CPU copies to and from device memory, by which UCX weighs
 * where eager messages, staging and zero-copy begin: as the user says, else as
 * measured when the process first uses a kind of device, else as of a PCI BAR.
 */
#ifndef UCT_PEERVMA_SPEED_H
#define UCT_PEERVMA_SPEED_H

#include <stddef.h>
#include <stdint.h>

#include <peervma.h>

#include "alloc.h"

typedef struct {
    double to_device;    /* bytes per second */
    double from_device;  /* bytes per second */
    double to_latency;   /* seconds, of the shortest copy */
    double from_latency; /* seconds */
} uct_peervma_speed_t;

/* What is to be measured is 0. Replaces what was set before, by another context
 * of UCX; what was measured is true of all. */
void uct_peervma_speed_set(const uct_peervma_speed_t *settings);

/*
 * UCX has met this mapping: measure, if it is the first of its kind and there
 * is something to measure. Less than a millisecond, on memory of our own, as
 * neither may a byte of the user's change, nor may every device's be read.
 */
void uct_peervma_speed_meet(uct_peervma_alloc_t *alloc,
                            const peervma_region_t *region);

/* Of several kinds of device the slowest, for UCX does not say which it means.
 */
void uct_peervma_speed_get(uct_peervma_speed_t *speed_p);

/*
 * Between two devices: stores are posted, so that the slower way tells. UCX
 * reckons alike with a copy by way of host memory, whose two parts it takes to
 * be at the same time; were this one's times added, it would prefer that.
 */
double uct_peervma_speed_between(const uct_peervma_speed_t *speed);

/* The parts of a measurement, for tests. */
typedef struct {
    double (*now)(void); /* seconds */
    void (*to_device)(void *device, const void *host, size_t length);
    void (*from_device)(void *host, const void *device, size_t length);
} uct_peervma_speed_probe_t;

#define UCT_PEERVMA_SPEED_BYTES ((size_t)65536) /* of each buffer */

void uct_peervma_speed_measure(const uct_peervma_speed_probe_t *probe,
                               void *device, void *host,
                               uct_peervma_speed_t *speed_p);

#endif
