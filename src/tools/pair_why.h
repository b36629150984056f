/* SPDX-License-Identifier: BSD-3-Clause */
/* Why a NIC and an accelerator do not work together, in a sentence. */
#ifndef PEERVMA_TOOLS_PAIR_WHY_H
#define PEERVMA_TOOLS_PAIR_WHY_H

#include <stddef.h>

#include "machine.h"

/* `error` is -errno of ibv_reg_dmabuf_mr(). */
void pair_why_not_registered(const char *sysfs,
                             const struct accelerator *accelerator,
                             const struct nic *nic, int error, char *text,
                             size_t size);

/* Appends to `text`, if the accelerator's BAR is smaller than it could be. */
void pair_why_small_bar(const char *sysfs,
                        const struct accelerator *accelerator, char *text,
                        size_t size);

#endif
