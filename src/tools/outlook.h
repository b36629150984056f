/* SPDX-License-Identifier: BSD-3-Clause */
/* What UCX, in a process as it is, will do with device memory. */
#ifndef PEERVMA_TOOLS_OUTLOOK_H
#define PEERVMA_TOOLS_OUTLOOK_H

#include <stdbool.h>
#include <stddef.h>

/* What it depends on, beside the mapping. */
struct outlook {
    bool ucx;        /* the process has loaded UCX */
    bool plugin;     /* and peervma's plugin */
    bool left_out;   /* its UCX_TLS leaves the plugin's transport out */
    char nic[64];    /* one that takes dma-bufs and is active; "" if none */
    char no_nic[64]; /* one that takes none; "" if there is no NIC either */
};

/* Look at the machine, once; then at a process, by its folder in proc. */
void outlook_look_at_nics(const char *sysfs, struct outlook *outlook);
void outlook_look_at_process(const char *proc, struct outlook *outlook);

enum outlook_verdict {
    OUTLOOK_ZERO_COPY,
    OUTLOOK_STAGED,
    OUTLOOK_HOST, /* taken for host memory */
};

/* `provider`: who exports the mapping, NULL for nobody. */
enum outlook_verdict outlook_judge(const struct outlook *outlook,
                                   const char *provider);

/* "zero-copy", "staged", "as host memory". */
const char *outlook_word(enum outlook_verdict verdict);

/* Why, and what to do, in one line. */
void outlook_explain(const struct outlook *outlook, const char *provider,
                     char *text, size_t size);

#endif
