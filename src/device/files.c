/* SPDX-License-Identifier: BSD-3-Clause */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void path_make(char path[PATH_MAX], const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(path, PATH_MAX, format, args);
    va_end(args);
}

bool read_line(const char *path, char *text, size_t size)
{
    FILE *file;

    text[0] = '\0';
    file = fopen(path, "re");
    if (file == NULL) {
        return false;
    }
    if (fgets(text, (int)size, file) == NULL) {
        text[0] = '\0';
    }
    fclose(file);
    text[strcspn(text, "\n")] = '\0';
    return text[0] != '\0';
}

bool read_link_name(const char *path, char *name, size_t size)
{
    char resolved[PATH_MAX];

    name[0] = '\0';
    if (realpath(path, resolved) == NULL) {
        return false;
    }
    snprintf(name, size, "%s", strrchr(resolved, '/') + 1);
    return true;
}

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int for_each_entry(const char *folder, void (*cb)(const char *name, void *arg),
                   void *arg)
{
    struct dirent **entries;
    int count, i;

    count = scandir(folder, &entries, is_visible, alphasort);
    if (count < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    for (i = 0; i < count; i++) {
        cb(entries[i]->d_name, arg);
        free(entries[i]);
    }
    free(entries);
    return 0;
}
