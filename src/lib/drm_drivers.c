/* SPDX-License-Identifier: BSD-3-Clause */
#include "drm_drivers.h"

#include <drm.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

/*
 * Own figures, which the tests hold against the headers: those of the
 * distributions lack xe, panfrost and panthor, and often the newest of others.
 * Where a structure has flags or padding, zero asks for the offset.
 */
static const struct peervma_drm_driver drivers[] = {
    {.name = "amdgpu", .nr = 0x41, .size = 8, .handle = 0, .offset = 0},
    /* The ways are FIXED, the only one with device memory; WC, WB, UC, GTT. */
    {.name = "i915",
     .nr = 0x64,
     .size = 32,
     .handle = 0,
     .offset = 8,
     .flags = 16,
     .kinds = 5,
     .kind = {4, 1, 2, 3, 0}},
    {.name = "msm", .nr = 0x43, .size = 24, .handle = 0, .offset = 8},
    {.name = "nouveau", .nr = 0x84, .size = 40, .handle = 0, .offset = 24},
    {.name = "panfrost", .nr = 0x43, .size = 16, .handle = 0, .offset = 8},
    {.name = "panthor", .nr = 0x46, .size = 16, .handle = 0, .offset = 8},
    {.name = "softaccel", .nr = 0x47, .size = 16, .handle = 0, .offset = 8},
    {.name = "virtio_gpu", .nr = 0x41, .size = 16, .handle = 8, .offset = 0},
    {.name = "xe", .nr = 0x42, .size = 40, .handle = 8, .offset = 16},
    /* DRM_IOCTL_MODE_MAP_DUMB, of vgem and of displays: card nodes only. */
    {.name = NULL, .nr = 0xb3, .size = 16, .handle = 0, .offset = 8},
};

const struct peervma_drm_driver *peervma_drm_driver_find(const char *name)
{
    const struct peervma_drm_driver *driver = drivers;

    while (driver->name != NULL && strcmp(driver->name, name) != 0) {
        driver++;
    }
    return driver;
}

unsigned long peervma_drm_request(const struct peervma_drm_driver *driver)
{
    return _IOC(_IOC_READ | _IOC_WRITE, DRM_IOCTL_BASE, driver->nr,
                driver->size);
}

int peervma_drm_mmap_offset(const struct peervma_view *view,
                            const struct peervma_drm_driver *driver, int fd,
                            uint32_t handle, unsigned kind, uint64_t *offset_p)
{
    unsigned char arg[64] = {0};
    uint64_t flags = driver->kind[kind];

    memcpy(arg + driver->handle, &handle, sizeof(handle));
    if (driver->flags != 0) {
        memcpy(arg + driver->flags, &flags, sizeof(flags));
    }
    if (view->drm_ioctl(fd, peervma_drm_request(driver), arg) != 0) {
        return -errno;
    }
    memcpy(offset_p, arg + driver->offset, sizeof(*offset_p));
    return 0;
}
