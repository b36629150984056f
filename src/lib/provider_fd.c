/* SPDX-License-Identifier: BSD-3-Clause */
/* A descriptor of the mapped dma-buf that the process holds. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "provider.h"

static bool is_mapped_file(const struct peervma_vma *vma, const struct stat *st)
{
    return st->st_ino == vma->inode &&
           st->st_dev == makedev(vma->dev_major, vma->dev_minor);
}

/* Is /proc/PID/fd/`name` the mapped file, open for reading and writing? */
static bool is_descriptor_of(const struct peervma_vma *vma, int folder,
                             const char *name)
{
    struct stat file, link;

    /* The mode of the link is how the file was opened. */
    return fstatat(folder, name, &file, 0) == 0 && is_mapped_file(vma, &file) &&
           fstatat(folder, name, &link, AT_SYMLINK_NOFOLLOW) == 0 &&
           (link.st_mode & (S_IRUSR | S_IWUSR)) == (S_IRUSR | S_IWUSR);
}

int peervma_provider_walk_mapped(const struct peervma_request *request,
                                 int (*cb)(int fd, void *arg), void *arg)
{
    struct dirent *entry;
    char path[64];
    DIR *folder;
    int ret = 0;

    snprintf(path, sizeof(path), "%s/fd", request->context->view.proc);
    folder = opendir(path);
    if (folder == NULL) {
        return -errno;
    }
    while (ret == 0 && (entry = readdir(folder)) != NULL) {
        if (is_descriptor_of(request->vma, dirfd(folder), entry->d_name)) {
            ret = cb(atoi(entry->d_name), arg);
        }
    }
    closedir(folder);
    return ret;
}

/* Anything but 0 and an errno. */
#define FOUND 1

static int keep_descriptor(int fd, void *arg)
{
    *(int *)arg = fd;
    return FOUND;
}

int peervma_provider_find_mapped(const struct peervma_request *request,
                                 unsigned *reason_p)
{
    int fd = -EBADF, ret;

    ret = peervma_provider_walk_mapped(request, keep_descriptor, &fd);
    *reason_p = ret < 0 ? PEERVMA_REASON_SYSTEM : PEERVMA_REASON_NO_DESCRIPTOR;
    return ret < 0 ? ret : fd;
}

static int fd_check(const struct peervma_request *request, unsigned *reason_p)
{
    int ret;

    if (request->region->kind != PEERVMA_KIND_DMABUF) {
        *reason_p = PEERVMA_REASON_NOT_DMABUF;
        return -EOPNOTSUPP;
    }
    ret = peervma_provider_check_access(request->vma, reason_p);
    if (ret != 0) {
        return ret;
    }
    ret = peervma_provider_find_mapped(request, reason_p);
    return ret < 0 ? ret : 0;
}

/* The one found may be another file's by now. */
int peervma_provider_copy_mapped(const struct peervma_request *request,
                                 unsigned *reason_p)
{
    struct stat st;
    int found, fd;

    found = peervma_provider_find_mapped(request, reason_p);
    if (found < 0) {
        return found;
    }
    fd = fcntl(found, F_DUPFD_CLOEXEC, 0);
    if (fd < 0) {
        *reason_p = PEERVMA_REASON_SYSTEM;
        return -errno;
    }
    if (fstat(fd, &st) != 0 || !is_mapped_file(request->vma, &st)) {
        close(fd);
        *reason_p = PEERVMA_REASON_NO_DESCRIPTOR;
        return -EBADF;
    }
    return fd;
}

static int keep_offset(const struct peervma_vma *vma, void *arg)
{
    *(uint64_t *)arg = vma->offset;
    return 1;
}

/* The offset in maps of a mapping that begins at `offset` of the dma-buf. */
static bool probe_offset(const struct peervma_context *context, int fd,
                         uint64_t offset, uint64_t *maps_offset_p)
{
    size_t length = context->page_size;
    bool found;
    void *page;

    page = mmap(NULL, length, PROT_NONE, MAP_SHARED, fd, (off_t)offset);
    if (page == MAP_FAILED) {
        return false;
    }
    found = peervma_maps_walk(&context->maps, (uintptr_t)page,
                              (uintptr_t)page + length, keep_offset,
                              maps_offset_p) == 1;
    munmap(page, length);
    return found;
}

/*
 * Where in the dma-buf the mapping begins. maps shows the offset as the
 * exporter's mmap left it: a DRM driver puts the object's place among all
 * objects of the node on top. So map the first page and the last one (that
 * they are as far apart as they should be shows that nothing else is done to
 * the offset), and compare. The pages are not touched.
 */
static bool mapping_offset(const struct peervma_request *request, int fd,
                           uint64_t size, uint64_t *offset_p)
{
    const struct peervma_context *context = request->context;
    const struct peervma_vma *vma = request->vma;
    uint64_t last_page = (size - 1) & ~(uint64_t)(context->page_size - 1);
    uint64_t length = vma->end - vma->start, first, last;

    if (request->region->object_size != 0) {
        *offset_p = request->region->object_offset;
    } else if (length >= size) {
        *offset_p = 0;
    } else if (probe_offset(context, fd, 0, &first) &&
               probe_offset(context, fd, last_page, &last) &&
               last - first == last_page && vma->offset >= first) {
        *offset_p = vma->offset - first;
    } else {
        return false;
    }
    return *offset_p <= size;
}

static int fd_export(const struct peervma_request *request,
                     peervma_export_t *export_p, unsigned *reason_p)
{
    uint64_t offset;
    off_t size;
    int fd, ret;

    fd = peervma_provider_copy_mapped(request, reason_p);
    if (fd < 0) {
        return fd;
    }

    size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || !mapping_offset(request, fd, (uint64_t)size, &offset)) {
        *reason_p = PEERVMA_REASON_OFFSET;
        ret = -EOPNOTSUPP;
        goto err_close;
    }
    offset += request->address - request->vma->start;
    if (offset > (uint64_t)size || request->length > (uint64_t)size - offset) {
        *reason_p = PEERVMA_REASON_BEYOND_OBJECT;
        ret = -ERANGE;
        goto err_close;
    }

    *export_p = (peervma_export_t){
        .fd = fd,
        .offset = offset,
        .object_size = (uint64_t)size,
    };
    return 0;

err_close:
    close(fd);
    return ret;
}

const struct peervma_provider peervma_provider_fd = {
    .name = "fd",
    .check = fd_check,
    .export = fd_export,
};
