/* SPDX-License-Identifier: BSD-3-Clause */
/* /dev/peervma: the ioctls of linux/peervma.h. */
#ifndef PEERVMA_MODULE_H
#define PEERVMA_MODULE_H

#include <linux/peervma.h>
#include <stdint.h>

struct peervma_module {
    int fd;    /* -1: could not be opened */
    int error; /* then: -errno of it; -ENODEV: there is none */
};

void peervma_module_open(const char *path, struct peervma_module *module_p);
void peervma_module_close(struct peervma_module *module);

/* Why it could not be opened: PEERVMA_REASON_*. */
unsigned peervma_module_reason(const struct peervma_module *module);

/* Each returns 0 or -errno; -ENODEV if the module could not be opened. */
int peervma_module_info(const struct peervma_module *module,
                        struct peervma_info *info_p);
int peervma_module_query(const struct peervma_module *module, uintptr_t address,
                         struct peervma_query *query_p);

/*
 * `address` and `length` must be page aligned. The output is written on a
 * refusal too: `reason` says why.
 */
int peervma_module_export(const struct peervma_module *module,
                          uintptr_t address, uint64_t length,
                          struct peervma_export *export_p);

#endif
