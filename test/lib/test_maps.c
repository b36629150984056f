/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks over a process's mappings, by the kernel's query and by text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake.h"
#include "vma.h"

struct list {
    unsigned count;
    unsigned stop_at; /* then 77 is returned */
    struct peervma_vma vmas[600];
};

static int collect(const struct peervma_vma *vma, void *arg)
{
    struct list *list = arg;

    assert_true(list->count < 600);
    list->vmas[list->count++] = *vma;
    return list->count == list->stop_at ? 77 : 0;
}

static struct list *list_create(void)
{
    struct list *list = calloc(1, sizeof(*list));

    assert_non_null(list);
    return list;
}

static const char text[] =
    "1000-2000 rw-p 00000000 00:00 0 \n"
    "2000-3000 rw-s 00000000 00:06 300   /dev/one\n"
    "3000-5000 r--p 00001000 fe:01 12    /dev/two words (deleted)\n"
    "7000-8000 rw-p 00000000 00:00 0     [heap]\n"
    "9000-a000 rw-s 00000000 00:0e 5     /dmabuf:\n";

static void walk(uintptr_t start, uintptr_t end, struct list *list)
{
    struct peervma_maps maps;

    list->count = 0;
    assert_int_equal(0, peervma_maps_open(&fake.view, &maps));
    assert_int_equal(-1, maps.fd); /* a file of text has no query */
    assert_int_equal(0, peervma_maps_walk(&maps, start, end, collect, list));
    peervma_maps_close(&maps);
}

static void files_in_the_range_are_met_in_order(void **state)
{
    struct list *list = list_create();

    (void)state;
    fake_create(&fake);
    fake_maps(&fake, text);

    walk(0, UINTPTR_MAX, list);
    assert_int_equal(3, list->count);
    assert_string_equal("/dev/one", list->vmas[0].path);
    assert_string_equal("/dev/two words (deleted)", list->vmas[1].path);
    assert_string_equal("/dmabuf:", list->vmas[2].path);

    /* A byte is enough; the bytes beside are not. */
    walk(0x2fff, 0x3000, list);
    assert_int_equal(1, list->count);
    assert_true(list->vmas[0].start == 0x2000);
    walk(0x2fff, 0x3001, list);
    assert_int_equal(2, list->count);
    walk(0x5000, 0x9000, list);
    assert_int_equal(0, list->count);
    walk(0xa000, UINTPTR_MAX, list);
    assert_int_equal(0, list->count);

    fake_destroy(&fake);
    free(list);
}

static void the_callback_ends_the_walk(void **state)
{
    struct list *list = list_create();
    struct peervma_maps maps;

    (void)state;
    fake_create(&fake);
    fake_maps(&fake, text);
    list->stop_at = 2;
    assert_int_equal(0, peervma_maps_open(&fake.view, &maps));
    assert_int_equal(77,
                     peervma_maps_walk(&maps, 0, UINTPTR_MAX, collect, list));
    assert_int_equal(2, list->count);
    peervma_maps_close(&maps);
    fake_destroy(&fake);
    free(list);
}

static void text_that_is_not_of_maps_is_an_error(void **state)
{
    struct list *list = list_create();
    struct peervma_maps maps;

    (void)state;
    fake_create(&fake);
    fake_maps(&fake, "1000-2000 rw-s 0 0:6 1 /x\nnonsense\n");
    assert_int_equal(0, peervma_maps_open(&fake.view, &maps));
    assert_int_equal(-EPROTO,
                     peervma_maps_walk(&maps, 0, UINTPTR_MAX, collect, list));
    peervma_maps_close(&maps);
    fake_destroy(&fake);
    free(list);
}

/* Lines of every length, so that every place of the window's end occurs. */
static void lines_of_any_length_are_read(void **state)
{
    struct list *list = list_create();
    char *maps_text, *p, path[256];
    int i, length;

    (void)state;
    maps_text = p = malloc(500 * 400 + 2 * 20000);
    assert_non_null(p);
    for (i = 0; i < 500; i++) {
        if (i == 100 || i == 101) {
            /* Longer than any window. */
            p += sprintf(p, "%x000-%x800 rw-s 0 0:6 %d /", i + 1, i + 1, i + 1);
            memset(p, 'y', 15000);
            p += 15000;
            *p++ = '\n';
            continue;
        }
        length = i % 250;
        memset(path, 'x', (size_t)length);
        path[length] = '\0';
        p += sprintf(p, "%x000-%x800 rw-s 0 0:6 %d /%s\n", i + 1, i + 1, i + 1,
                     path);
    }

    fake_create(&fake);
    fake_maps(&fake, maps_text);
    walk(0, UINTPTR_MAX, list);
    assert_int_equal(500, list->count);
    for (i = 0; i < 500; i++) {
        assert_true(list->vmas[i].start == (uintptr_t)(i + 1) << 12);
        assert_true(list->vmas[i].inode == (uint64_t)(i + 1));
        if (i != 100 && i != 101) {
            assert_int_equal(i % 250 + 1, strlen(list->vmas[i].path));
        }
    }
    fake_destroy(&fake);
    free(maps_text);
    free(list);
}

static void a_missing_process_is_an_error(void **state)
{
    struct peervma_maps maps;
    struct peervma_view view;

    (void)state;
    peervma_view_self(&view);
    snprintf(view.proc, sizeof(view.proc), "no/such/folder");
    assert_int_equal(-ENOENT, peervma_maps_open(&view, &maps));
}

/* On this process, where nothing is mapped in between. */
static void what_the_kernel_offers_agrees_with_its_text(void **state)
{
    struct list *offered = list_create(), *read = list_create();
    struct peervma_maps maps;
    struct peervma_view view;
    unsigned i;

    (void)state;
    peervma_view_self(&view);
    assert_int_equal(0, peervma_maps_open(&view, &maps));
    print_message("# PROCMAP_QUERY: %s\n", maps.fd < 0 ? "no" : "yes");
    assert_int_equal(
        0, peervma_maps_walk(&maps, 0, UINTPTR_MAX, collect, offered));
    peervma_maps_close(&maps);
    assert_int_equal(-1, maps.fd);
    assert_int_equal(0,
                     peervma_maps_walk(&maps, 0, UINTPTR_MAX, collect, read));

    assert_true(offered->count > 3);
    assert_int_equal(offered->count, read->count);
    for (i = 0; i < read->count; i++) {
        assert_true(offered->vmas[i].start == read->vmas[i].start);
        assert_true(offered->vmas[i].end == read->vmas[i].end);
        assert_true(offered->vmas[i].offset == read->vmas[i].offset);
        assert_true(offered->vmas[i].inode == read->vmas[i].inode);
        assert_int_equal(offered->vmas[i].dev_major, read->vmas[i].dev_major);
        assert_int_equal(offered->vmas[i].dev_minor, read->vmas[i].dev_minor);
        assert_int_equal(offered->vmas[i].prot, read->vmas[i].prot);
        assert_int_equal(offered->vmas[i].shared, read->vmas[i].shared);
        assert_string_equal(offered->vmas[i].path, read->vmas[i].path);
    }
    free(offered);
    free(read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_in_the_range_are_met_in_order),
        cmocka_unit_test(the_callback_ends_the_walk),
        cmocka_unit_test(text_that_is_not_of_maps_is_an_error),
        cmocka_unit_test(lines_of_any_length_are_read),
        cmocka_unit_test(a_missing_process_is_an_error),
        cmocka_unit_test(what_the_kernel_offers_agrees_with_its_text),
    };

    return cmocka_run_group_tests_name("maps", tests, NULL, NULL);
}
