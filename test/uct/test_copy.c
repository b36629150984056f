/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The copy engine against memcpy: every size up to a page, at every alignment
 * of both sides that matters, against pages that may not be touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "copy.h"

#define PAGE ((size_t)4096)
#define ALIGNMENTS 17 /* of the wide accesses, and one more */

/* Two pages between two that fault at any access. */
typedef struct {
    char *pages;
    char *start;
    char *end;
} guarded_t;

static guarded_t guarded_new(void)
{
    guarded_t area;

    area.pages =
        mmap(NULL, 4 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(area.pages, MAP_FAILED);
    area.start = area.pages + PAGE;
    area.end = area.start + 2 * PAGE;
    assert_int_equal(mprotect(area.start, 2 * PAGE, PROT_READ | PROT_WRITE), 0);
    return area;
}

static void guarded_free(guarded_t *area)
{
    munmap(area->pages, 4 * PAGE);
}

static void fill(char *bytes, size_t length, unsigned seed)
{
    size_t i;

    for (i = 0; i < length; ++i) {
        bytes[i] = (char)(seed + i * 7 + i / 251);
    }
}

typedef void (*copy_func_t)(void *to, const void *from, size_t length);

/* Copy to the very end of one area from the very end of the other, then from
 * and to their very beginnings, and look at what lies beside the target. */
static void check_copy(copy_func_t copy, const guarded_t *to,
                       const guarded_t *from, size_t length, size_t to_shift,
                       size_t from_shift)
{
    char *target = to->end - length - to_shift;
    const char *source = from->end - length - from_shift;
    char *beside = (length + to_shift < 2 * PAGE) ? target - 1 : NULL;

    memset(target, 0, length + to_shift);
    if (beside != NULL) {
        *beside = 0x5a;
    }
    copy(target, source, length);
    assert_memory_equal(target, source, length);
    assert_true((to_shift == 0) || (target[length] == 0));
    assert_true((beside == NULL) || (*beside == 0x5a));

    target = to->start + to_shift;
    source = from->start + from_shift;
    memset(to->start, 0, to_shift + length + 1);
    copy(target, source, length);
    assert_memory_equal(target, source, length);
    assert_true((to_shift == 0) || (target[-1] == 0));
    assert_int_equal(target[length], 0);
}

static void check_all(copy_func_t copy)
{
    guarded_t to = guarded_new();
    guarded_t from = guarded_new();
    size_t length, to_shift, from_shift;

    fill(from.start, 2 * PAGE, 3);
    for (length = 0; length <= PAGE; ++length) {
        for (to_shift = 0; to_shift < ALIGNMENTS; ++to_shift) {
            from_shift = (length + to_shift * 5) % ALIGNMENTS;
            check_copy(copy, &to, &from, length, to_shift, from_shift);
        }
    }
    for (length = 0; length <= 160; ++length) {
        for (to_shift = 0; to_shift < ALIGNMENTS; ++to_shift) {
            for (from_shift = 0; from_shift < ALIGNMENTS; ++from_shift) {
                check_copy(copy, &to, &from, length, to_shift, from_shift);
            }
        }
    }
    guarded_free(&from);
    guarded_free(&to);
}

static void to_device_is_memcpy(void **state)
{
    (void)state;
    check_all(uct_peervma_copy_to_device);
}

static void from_device_is_memcpy(void **state)
{
    (void)state;
    check_all(uct_peervma_copy_from_device);
}

static void large_copies_are_memcpy(void **state)
{
    const size_t length = (1 << 20) + 13;
    char *host = malloc(length + 1);
    char *device = calloc(1, length + 3);
    char *back = calloc(1, length + 1);

    (void)state;
    assert_true((host != NULL) && (device != NULL) && (back != NULL));
    fill(host, length, 9);
    uct_peervma_copy_to_device(device + 3, host, length);
    assert_memory_equal(device + 3, host, length);
    uct_peervma_copy_from_device(back + 1, device + 3, length);
    assert_memory_equal(back + 1, host, length);
    free(back);
    free(device);
    free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(to_device_is_memcpy),
        cmocka_unit_test(from_device_is_memcpy),
        cmocka_unit_test(large_copies_are_memcpy),
    };

    return cmocka_run_group_tests_name("copy", tests, NULL, NULL);
}
