/* SPDX-License-Identifier: BSD-3-Clause */
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <xf86drm.h>

static struct peervma_file make_file(const struct stat *st,
                                     const struct statfs *fs)
{
    return (struct peervma_file){
        .mode = st->st_mode,
        .inode = st->st_ino,
        .device = st->st_rdev,
        .fs_magic = (long)fs->f_type,
    };
}

int peervma_view_identify(const char *path, struct peervma_file *file_p)
{
    struct stat st;
    struct statfs fs;

    if (stat(path, &st) != 0 || statfs(path, &fs) != 0) {
        return -errno;
    }

    *file_p = make_file(&st, &fs);
    return 0;
}

int peervma_view_identify_fd(int fd, struct peervma_file *file_p)
{
    struct stat st;
    struct statfs fs;

    if (fstat(fd, &st) != 0 || fstatfs(fd, &fs) != 0) {
        return -errno;
    }

    *file_p = make_file(&st, &fs);
    return 0;
}

static int verbs_ioctl(int fd, unsigned long request, void *arg)
{
    return ioctl(fd, request, arg);
}

void peervma_view_self(struct peervma_view *view_p)
{
    *view_p = (struct peervma_view){
        .proc = "/proc/self",
        .sysfs = "/sys",
        .module = "/dev/peervma",
        .own = true,
        .identify = peervma_view_identify,
        .identify_fd = peervma_view_identify_fd,
        .drm_ioctl = drmIoctl,
        .verbs_ioctl = verbs_ioctl,
    };
}

void peervma_view_process(pid_t pid, struct peervma_view *view_p)
{
    peervma_view_self(view_p);
    snprintf(view_p->proc, sizeof(view_p->proc), "/proc/%ld", (long)pid);
    snprintf(view_p->root, sizeof(view_p->root), "/proc/%ld/root", (long)pid);
    view_p->own = false;
}
