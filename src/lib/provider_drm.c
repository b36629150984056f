/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PRIME export of the object behind a mapping of a DRM node. A mapping says
 * where in the node it lies; the driver says that of the handles of a file
 * that the process has open. So the files are searched for the handle.
 *
 * Nothing is remembered from one search to the next, and no handle is made or
 * closed: they are the program's, which may close them at any time.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <drm.h>

#include "classify.h"
#include "drm_drivers.h"
#include "provider.h"

/*
 * The kernel gives the lowest free handle, so they lie close together: a
 * search ends after this many in a row that are none, and after that many.
 */
#define MAX_GAP 4096
#define MAX_HANDLES (1U << 20)

/* An object that may be the one mapped. */
struct object {
    int fd; /* of the DRM file, our own copy */
    const struct peervma_drm_driver *driver;
    uint32_t handle;
    unsigned kind;
    uint64_t start; /* where it lies in the node */
};

/* Of `device`, or if that is 0 of any DRM device. */
static bool is_node(const struct peervma_file *file, dev_t device)
{
    return S_ISCHR(file->mode) && (device != 0 ? file->device == device
                                               : peervma_is_drm(file->device));
}

/*
 * Call `cb` with the number of each descriptor of the node, until it returns
 * something else than -EBADF, which is then returned.
 */
static int walk_descriptors(const struct peervma_request *request, dev_t device,
                            int (*cb)(int fd, void *arg), void *arg)
{
    const struct peervma_view *view = &request->context->view;
    char path[sizeof(view->proc) + sizeof("/fd/") + NAME_MAX];
    struct peervma_file file;
    struct dirent *entry;
    int ret = -EBADF;
    DIR *folder;

    snprintf(path, sizeof(path), "%s/fd", view->proc);
    folder = opendir(path);
    if (folder == NULL) {
        return -errno;
    }
    while (ret == -EBADF && (entry = readdir(folder)) != NULL) {
        snprintf(path, sizeof(path), "%s/fd/%s", view->proc, entry->d_name);
        if (view->identify(path, &file) == 0 && is_node(&file, device)) {
            ret = cb(atoi(entry->d_name), arg);
        }
    }
    closedir(folder);
    return ret;
}

static dev_t mapped_device(const struct peervma_request *request)
{
    struct peervma_class class;

    peervma_classify(&request->context->view, request->vma, &class);
    return class.device;
}

static int found(int fd, void *arg)
{
    (void)fd;
    (void)arg;
    return 0;
}

static int drm_check(const struct peervma_request *request, unsigned *reason_p)
{
    int ret;

    if (request->region->kind != PEERVMA_KIND_DRM) {
        *reason_p = PEERVMA_REASON_NOT_DRM;
        return -EOPNOTSUPP;
    }
    ret = peervma_provider_check_access(request->vma, reason_p);
    if (ret != 0) {
        return ret;
    }
    ret = walk_descriptors(request, mapped_device(request), found, NULL);
    if (ret != 0) {
        *reason_p =
            ret == -EBADF ? PEERVMA_REASON_NO_NODE : PEERVMA_REASON_SYSTEM;
    }
    return ret;
}

/* Which driver the file is of, by the name of which it is known. */
static const struct peervma_drm_driver *identify_driver(
    const struct peervma_view *view, int fd)
{
    char name[32] = "";
    struct drm_version version = {
        .name = name,
        .name_len = sizeof(name) - 1,
    };

    if (view->drm_ioctl(fd, DRM_IOCTL_VERSION, &version) != 0) {
        return NULL;
    }
    return peervma_drm_driver_find(name);
}

/* Errors that say nothing of the handle: nobody may ask, or not of this. */
static bool is_hopeless(int error)
{
    return error == -ENOTTY || error == -ENODEV || error == -ENOSYS ||
           error == -EACCES || error == -EOPNOTSUPP;
}

/*
 * Ask for one handle, and keep it if it is closer to the mapping: objects do
 * not overlap in a node, so the last one that begins before it may be it.
 * 0, or -errno if no way of mapping gave an answer.
 */
static int try_handle(const struct peervma_view *view, uint64_t offset,
                      struct object *object, struct object *best)
{
    unsigned kinds = object->driver->kinds != 0 ? object->driver->kinds : 1;
    int ret = 0, answer;

    for (object->kind = 0; object->kind < kinds; object->kind++) {
        answer = peervma_drm_mmap_offset(view, object->driver, object->fd,
                                         object->handle, object->kind,
                                         &object->start);
        if (answer == -ENOENT) {
            return answer;
        }
        if (answer == 0 && object->start <= offset &&
            (best->handle == 0 || object->start > best->start)) {
            *best = *object;
        }
        /* That one way of mapping is not to be had says nothing of others. */
        if (answer == 0 || object->kind == 0 || is_hopeless(ret)) {
            ret = answer;
        }
    }
    return ret;
}

/* best->handle stays 0 if there is none. 0, or -errno if nobody may ask. */
static int search_handles(const struct peervma_view *view, uint64_t offset,
                          struct object *object, struct object *best)
{
    unsigned gap = 0;
    int ret;

    for (object->handle = 1; object->handle < MAX_HANDLES && gap < MAX_GAP;
         object->handle++) {
        ret = try_handle(view, offset, object, best);
        if (is_hopeless(ret)) {
            return ret;
        }
        gap = ret == -ENOENT || ret == -EINVAL ? gap + 1 : 0;
        if (best->handle != 0 && best->start == offset) {
            break;
        }
    }
    return 0;
}

struct prime {
    const struct peervma_request *request;
    dev_t device;
    peervma_export_t *export_p;
    unsigned *reason_p;
    int error; /* why the last descriptor was of no use */
};

/* The dma-buf of an object, if it contains the range. */
static int export_object(const struct prime *prime, const struct object *object,
                         peervma_export_t *export_p)
{
    const struct peervma_request *request = prime->request;
    const struct peervma_view *view = &request->context->view;
    struct drm_prime_handle arg = {
        .handle = object->handle,
        .flags = DRM_CLOEXEC | DRM_RDWR,
    };
    uint64_t offset = request->vma->offset - object->start, start;
    off_t size;

    if (view->drm_ioctl(object->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg) != 0) {
        *prime->reason_p = errno == ENOSYS || errno == EOPNOTSUPP
                               ? PEERVMA_REASON_NO_PRIME
                               : PEERVMA_REASON_EXPORTER;
        return -errno;
    }

    offset += request->address - request->vma->start;
    size = lseek(arg.fd, 0, SEEK_END);
    /* Another thread may have closed the handle, and got it for another. */
    if (size <= 0 || offset > (uint64_t)size ||
        request->length > (uint64_t)size - offset ||
        peervma_drm_mmap_offset(view, object->driver, object->fd,
                                object->handle, object->kind, &start) != 0 ||
        start != object->start) {
        close(arg.fd);
        *prime->reason_p = PEERVMA_REASON_NO_HANDLE;
        return -EBADF;
    }

    *export_p = (peervma_export_t){
        .fd = arg.fd,
        .offset = offset,
        .object_size = (uint64_t)size,
    };
    return 0;
}

static int export_file(const struct prime *prime, int fd,
                       peervma_export_t *export_p)
{
    const struct peervma_view *view = &prime->request->context->view;
    struct object object = {.fd = fd}, best = {.handle = 0};
    struct peervma_file file;
    int ret;

    /* The number that was found may be another file's by now. */
    if (view->identify_fd(fd, &file) != 0 || !is_node(&file, prime->device)) {
        *prime->reason_p = PEERVMA_REASON_NO_NODE;
        return -EBADF;
    }
    object.driver = identify_driver(view, fd);
    ret =
        object.driver == NULL
            ? -ENOTTY
            : search_handles(view, prime->request->vma->offset, &object, &best);
    if (ret != 0) {
        *prime->reason_p = PEERVMA_REASON_NO_OFFSETS;
        return -EOPNOTSUPP;
    }
    if (best.handle == 0) {
        *prime->reason_p = PEERVMA_REASON_NO_HANDLE;
        return -EBADF;
    }
    return export_object(prime, &best, export_p);
}

/* -EBADF to go on with the next descriptor: each may have its own handles. */
static int try_descriptor(int found, void *arg)
{
    struct prime *prime = arg;
    int fd = fcntl(found, F_DUPFD_CLOEXEC, 0);

    if (fd < 0) {
        prime->error = -errno;
        *prime->reason_p = PEERVMA_REASON_SYSTEM;
        return errno == EBADF ? -EBADF : -errno;
    }
    prime->error = export_file(prime, fd, prime->export_p);
    close(fd);
    return prime->error == 0 ? 0 : -EBADF;
}

static int drm_export(const struct peervma_request *request,
                      peervma_export_t *export_p, unsigned *reason_p)
{
    struct prime prime = {
        .request = request,
        .device = mapped_device(request),
        .export_p = export_p,
        .reason_p = reason_p,
        .error = -EBADF,
    };
    int ret;

    *reason_p = PEERVMA_REASON_NO_NODE;
    ret = walk_descriptors(request, prime.device, try_descriptor, &prime);
    if (ret == -EBADF) {
        return prime.error;
    }
    if (ret != 0) {
        *reason_p = PEERVMA_REASON_SYSTEM;
    }
    return ret;
}

const struct peervma_provider peervma_provider_drm = {
    .name = "drm",
    .check = drm_check,
    .export = drm_export,
};
