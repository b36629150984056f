/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tests of this folder share: child processes and fake files. */
#ifndef PEERVMA_TEST_OMPI_FIXTURE_H
#define PEERVMA_TEST_OMPI_FIXTURE_H

#include <limits.h>

typedef struct child {
    int exit_code;
    char out[8192];
    char err[8192];
} child_t;

/* Run argv[0] with exactly this environment (NULL: empty but for PATH). */
void child_run(char *const argv[], char *const environment[], child_t *child_p);

/* How often `part` is in `text`. */
unsigned occurrences(const char *text, const char *part);

/* Leave nothing in the environment but what cmocka itself needs. */
void environment_clear(void);

/* A new empty folder. */
void folder_make(char folder[PATH_MAX]);
void folder_remove(const char *folder);

/* Write <folder>/<path>, with the folders in between. */
void file_write(const char *folder, const char *path, const char *content,
                int mode);

#endif
