/* SPDX-License-Identifier: BSD-3-Clause */
/* The UCX that a program gets here by default, and what it does to it. */
#ifndef PEERVMA_TOOLS_UCX_PROBE_H
#define PEERVMA_TOOLS_UCX_PROBE_H

#include <limits.h>
#include <stdbool.h>

struct ucx_probe {
    bool found;
    unsigned major, minor, release;
    char path[PATH_MAX]; /* of libucp.so.0 */
    enum { UCX_NO_PLUGIN, UCX_PLUGIN_REFUSES, UCX_PLUGIN_FITS } plugin;
    char why[512]; /* UCX was not found, or the plugin does not fit */
};

/* UCX and the plugin are loaded by a process of their own, and gone then. */
void ucx_probe(struct ucx_probe *probe_p);

#endif
