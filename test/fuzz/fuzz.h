/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a fuzz target is made of. A target defines LLVMFuzzerTestOneInput();
 * libFuzzer's main() calls it, or that of driver.c, which needs no clang.
 */
#ifndef TEST_FUZZ_FUZZ_H
#define TEST_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* End the program, with the claim that does not hold. */
#define FUZZ_CHECK(claim)                                               \
    do {                                                                \
        if (!(claim)) {                                                 \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #claim); \
            abort();                                                    \
        }                                                               \
    } while (0)

/* A folder that lives as long as the program. */
const char *fuzz_folder(void);

/*
 * A file in memory, at `path` below the folder; folders are made. Returns a
 * descriptor for fuzz_write().
 */
int fuzz_file(const char *path);

/* Make this all that is in the file. */
void fuzz_write(int fd, const void *data, size_t size);

#endif
