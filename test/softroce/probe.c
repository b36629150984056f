/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Print what ibv_reg_dmabuf_mr() on rxe0 says of a descriptor that is none:
 * EBADF where dma-bufs can be registered. UCX asks in the same way.
 */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fabric.h"

int main(void)
{
    fabric_t fabric;

    fabric_open(&fabric);
    errno = 0;
    if (!ibv_reg_dmabuf_mr(fabric.pd, 0, 4096, 0, -1, FABRIC_ALL_ACCESS))
        puts(strerrorname_np(errno));
    fabric_close(&fabric);
    return 0;
}
