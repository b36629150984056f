/* SPDX-License-Identifier: BSD-3-Clause */
#include "device_alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <amdgpu_drm.h>
#include <drm.h>
#include <nouveau_drm.h>

#include "softaccel_drm.h"

#define PAGE ((size_t)4096)

/* One row of a dumb buffer: a page at 32 bits a pixel, the one format that
 * every driver of them takes. */
#define DUMB_WIDTH 1024

struct device_driver {
    const char *name;
    bool clears;
    bool primary; /* only the primary node gives memory */
    int (*create)(int fd, size_t length, struct device_buffer *buffer_p);
};

static int drm_ioctl(int fd, unsigned long request, void *arg)
{
    int ret;

    do {
        ret = ioctl(fd, request, arg);
    } while (ret < 0 && (errno == EINTR || errno == EAGAIN));
    return ret < 0 ? -errno : 0;
}

static int close_handle(int fd, uint32_t handle)
{
    struct drm_gem_close arg = {.handle = handle};

    return drm_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

static int softaccel_create(int fd, size_t length,
                            struct device_buffer *buffer_p)
{
    struct softaccel_alloc arg = {.size = length};
    int ret = drm_ioctl(fd, DRM_IOCTL_SOFTACCEL_ALLOC, &arg);

    if (ret == 0) {
        *buffer_p =
            (struct device_buffer){arg.handle, arg.size, arg.mmap_offset};
    }
    return ret;
}

/* By its uAPI header, and not tried: there was no such device. */
static int amdgpu_create(int fd, size_t length, struct device_buffer *buffer_p)
{
    union drm_amdgpu_gem_create create = {
        .in = {.bo_size = length,
               .alignment = PAGE,
               .domains = AMDGPU_GEM_DOMAIN_VRAM,
               .domain_flags = AMDGPU_GEM_CREATE_CPU_ACCESS_REQUIRED |
                               AMDGPU_GEM_CREATE_VRAM_CLEARED}};
    union drm_amdgpu_gem_mmap map;
    uint32_t handle;
    int ret;

    ret = drm_ioctl(fd, DRM_IOCTL_AMDGPU_GEM_CREATE, &create);
    if (ret != 0) {
        return ret;
    }
    handle = create.out.handle;
    map = (union drm_amdgpu_gem_mmap){.in = {.handle = handle}};
    ret = drm_ioctl(fd, DRM_IOCTL_AMDGPU_GEM_MMAP, &map);
    if (ret != 0) {
        close_handle(fd, handle);
        return ret;
    }
    *buffer_p = (struct device_buffer){handle, length, map.out.addr_ptr};
    return 0;
}

/* By its uAPI header, and not tried: there was no such device. */
static int nouveau_create(int fd, size_t length, struct device_buffer *buffer_p)
{
    struct drm_nouveau_gem_new arg = {
        .info = {.domain =
                     NOUVEAU_GEM_DOMAIN_VRAM | NOUVEAU_GEM_DOMAIN_MAPPABLE,
                 .size = length},
        .align = PAGE};
    int ret;

    ret = drm_ioctl(fd, DRM_IOWR(DRM_COMMAND_BASE + DRM_NOUVEAU_GEM_NEW, arg),
                    &arg);
    if (ret == 0) {
        *buffer_p = (struct device_buffer){arg.info.handle, arg.info.size,
                                           arg.info.map_handle};
    }
    return ret;
}

static int dumb_create(int fd, size_t length, struct device_buffer *buffer_p)
{
    struct drm_mode_create_dumb create = {
        .width = DUMB_WIDTH, .bpp = 32, .height = (uint32_t)(length / PAGE)};
    struct drm_mode_map_dumb map = {0};
    int ret;

    if (length / PAGE > UINT32_MAX) {
        return -ENOMEM;
    }
    ret = drm_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create);
    if (ret != 0) {
        /* The core's answer to more than 4 GiB. */
        return ret == -EINVAL ? -ENOMEM : ret;
    }
    map.handle = create.handle;
    ret = drm_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &map);
    if (ret != 0) {
        close_handle(fd, create.handle);
        return ret;
    }
    *buffer_p = (struct device_buffer){create.handle, create.size, map.offset};
    return 0;
}

/* The first of its name; the last is for all others. */
static const struct device_driver drivers[] = {
    {"softaccel", true, false, softaccel_create},
    {"amdgpu", true, false, amdgpu_create},
    {"nouveau", false, false, nouveau_create},
    {NULL, false, true, dumb_create},
};

static const struct device_driver *find_driver(const char *name)
{
    const struct device_driver *driver = drivers;

    while (driver->name != NULL && strcmp(driver->name, name) != 0) {
        driver++;
    }
    return driver;
}

/* DRM's minors of primary nodes: there are no others. */
#define PRIMARY_NODES 64

/* The primary node of the device that a node is of. 0 or -errno. */
static int find_primary(int fd, char path[PATH_MAX])
{
    struct stat st;
    unsigned i;

    if (fstat(fd, &st) != 0) {
        return -errno;
    }
    for (i = 0; i < PRIMARY_NODES; i++) {
        snprintf(path, PATH_MAX, "/sys/dev/char/%u:%u/device/drm/card%u",
                 major(st.st_rdev), minor(st.st_rdev), i);
        if (access(path, F_OK) == 0) {
            snprintf(path, PATH_MAX, "/dev/dri/card%u", i);
            return 0;
        }
    }
    return -EOPNOTSUPP;
}

static int open_node(const char *node)
{
    int fd = open(node, O_RDWR | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/*
 * Go over to the primary node, for dumb buffers, if there are such. Only a try
 * tells: DRM answers no question of capabilities where there is no display.
 */
static int open_primary(int *fd)
{
    struct device_buffer buffer;
    char path[PATH_MAX];
    int primary, ret;

    ret = find_primary(*fd, path);
    if (ret != 0) {
        return ret;
    }
    primary = open_node(path);
    if (primary < 0) {
        return primary;
    }
    /* The first to open it is its master, which a display server has to be. */
    drm_ioctl(primary, DRM_IOCTL_DROP_MASTER, NULL);
    ret = dumb_create(primary, PAGE, &buffer);
    if (ret == 0) {
        close_handle(primary, buffer.handle);
    } else if (ret == -ENOSYS) {
        close(primary);
        return -EOPNOTSUPP;
    }
    /* Another failure, for want of memory, is for the next try to find. */
    close(*fd);
    *fd = primary;
    return 0;
}

int device_open(const char *node, struct device *device_p)
{
    struct device device = {.fd = open_node(node)};
    struct drm_version version = {.name = device.driver,
                                  .name_len = sizeof(device.driver) - 1};
    int ret = 0;

    if (device.fd < 0) {
        return device.fd;
    }
    if (drm_ioctl(device.fd, DRM_IOCTL_VERSION, &version) != 0) {
        ret = -ENODEV;
        goto err_close;
    }
    device.how = find_driver(device.driver);
    if (device.how->primary) {
        ret = open_primary(&device.fd);
    }
    if (ret != 0) {
        goto err_close;
    }
    *device_p = device;
    return 0;

err_close:
    close(device.fd);
    return ret;
}

void device_close(struct device *device)
{
    close(device->fd);
    device->fd = -1;
}

const char *device_way(const struct device *device)
{
    return device->how->name != NULL ? device->how->name : "dumb";
}

bool device_clears(const struct device *device)
{
    return device->how->clears;
}

int device_buffer_create(const struct device *device, size_t length,
                         struct device_buffer *buffer_p)
{
    size_t pages = length / PAGE + (length % PAGE != 0);

    if (pages == 0) {
        return -EINVAL;
    }
    if (pages > SIZE_MAX / PAGE) {
        return -ENOMEM;
    }
    return device->how->create(device->fd, pages * PAGE, buffer_p);
}

static int map_shared(int fd, size_t length, uint64_t offset, void *address,
                      void **ptr_p)
{
    int fixed = address != NULL ? MAP_FIXED : 0;
    void *ptr;

    ptr = mmap(address, length, PROT_READ | PROT_WRITE, MAP_SHARED | fixed, fd,
               (off_t)offset);
    if (ptr == MAP_FAILED) {
        return -errno;
    }
    *ptr_p = ptr;
    return 0;
}

int device_buffer_map(const struct device *device,
                      const struct device_buffer *buffer, void *address,
                      void **ptr_p)
{
    return map_shared(device->fd, buffer->length, buffer->mmap_offset, address,
                      ptr_p);
}

int device_buffer_export(const struct device *device,
                         const struct device_buffer *buffer, int *fd_p)
{
    struct drm_prime_handle prime = {.handle = buffer->handle,
                                     .flags = DRM_CLOEXEC | DRM_RDWR};
    int ret = drm_ioctl(device->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime);

    if (ret == 0) {
        *fd_p = prime.fd;
    }
    return ret;
}

int device_buffer_close(const struct device *device,
                        const struct device_buffer *buffer)
{
    return close_handle(device->fd, buffer->handle);
}

int device_map(const struct device *device, size_t length, void *address,
               void **ptr_p)
{
    struct device_buffer buffer;
    size_t pages = length / PAGE + (length % PAGE != 0);
    int fd, ret;

    ret = device_buffer_create(device, length, &buffer);
    if (ret != 0) {
        return ret;
    }
    ret = device_buffer_export(device, &buffer, &fd);
    if (ret == 0) {
        /* The buffer may be larger: no more than was asked for. */
        ret = map_shared(fd, pages * PAGE, 0, address, ptr_p);
        close(fd);
    }
    device_buffer_close(device, &buffer);
    return ret;
}
