/* SPDX-License-Identifier: BSD-3-Clause */
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "peervma.h"

void peervma_module_open(const char *path, struct peervma_module *module_p)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    int error = fd < 0 ? -errno : 0;

    /* No node, or one that the module left behind. */
    if (error == -ENOENT || error == -ENXIO) {
        error = -ENODEV;
    }
    *module_p = (struct peervma_module){.fd = fd, .error = error};
}

void peervma_module_close(struct peervma_module *module)
{
    if (module->fd >= 0) {
        close(module->fd);
        module->fd = -1;
    }
}

unsigned peervma_module_reason(const struct peervma_module *module)
{
    switch (module->error) {
    case 0:
        return PEERVMA_REASON_NONE;
    case -ENODEV:
        return PEERVMA_REASON_NO_MODULE;
    case -EACCES:
    case -EPERM:
        return PEERVMA_REASON_NO_PERMISSION;
    default:
        return PEERVMA_REASON_SYSTEM;
    }
}

static int module_call(const struct peervma_module *module,
                       unsigned long request, void *arg)
{
    if (module->fd < 0) {
        return -ENODEV;
    }
    return ioctl(module->fd, request, arg) == 0 ? 0 : -errno;
}

int peervma_module_info(const struct peervma_module *module,
                        struct peervma_info *info_p)
{
    *info_p = (struct peervma_info){.size = sizeof(*info_p)};
    return module_call(module, PEERVMA_IOC_INFO, info_p);
}

int peervma_module_query(const struct peervma_module *module, uintptr_t address,
                         struct peervma_query *query_p)
{
    *query_p = (struct peervma_query){
        .size = sizeof(*query_p),
        .addr = address,
    };
    return module_call(module, PEERVMA_IOC_QUERY, query_p);
}

int peervma_module_export(const struct peervma_module *module,
                          uintptr_t address, uint64_t length,
                          struct peervma_export *export_p)
{
    *export_p = (struct peervma_export){
        .size = sizeof(*export_p),
        .addr = address,
        .length = length,
        .fd = -1,
    };
    return module_call(module, PEERVMA_IOC_EXPORT, export_p);
}
