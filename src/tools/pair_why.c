/* SPDX-License-Identifier: BSD-3-Clause */
#include "pair_why.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "topology.h"

#define MIB (UINT64_C(1) << 20)

/* Of Linux's own, which has no name in user space: ENOTSUPP. */
#define KERNEL_ENOTSUPP 524

static void append(char *text, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, size - used, format, args);
    va_end(args);
}

void pair_why_small_bar(const char *sysfs,
                        const struct accelerator *accelerator, char *text,
                        size_t size)
{
    uint64_t now = accelerator->largest_bar, possible;

    if (!accelerator->pci.valid || now == 0) {
        return;
    }
    possible = topology_largest_bar(sysfs, &accelerator->pci);
    if (possible > now) {
        append(text, size,
               "; small BAR: %" PRIu64 " of %" PRIu64 " MiB, and what lies "
               "beyond is reached by no NIC: switch on Resizable BAR and Above "
               "4G Decoding in the firmware",
               now / MIB, possible / MIB);
    }
}

/* A driver that can, asks the exporter for addresses, which then refuses. */
static void explain_exporter(const char *sysfs,
                             const struct accelerator *accelerator,
                             const struct nic *nic, int error, char *text,
                             size_t size)
{
    struct topology topology;
    const char *obstacle;

    topology_look(sysfs, &accelerator->pci, &nic->pci, &topology);
    obstacle = topology_obstacle(&topology);
    append(text, size,
           "no P2P path: driver %s refuses this NIC its memory (%s)%s%s",
           accelerator->driver,
           error == -KERNEL_ENOTSUPP ? "not supported" : strerror(-error),
           obstacle != NULL ? ": " : "", obstacle != NULL ? obstacle : "");
    pair_why_small_bar(sysfs, accelerator, text, size);
}

void pair_why_not_registered(const char *sysfs,
                             const struct accelerator *accelerator,
                             const struct nic *nic, int error, char *text,
                             size_t size)
{
    text[0] = '\0';
    switch (-error) {
    case ENOMEM:
    case EAGAIN:
        append(text, size,
               "not registered: %s: the NIC or the limit for locked memory "
               "(ulimit -l)",
               strerror(-error));
        return;
    case EACCES:
    case EPERM:
        append(text, size,
               "not registered: no permission for the NIC or for writing the "
               "dma-buf");
        return;
    case EOPNOTSUPP:
    case EPROTONOSUPPORT:
    case EINVAL:
    case EREMOTEIO:
    case KERNEL_ENOTSUPP:
        break;
    default:
        append(text, size, "not registered: %s", strerror(-error));
        return;
    }
    if (nic_probe_dmabuf(nic->name) != 0) {
        append(text, size,
               "no dma-buf in the NIC's driver (%s): mlx5, irdma, bnxt_re and "
               "efa of a recent kernel have it",
               nic->driver[0] != '\0' ? nic->driver : "?");
        return;
    }
    explain_exporter(sysfs, accelerator, nic, error, text, size);
}
