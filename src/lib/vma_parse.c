/* SPDX-License-Identifier: BSD-3-Clause */
/* The text of /proc/PID/maps. */
#include <string.h>
#include <sys/mman.h>

#include "vma.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return 16;
}

/* A number, at most `max`, and the character `end` after it. */
static bool take_number(const char **text, unsigned base, char end,
                        uint64_t max, uint64_t *value_p)
{
    const char *p = *text;
    uint64_t value = 0;
    unsigned digit;

    for (; (digit = digit_value(*p)) < base; p++) {
        if (value > (max - digit) / base) {
            return false;
        }
        value = value * base + digit;
    }
    if (p == *text || *p != end) {
        return false;
    }

    *text = p + 1;
    *value_p = value;
    return true;
}

/* "rw-s " */
static bool take_permissions(const char **text, struct peervma_vma *vma)
{
    static const char letters[] = "rwx";
    static const int bits[] = {PROT_READ, PROT_WRITE, PROT_EXEC};
    const char *p = *text;
    int i;

    for (i = 0; i < 3; i++) {
        if (p[i] == letters[i]) {
            vma->prot |= bits[i];
        } else if (p[i] != '-') {
            return false;
        }
    }
    if ((p[3] != 's' && p[3] != 'p') || p[4] != ' ') {
        return false;
    }

    vma->shared = p[3] == 's';
    *text = p + 5;
    return true;
}

/* The kernel writes a newline in a path as \012, and escapes nothing else. */
static void copy_path(const char *text, char *path, size_t size)
{
    size_t used = 0;

    while (*text == ' ') {
        text++;
    }
    while (*text != '\0' && used + 1 < size) {
        if (strncmp(text, "\\012", 4) == 0) {
            path[used++] = '\n';
            text += 4;
        } else {
            path[used++] = *text++;
        }
    }
    path[used] = '\0';
}

bool peervma_vma_parse(const char *line, struct peervma_vma *vma_p)
{
    uint64_t start, end, offset, dev_major, dev_minor, inode;

    vma_p->prot = 0;
    if (!take_number(&line, 16, '-', UINTPTR_MAX, &start) ||
        !take_number(&line, 16, ' ', UINTPTR_MAX, &end) || end <= start ||
        !take_permissions(&line, vma_p) ||
        !take_number(&line, 16, ' ', UINT64_MAX, &offset) ||
        !take_number(&line, 16, ':', UINT32_MAX, &dev_major) ||
        !take_number(&line, 16, ' ', UINT32_MAX, &dev_minor)) {
        return false;
    }
    /* A space follows the inode where there is a path, or always. */
    if (!take_number(&line, 10, ' ', UINT64_MAX, &inode)) {
        if (!take_number(&line, 10, '\0', UINT64_MAX, &inode)) {
            return false;
        }
        line--;
    }

    vma_p->start = (uintptr_t)start;
    vma_p->end = (uintptr_t)end;
    vma_p->offset = offset;
    vma_p->inode = inode;
    vma_p->dev_major = (uint32_t)dev_major;
    vma_p->dev_minor = (uint32_t)dev_minor;
    copy_path(line, vma_p->path, sizeof(vma_p->path));
    return true;
}
