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
    } else if (strcmp(subsystem, "vfio-dev") == 0) {
        class->kind = PEERVMA_KIND_VFIO;
    } else {
        class->unsure = true;
    }
}

/* .../0000:00:04.0/resource2_wc; the digit keeps "resource" itself out. */
static void classify_sysfs(const char *path, struct peervma_class *class)
{
    const char *name = peervma_path_tail(path, 1);

    if (starts_with(name, "resource") && name[8] >= '0' && name[8] <= '9' &&
        peervma_pci_parse(peervma_path_tail(path, 2), &class->pci)) {
        class->kind = PEERVMA_KIND_BAR;
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
    } else if (starts_with(vma->path, I915_PREFIX)) {
        class.kind = PEERVMA_KIND_DRM;
    } else {
        /* A node out of reach, in another mount namespace for instance. */
        class.unsure = !ends_with(vma->path, DELETED_SUFFIX);
    }
    *class_p = class;
}
