/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a program gets its UCX from, by its ELF file. */
#ifndef PEERVMA_TOOLS_PROGRAM_H
#define PEERVMA_TOOLS_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

struct program {
    bool is_static;
    bool set_id;             /* set-user-ID or set-group-ID */
    bool needs_ucx;          /* libucp.so.0, directly */
    bool has_ucx_inside;     /* it defines UCX's functions */
    char ucx_path[PATH_MAX]; /* where its RPATH or RUNPATH has a UCX; or "" */
};

/* 0; -ENOEXEC: no 64-bit ELF program of this byte order; or -errno. */
int program_look(const char *path, struct program *program_p);

#endif
