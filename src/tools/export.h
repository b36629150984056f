/* SPDX-License-Identifier: BSD-3-Clause */
/* Device memory of this process, mapped and exported. */
#ifndef PEERVMA_TOOLS_EXPORT_H
#define PEERVMA_TOOLS_EXPORT_H

#include "dmabuf_info.h"
#include "machine.h"
#include "peervma.h"
#include "test_buffer.h"

/* What to map: a file, or else a new buffer on an accelerator. */
struct export_source {
    const char *file; /* NULL: an accelerator's */
    uint64_t offset;
    const char *accelerator; /* node or its last part; NULL: the first */
    size_t length;           /* bytes; 0: the file's, or else a page */
};

struct exported {
    char source[160];
    char driver[64];
    struct test_buffer buffer; /* of an accelerator */
    void *ptr;                 /* NULL: it was not mapped */
    size_t length;
    peervma_context_t *context;
    peervma_region_t region; /* kind NONE: not known for device memory */
    peervma_export_t export; /* fd -1: it was not exported */
    struct dmabuf_info info;
    peervma_refusals_t refusals;
    char why[256]; /* it was not mapped or exported; "" if it was */
};

/* 0; else -errno, and *exported_p says why. Either way export_end() it. */
int export_begin(const struct export_source *source,
                 struct exported *exported_p);
void export_end(struct exported *exported);

#endif
