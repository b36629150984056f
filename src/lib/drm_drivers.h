/* SPDX-License-Identifier: BSD-3-Clause */
/* How each DRM driver tells where in its node an object is mapped. */
#ifndef PEERVMA_DRM_DRIVERS_H
#define PEERVMA_DRM_DRIVERS_H

#include <stdint.h>

#include "view.h"

/* A driver's ioctl "mmap offset of this handle", as its uAPI lays it out. */
struct peervma_drm_driver {
    const char *name; /* as DRM_IOCTL_VERSION gives it; NULL: any other */
    uint8_t nr;       /* of the ioctl, which reads and writes its structure */
    uint8_t size;     /* of the structure, zero but for what follows */
    uint8_t handle;   /* where the 32 bits of the handle are */
    uint8_t offset;   /* where the 64 bits of the offset will be */
    uint8_t flags;    /* where 64 bits of flags are, or 0 */
    uint8_t kinds;    /* an object may be mapped in as many ways, each ... */
    uint8_t kind[5];  /* ... with such flags and an offset of its own */
};

/* The driver called `name`, or what may be asked of any. Never NULL. */
const struct peervma_drm_driver *peervma_drm_driver_find(const char *name);

/* The number of its ioctl. */
unsigned long peervma_drm_request(const struct peervma_drm_driver *driver);

/*
 * The offset at which a mapping of an object begins, of the file that `fd` is
 * of. `kind` is below driver->kinds. 0 or -errno.
 */
int peervma_drm_mmap_offset(const struct peervma_view *view,
                            const struct peervma_drm_driver *driver, int fd,
                            uint32_t handle, unsigned kind, uint64_t *offset_p);

#endif
