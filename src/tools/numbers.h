/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers on the command line. */
#ifndef PEERVMA_TOOLS_NUMBERS_H
#define PEERVMA_TOOLS_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

/* "4096", "0x1000", "64K", "1M", "2G": bytes. False for anything else. */
bool number_parse_bytes(const char *text, uint64_t *bytes_p);

/* Digits only, up to `most`. */
bool number_parse(const char *text, uint64_t most, uint64_t *number_p);

#endif
