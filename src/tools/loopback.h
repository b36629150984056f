/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A NIC that talks to itself: one queue pair, connected to itself, moves bytes
 * between memory of this process and a dma-buf. Nothing leaves the machine.
 */
#ifndef PEERVMA_TOOLS_LOOPBACK_H
#define PEERVMA_TOOLS_LOOPBACK_H

#include <stddef.h>
#include <stdint.h>

struct loopback; /* opaque */

enum loopback_direction {
    LOOPBACK_READ, /* from the dma-buf to the host buffer */
    LOOPBACK_WRITE,
};

/*
 * Why a step failed. `error` is -errno, or 0 where the NIC itself reported the
 * failure; `text` is a static string that says more, or NULL.
 */
struct loopback_failure {
    int error;
    const char *text;
};

/*
 * Open a NIC, with a host buffer of `size` bytes for it. Return 0, or -errno:
 * -ENOSYS where this program was built without libibverbs. Then, as below,
 * *failure_p says why.
 */
int loopback_open(const char *nic, size_t size, struct loopback **loopback_p,
                  struct loopback_failure *failure_p);
void loopback_close(struct loopback *loopback);

/* The host buffer. */
void *loopback_host(const struct loopback *loopback);

/* Register `size` bytes of a dma-buf, from `offset` on, in place of the last
 * registration. */
int loopback_register(struct loopback *loopback, int dmabuf, uint64_t offset,
                      struct loopback_failure *failure_p);

/*
 * Connect the queue pair to itself. After a transfer that failed it has to be
 * done anew.
 */
int loopback_connect(struct loopback *loopback,
                     struct loopback_failure *failure_p);

/* Move all `size` bytes, which takes *seconds_p. */
int loopback_transfer(struct loopback *loopback,
                      enum loopback_direction direction, double *seconds_p,
                      struct loopback_failure *failure_p);

#endif
