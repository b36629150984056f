/* SPDX-License-Identifier: BSD-3-Clause */
/* The parser of lines of /proc/PID/maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "vma.h"

struct line {
    const char *text;
    uintptr_t start;
    uintptr_t end;
    int prot;
    bool shared;
    uint64_t offset;
    uint32_t dev_major;
    uint32_t dev_minor;
    uint64_t inode;
    const char *path;
};

static const struct line lines[] = {
    {"7f12a000-7f12b000 rw-s 100000000 00:06 300                     "
     "/dev/dri/renderD128",
     0x7f12a000, 0x7f12b000, PROT_READ | PROT_WRITE, true, 0x100000000, 0, 6,
     300, "/dev/dri/renderD128"},
    {"7f12a000-7f12b000 rw-s 00000000 00:0e 5   /dmabuf:", 0x7f12a000,
     0x7f12b000, PROT_READ | PROT_WRITE, true, 0, 0, 14, 5, "/dmabuf:"},
    {"7f12a000-7f12b000 rw-s 00000000 00:0e 5   /dmabuf:my buffer", 0x7f12a000,
     0x7f12b000, PROT_READ | PROT_WRITE, true, 0, 0, 14, 5,
     "/dmabuf:my buffer"},
    {"1000-2000 r--p 00000000 fe:00 247498                     "
     "/tmp/a file  with spaces",
     0x1000, 0x2000, PROT_READ, false, 0, 0xfe, 0, 247498,
     "/tmp/a file  with spaces"},
    {"1000-2000 r-xp 00002000 fe:00 9 /usr/lib/old.so (deleted)", 0x1000,
     0x2000, PROT_READ | PROT_EXEC, false, 0x2000, 0xfe, 0, 9,
     "/usr/lib/old.so (deleted)"},
    {"1000-2000 r--p 00000000 fe:00 9 /tmp/new\\012line", 0x1000, 0x2000,
     PROT_READ, false, 0, 0xfe, 0, 9, "/tmp/new\nline"},
    {"1000-2000 r--p 00000000 fe:00 9 /tmp/back\\0slash\\01", 0x1000, 0x2000,
     PROT_READ, false, 0, 0xfe, 0, 9, "/tmp/back\\0slash\\01"},
    {"55c670-55c6ff rw-p 00000000 00:00 0 ", 0x55c670, 0x55c6ff,
     PROT_READ | PROT_WRITE, false, 0, 0, 0, 0, ""},
    {"55c670-55c6ff ---p 00000000 00:00 0", 0x55c670, 0x55c6ff, 0, false, 0, 0,
     0, 0, ""},
    {"1000-2000 rw-p 00000000 00:00 0                          [heap]", 0x1000,
     0x2000, PROT_READ | PROT_WRITE, false, 0, 0, 0, 0, "[heap]"},
    {"ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]",
     0xffffffffff600000, 0xffffffffff601000, PROT_EXEC, false, 0, 0, 0, 0,
     "[vsyscall]"},
    {"1000-2000 rw-s fffffffffffff000 fff:fffff 18446744073709551615 /x",
     0x1000, 0x2000, PROT_READ | PROT_WRITE, true, 0xfffffffffffff000, 0xfff,
     0xfffff, UINT64_MAX, "/x"},
    {"1000-2000 rw-s 1000 00:10 77   anon_inode:[vfio-device]", 0x1000, 0x2000,
     PROT_READ | PROT_WRITE, true, 0x1000, 0, 16, 77,
     "anon_inode:[vfio-device]"},
};

static void each_field_of_a_line_is_read(void **state)
{
    const struct line *line;
    struct peervma_vma vma;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        line = &lines[i];
        memset(&vma, 0xa5, sizeof(vma));
        assert_true(peervma_vma_parse(line->text, &vma));
        assert_true(vma.start == line->start && vma.end == line->end);
        assert_int_equal(line->prot, vma.prot);
        assert_int_equal(line->shared, vma.shared);
        assert_true(vma.offset == line->offset);
        assert_int_equal(line->dev_major, vma.dev_major);
        assert_int_equal(line->dev_minor, vma.dev_minor);
        assert_true(vma.inode == line->inode);
        assert_string_equal(line->path, vma.path);
    }
}

static void what_is_no_line_of_maps_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "-",
        "1000",
        "1000-",
        "1000-2000",
        "1000-2000 ",
        "1000-2000 rw",
        "1000-2000 rw-s",
        "1000-2000 rw-x 0 0:0 0",
        "1000-2000 wr-s 0 0:0 0",
        "1000-2000 rw-s ",
        "1000-2000 rw-s 0 ",
        "1000-2000 rw-s 0 0:0",
        "1000-2000 rw-s 0 0:0 ",
        "1000-2000 rw-s 0 0 0",
        "1000-2000 rw-s 0 0:0 0x",
        "1000-2000 rw-s g 0:0 0",
        "1000-2000 rw-s 0 0:0 -1",
        "2000-1000 rw-s 0 0:0 0",
        "1000-1000 rw-s 0 0:0 0",
        " 1000-2000 rw-s 0 0:0 0",
        "0x1000-2000 rw-s 0 0:0 0",
        "+1000-2000 rw-s 0 0:0 0",
        "10000000000000000-20000000000000000 rw-s 0 0:0 0",
        "1000-2000 rw-s 10000000000000000 0:0 0",
        "1000-2000 rw-s 0 100000000:0 0",
        "1000-2000 rw-s 0 0:0 18446744073709551616",
    };
    struct peervma_vma vma;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (peervma_vma_parse(bad[i], &vma)) {
            fail_msg("taken for a line of maps: '%s'", bad[i]);
        }
    }
}

static void a_path_longer_than_any_is_cut(void **state)
{
    char text[3 * PATH_MAX] = "1000-2000 rw-s 0 0:0 7 /";
    size_t used = strlen(text);
    struct peervma_vma vma;

    (void)state;
    memset(text + used, 'x', sizeof(text) - used - 1);
    text[sizeof(text) - 1] = '\0';
    assert_true(peervma_vma_parse(text, &vma));
    assert_int_equal(sizeof(vma.path) - 1, strlen(vma.path));
    assert_true(vma.inode == 7);
}

/* Any change of a byte is taken or refused; the sanitizers watch. */
static void a_damaged_line_does_no_harm(void **state)
{
    unsigned seed = 4711, i;
    struct peervma_vma vma;
    char text[256];
    size_t length;

    (void)state;
    for (i = 0; i < 100000; i++) {
        snprintf(
            text, sizeof(text), "%s",
            lines[rand_r(&seed) % (sizeof(lines) / sizeof(lines[0]))].text);
        length = strlen(text);
        text[rand_r(&seed) % length] = (char)rand_r(&seed);
        if (rand_r(&seed) % 4 == 0) {
            text[rand_r(&seed) % length] = '\0';
        }
        if (peervma_vma_parse(text, &vma)) {
            assert_true(vma.start < vma.end);
            assert_true(strlen(vma.path) < sizeof(vma.path));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_of_a_line_is_read),
        cmocka_unit_test(what_is_no_line_of_maps_is_refused),
        cmocka_unit_test(a_path_longer_than_any_is_cut),
        cmocka_unit_test(a_damaged_line_does_no_harm),
    };

    return cmocka_run_group_tests_name("parse", tests, NULL, NULL);
}
