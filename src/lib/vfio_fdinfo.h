/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef PEERVMA_VFIO_FDINFO_H
#define PEERVMA_VFIO_FDINFO_H

#include <stdbool.h>

#include "peervma.h"

/*
 * The PCI device that a VFIO descriptor is of, by what `proc`/fdinfo/`fd` says
 * since Linux 6.18: "vfio-device-syspath: /sys/.../0000:00:08.0". False: it
 * does not.
 */
bool peervma_vfio_fdinfo(const char *proc, const char *fd,
                         peervma_pci_t *pci_p);

#endif
