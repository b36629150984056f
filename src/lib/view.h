/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Through which folders and calls the library looks at a process and at the
 * machine. Everything else of the library is indifferent to where its text
 * comes from, so that tests can put files of their own here, and `peervma
 * explain` another process.
 */
#ifndef PEERVMA_VIEW_H
#define PEERVMA_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a path leads to. */
struct peervma_file {
    mode_t mode;
    uint64_t inode;
    dev_t device;  /* of a device node: st_rdev */
    long fs_magic; /* of its file system: statfs's f_type */
};

struct peervma_view {
    char proc[32];      /* the process: "/proc/self", "/proc/123" */
    char root[48];      /* where paths in its maps begin: "" */
    const char *sysfs;  /* "/sys" */
    const char *module; /* "/dev/peervma" */
    bool own;           /* the calling process: what only it may do works */
    int (*identify)(const char *path, struct peervma_file *file_p);
    int (*identify_fd)(int fd, struct peervma_file *file_p);
    int (*drm_ioctl)(int fd, unsigned long request, void *arg); /* as ioctl */
    int (*verbs_ioctl)(int fd, unsigned long request, void *arg);
};

/* The calling process on this machine. */
void peervma_view_self(struct peervma_view *view_p);

/* Another process: its mappings can be told, not exported. */
void peervma_view_process(pid_t pid, struct peervma_view *view_p);

/* The defaults of identify and identify_fd: stat and statfs. 0 or -errno. */
int peervma_view_identify(const char *path, struct peervma_file *file_p);
int peervma_view_identify_fd(int fd, struct peervma_file *file_p);

#endif
