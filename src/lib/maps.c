/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading a process's mappings: by PROCMAP_QUERY, else the text. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vma.h"

/* A line of maps: a path, each byte of it possibly escaped, and numbers. */
#define LINE_SIZE 8192

static void maps_path(const struct peervma_view *view, char *path, size_t size)
{
    snprintf(path, size, "%s/maps", view->proc);
}

int peervma_maps_open(const struct peervma_view *view,
                      struct peervma_maps *maps_p)
{
    char path[64];
    int fd;

    maps_path(view, path, sizeof(path));
    fd = peervma_procmap_open(path);
    if (fd < 0 && fd != -ENOTTY) {
        return fd;
    }

    maps_p->view = view;
    maps_p->fd = fd < 0 ? -1 : fd;
    return 0;
}

void peervma_maps_close(struct peervma_maps *maps)
{
    if (maps->fd >= 0) {
        close(maps->fd);
        maps->fd = -1;
    }
}

static int walk_queries(int fd, uintptr_t start, uintptr_t end,
                        peervma_vma_cb_t cb, void *arg)
{
    /* Valgrind does not see the kernel write the path: let it begin as zero. */
    struct peervma_vma vma = {.start = 0};
    int ret;

    while (start < end) {
        ret = peervma_procmap_next(fd, start, &vma);
        if (ret == -ENOENT) {
            return 0;
        }
        if (ret != 0) {
            return ret;
        }
        if (vma.start >= end) {
            return 0;
        }
        ret = cb(&vma, arg);
        if (ret != 0) {
            return ret;
        }
        start = vma.end;
    }
    return 0;
}

/* A window on the text of a file of lines. */
struct lines {
    int fd;
    size_t begin;
    size_t end;
    bool skipping; /* the rest of a line that does not fit */
    char text[LINE_SIZE];
};

/* Read on behind what is left. 1, 0 at the end of the file, or -errno. */
static int lines_fill(struct lines *lines)
{
    ssize_t got;

    memmove(lines->text, lines->text + lines->begin, lines->end - lines->begin);
    lines->end -= lines->begin;
    lines->begin = 0;

    do {
        got = read(lines->fd, lines->text + lines->end,
                   sizeof(lines->text) - 1 - lines->end);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return -errno;
    }

    lines->end += (size_t)got;
    return got > 0;
}

/* Set *line_p to the next line, or NULL at the end. 0 or -errno. */
static int lines_next(struct lines *lines, char **line_p)
{
    char *begin, *newline;
    bool skipped;
    int ret;

    for (;;) {
        begin = lines->text + lines->begin;
        newline = memchr(begin, '\n', lines->end - lines->begin);
        if (newline != NULL) {
            *newline = '\0';
            lines->begin = (size_t)(newline - lines->text) + 1;
            skipped = lines->skipping;
            lines->skipping = false;
            if (!skipped) {
                *line_p = begin;
                return 0;
            }
            continue;
        }

        if (lines->end - lines->begin == sizeof(lines->text) - 1) {
            /* Too long: its numbers are what counts, its path is cut. */
            lines->text[lines->end] = '\0';
            lines->begin = lines->end;
            skipped = lines->skipping;
            lines->skipping = true;
            if (!skipped) {
                *line_p = begin;
                return 0;
            }
        }
        ret = lines_fill(lines);
        if (ret <= 0) {
            *line_p = NULL;
            return ret;
        }
    }
}

/*
 * Each walk opens the file anew: the kernel promises whole lines only to a
 * reader that reads on where it stopped.
 */
static int walk_text(const struct peervma_view *view, uintptr_t start,
                     uintptr_t end, peervma_vma_cb_t cb, void *arg)
{
    struct lines lines = {.begin = 0};
    struct peervma_vma vma;
    char path[64];
    char *line;
    int ret;

    maps_path(view, path, sizeof(path));
    lines.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (lines.fd < 0) {
        return -errno;
    }

    for (;;) {
        ret = lines_next(&lines, &line);
        if (ret != 0 || line == NULL) {
            break;
        }
        if (!peervma_vma_parse(line, &vma)) {
            ret = -EPROTO;
            break;
        }
        if (vma.start >= end) {
            break;
        }
        if (vma.end <= start || vma.inode == 0) {
            continue;
        }
        ret = cb(&vma, arg);
        if (ret != 0) {
            break;
        }
    }

    close(lines.fd);
    return ret;
}

int peervma_maps_walk(const struct peervma_maps *maps, uintptr_t start,
                      uintptr_t end, peervma_vma_cb_t cb, void *arg)
{
    if (maps->fd >= 0) {
        return walk_queries(maps->fd, start, end, cb, arg);
    }
    return walk_text(maps->view, start, end, cb, arg);
}
