/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The input is the text of /proc/PID/maps. Each line is parsed or refused, and
 * a walk over the file meets what the lines say, no more and no less.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "view.h"
#include "vma.h"

/* Longer lines are cut by the walk, and their numbers still count. */
#define SHORT_LINE 8000

/* One past the last byte of the walk: some mappings lie behind. */
#define WALK_END ((uintptr_t)1 << 46)

struct expected {
    const char *text;
    size_t left;
    bool all_short;
};

static void check_vma(const struct peervma_vma *vma)
{
    FUZZ_CHECK(vma->start < vma->end);
    FUZZ_CHECK(memchr(vma->path, '\0', sizeof(vma->path)) != NULL);
    FUZZ_CHECK(vma->path[0] != ' ');
}

/* The next whole line, for the caller to free; NULL if there is none. */
static char *next_line(struct expected *expected)
{
    const char *end = memchr(expected->text, '\n', expected->left);
    size_t length;
    char *line;

    if (end == NULL) {
        return NULL;
    }
    length = (size_t)(end - expected->text);
    line = malloc(length + 1);
    FUZZ_CHECK(line != NULL);
    memcpy(line, expected->text, length);
    line[length] = '\0';
    expected->text += length + 1;
    expected->left -= length + 1;
    return line;
}

/* The next mapping that the walk is to meet: 1, 0 at the end, or -EPROTO. */
static int next_mapping(struct expected *expected, struct peervma_vma *vma_p)
{
    bool right;
    char *line;

    while ((line = next_line(expected)) != NULL) {
        right = peervma_vma_parse(line, vma_p);
        free(line);
        if (!right) {
            return -EPROTO;
        }
        check_vma(vma_p);
        if (vma_p->start >= WALK_END) {
            return 0;
        }
        if (vma_p->inode != 0) {
            return 1;
        }
    }
    return 0;
}

static int compare(const struct peervma_vma *vma, void *arg)
{
    static struct peervma_vma wanted;
    struct expected *expected = arg;

    check_vma(vma);
    if (!expected->all_short) {
        return 0;
    }
    FUZZ_CHECK(next_mapping(expected, &wanted) == 1);
    FUZZ_CHECK(vma->start == wanted.start && vma->end == wanted.end);
    FUZZ_CHECK(vma->offset == wanted.offset && vma->inode == wanted.inode);
    FUZZ_CHECK(vma->prot == wanted.prot && vma->shared == wanted.shared);
    FUZZ_CHECK(strcmp(vma->path, wanted.path) == 0);
    return 0;
}

static bool lines_are_short(const uint8_t *data, size_t size)
{
    size_t i, begin = 0;

    for (i = 0; i < size; i++) {
        if (data[i] == '\n') {
            begin = i + 1;
        } else if (i - begin > SHORT_LINE) {
            return false;
        }
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct expected expected = {
        .text = (const char *)data,
        .left = size,
        .all_short = lines_are_short(data, size),
    };
    static struct peervma_vma vma;
    static struct peervma_view view;
    static int fd = -1;
    struct peervma_maps maps = {.view = &view, .fd = -1};
    int ret;

    if (fd < 0) {
        fd = fuzz_file("proc/maps");
        peervma_view_self(&view);
        snprintf(view.proc, sizeof(view.proc), "%s/proc", fuzz_folder());
    }
    fuzz_write(fd, data, size);
    ret = peervma_maps_walk(&maps, 0, WALK_END, compare, &expected);
    FUZZ_CHECK(ret == 0 || ret == -EPROTO);
    if (expected.all_short) {
        FUZZ_CHECK(next_mapping(&expected, &vma) == ret);
    }
    return 0;
}
