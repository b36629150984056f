/* SPDX-License-Identifier: BSD-3-Clause */
/* Instead of nic_probe.c where there is no libibverbs. */
#include <errno.h>

#include "machine.h"

int nic_probe_dmabuf(const char *name)
{
    (void)name;
    return -ENOSYS;
}
