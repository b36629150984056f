/* SPDX-License-Identifier: BSD-3-Clause */
#include "view.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

int peervma_view_identify(const char *path, struct peervma_file *file_p)
{
    struct stat st;
    struct statfs fs;

    if (stat(path, &st) != 0 || statfs(path, &fs) != 0) {
        return -errno;
    }

    *file_p = (struct peervma_file){
        .mode = st.st_mode,
        .inode = st.st_ino,
        .device = st.st_rdev,
        .fs_magic = (long)fs.f_type,
    };
    return 0;
}

void peervma_view_self(struct peervma_view *view_p)
{
    *view_p = (struct peervma_view){
        .proc = "/proc/self",
        .sysfs = "/sys",
        .module = "/dev/peervma",
        .own = true,
        .identify = peervma_view_identify,
    };
}

void peervma_view_process(pid_t pid, struct peervma_view *view_p)
{
    peervma_view_self(view_p);
    snprintf(view_p->proc, sizeof(view_p->proc), "/proc/%ld", (long)pid);
    snprintf(view_p->root, sizeof(view_p->root), "/proc/%ld/root", (long)pid);
    view_p->own = false;
}
