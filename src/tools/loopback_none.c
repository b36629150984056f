/* SPDX-License-Identifier: BSD-3-Clause */
/* Instead of loopback.c where there is no libibverbs. */
#include "loopback.h"

#include <errno.h>

int loopback_open(const char *nic, size_t size, struct loopback **loopback_p,
                  struct loopback_failure *failure_p)
{
    (void)nic;
    (void)size;
    (void)loopback_p;
    *failure_p = (struct loopback_failure){
        -ENOSYS, "this peervma was built without libibverbs"};
    return -ENOSYS;
}

/* The others are never called. */
void loopback_close(struct loopback *loopback)
{
    (void)loopback;
}

void *loopback_host(const struct loopback *loopback)
{
    (void)loopback;
    return NULL;
}

int loopback_register(struct loopback *loopback, int dmabuf, uint64_t offset,
                      struct loopback_failure *failure_p)
{
    (void)loopback;
    (void)dmabuf;
    (void)offset;
    (void)failure_p;
    return -ENOSYS;
}

int loopback_connect(struct loopback *loopback,
                     struct loopback_failure *failure_p)
{
    (void)loopback;
    (void)failure_p;
    return -ENOSYS;
}

int loopback_transfer(struct loopback *loopback,
                      enum loopback_direction direction, double *seconds_p,
                      struct loopback_failure *failure_p)
{
    (void)loopback;
    (void)direction;
    (void)seconds_p;
    (void)failure_p;
    return -ENOSYS;
}
