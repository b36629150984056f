/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A device node is known by its number and a BAR by its file system, not by
 * their names alone. The device in a line of maps is of no help: it is the
 * file system's that the node lies in.
 */
#include "classify.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "sysfs.h"

#define DRM_MAJOR 226
#define ACCEL_MAJOR 261

/* Paths of files that are in no folder. A dma-buf may have a name behind. */
#define DMABUF_PREFIX "/dmabuf:"
#define VFIO_PREFIX "anon_inode:[vfio-device]"
/* i915 puts a file of its own in the node's place. */
#define I915_PREFIX "anon_inode:i915.gem"
#define DELETED_SUFFIX " (deleted)"

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t length = strlen(text), tail = strlen(suffix);

    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

bool peervma_is_drm(dev_t device)
{
    return major(device) == DRM_MAJOR || major(device) == ACCEL_MAJOR;
}

static void classify_char(const struct peervma_view *view,
                          const struct peervma_file *file,
                          struct peervma_class *class)
{
    char subsystem[32];

    class->device = file->device;
    class->pci = peervma_sysfs_char_pci(view, file->device);

    if (peervma_is_drm(file->device)) {
        class->kind = PEERVMA_KIND_DRM;
    } else if (!peervma_sysfs_char_link(view, file->device, "subsystem",
                                        subsystem, sizeof(subsystem))) {
        class->unsure = true;
    } else if (strcmp(subsystem, "uio") == 0) {
        class->kind = PEERVMA_KIND_BAR;
        class->cache = PEERVMA_CACHE_UNCACHED;
    } else if (strcmp(subsystem, "vfio-dev") == 0) {
        class->kind = PEERVMA_KIND_VFIO;
        class->cache = PEERVMA_CACHE_UNCACHED;
    } else {
        class->unsure = true;
    }
}

/*
 * .../0000:00:04.0/resource2_wc; the digit keeps "resource" itself out. Or
 * .../0000:00:04.0/p2pmem/allocate, p2pdma memory of one of its BARs.
 */
static void classify_sysfs(const char *path, struct peervma_class *class)
{
    const char *name = peervma_path_tail(path, 1);
    bool whole =
        starts_with(name, "resource") && name[8] >= '0' && name[8] <= '9';
    bool part = strcmp(peervma_path_tail(path, 2), "p2pmem/allocate") == 0;

    if ((whole || part) &&
        peervma_pci_parse(peervma_path_tail(path, part ? 3 : 2), &class->pci)) {
        class->kind = PEERVMA_KIND_BAR;
    }
    if (class->kind == PEERVMA_KIND_BAR && whole) {
        class->cache = ends_with(name, "_wc") ? PEERVMA_CACHE_WRITE_COMBINING
                                              : PEERVMA_CACHE_UNCACHED;
    }
}

void peervma_classify(const struct peervma_view *view,
                      const struct peervma_vma *vma,
                      struct peervma_class *class_p)
{
    struct peervma_class class = {.kind = PEERVMA_KIND_NONE};
    char path[sizeof(view->root) + sizeof(vma->path)];
    struct peervma_file file;
    bool found;

    snprintf(path, sizeof(path), "%s%s", view->root, vma->path);
    /* Devices are not compared: overlayfs and btrfs tell others to stat. */
    found = vma->path[0] == '/' && view->identify(path, &file) == 0 &&
            file.inode == vma->inode;

    if (found && S_ISCHR(file.mode)) {
        classify_char(view, &file, &class);
    } else if (found) {
        if (file.fs_magic == SYSFS_MAGIC) {
            classify_sysfs(vma->path, &class);
        }
    } else if (starts_with(vma->path, DMABUF_PREFIX)) {
        class.kind = PEERVMA_KIND_DMABUF;
    } else if (starts_with(vma->path, VFIO_PREFIX)) {
        class.kind = PEERVMA_KIND_VFIO;
        class.cache = PEERVMA_CACHE_UNCACHED;
    } else if (starts_with(vma->path, I915_PREFIX)) {
        class.kind = PEERVMA_KIND_DRM;
    } else {
        /* A node out of reach, in another mount namespace for instance. */
        class.unsure = !ends_with(vma->path, DELETED_SUFFIX);
    }
    *class_p = class;
}
