/* SPDX-License-Identifier: BSD-3-Clause */
/* Small files and links, as sysfs and proc have them. */
#ifndef PEERVMA_DEVICE_FILES_H
#define PEERVMA_DEVICE_FILES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Cut if it does not fit; no path of sysfs or proc comes near. */
void path_make(char path[PATH_MAX], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first line of a file without its newline; "" and false if none. */
bool read_line(const char *path, char *text, size_t size);

/* The last component of what a link leads to; "" and false if none. */
bool read_link_name(const char *path, char *name, size_t size);

/*
 * Call `cb` with the name of each entry of a folder in the order of names, but
 * not for those that begin with a dot. A missing folder has none. 0 or -errno.
 */
int for_each_entry(const char *folder, void (*cb)(const char *name, void *arg),
                   void *arg);

#endif
