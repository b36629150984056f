/* SPDX-License-Identifier: BSD-3-Clause */
/* The malloc family over a fake device: where memory is, and what is in it. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "device_memory.h"

#define MIN ((size_t)65536)
#define LARGE ((size_t)300001)

static void fill(unsigned char *bytes, size_t length, unsigned seed)
{
    size_t i;

    for (i = 0; i < length; i++) {
        bytes[i] = (unsigned char)(i * 31 + seed + (i >> 8));
    }
}

static void assert_filled(const unsigned char *bytes, size_t length,
                          unsigned seed)
{
    size_t i;

    for (i = 0; i < length; i++) {
        assert_int_equal(bytes[i], (unsigned char)(i * 31 + seed + (i >> 8)));
    }
}

static void large_is_placed_and_small_is_not(void **state)
{
    void *small = malloc(MIN - 1);
    void *large = malloc(MIN);

    (void)state;
    assert_false(is_device(small));
    assert_true(is_device(large));
    assert_true(malloc_usable_size(large) >= MIN);
    fill(large, MIN, 1);
    assert_filled(large, MIN, 1);
    free(small);
    free(large);
    assert_false(is_device(large));
}

static void calloc_gives_zeroes_and_refuses_overflow(void **state)
{
    unsigned char *bytes = calloc(LARGE, 1);
    volatile size_t half = SIZE_MAX / 2 + 2;
    size_t i;

    (void)state;
    assert_true(is_device(bytes));
    for (i = 0; i < malloc_usable_size(bytes); i++) {
        assert_int_equal(bytes[i], 0);
    }
    free(bytes);
    errno = 0;
    assert_null(calloc(half, 2));
    assert_int_equal(errno, ENOMEM);
    assert_null(reallocarray(NULL, half, 2));
}

static void assert_aligned(void *ptr, size_t alignment)
{
    assert_true(is_device(ptr));
    assert_int_equal((uintptr_t)ptr & (alignment - 1), 0);
    fill(ptr, LARGE, 7);
    assert_filled(ptr, LARGE, 7);
    free(ptr);
    assert_false(is_device(ptr));
}

static void every_alignment_is_kept(void **state)
{
    size_t alignment;
    void *ptr;

    (void)state;
    for (alignment = sizeof(void *); alignment <= 1 << 22; alignment *= 2) {
        assert_int_equal(posix_memalign(&ptr, alignment, LARGE), 0);
        assert_aligned(ptr, alignment);
        assert_aligned(memalign(alignment, LARGE), alignment);
        assert_aligned(aligned_alloc(alignment, LARGE), alignment);
    }
    assert_aligned(valloc(LARGE), 4096);
}

static void wrong_alignments_are_refused_as_by_libc(void **state)
{
    volatile size_t odd = 24;
    void *ptr = state;

    assert_int_equal(posix_memalign(&ptr, odd, LARGE), EINVAL);
    assert_ptr_equal(ptr, state);
    assert_int_equal(posix_memalign(&ptr, 0, LARGE), EINVAL);
}

static void sizes_that_nobody_has_are_refused(void **state)
{
    volatile size_t most = SIZE_MAX, half = SIZE_MAX / 2 - 4096;
    void *ptr;

    (void)state;
    errno = 0;
    assert_null(malloc(most));
    assert_int_equal(errno, ENOMEM);
    assert_null(malloc(half));
    assert_int_equal(posix_memalign(&ptr, 1 << 20, most), ENOMEM);
    assert_null(realloc(NULL, most));
}

static void realloc_moves_between_the_kinds_with_the_contents(void **state)
{
    unsigned char *bytes = malloc(1000), *before;

    (void)state;
    fill(bytes, 1000, 3);
    bytes = realloc(bytes, LARGE);
    assert_true(is_device(bytes));
    assert_filled(bytes, 1000, 3);
    fill(bytes, LARGE, 4);
    before = bytes;
    bytes = realloc(bytes, LARGE - 1000);
    assert_ptr_equal(bytes, before);
    bytes = realloc(bytes, 10 * LARGE);
    assert_true(is_device(bytes));
    assert_filled(bytes, LARGE - 1000, 4);
    bytes = realloc(bytes, 5000);
    assert_false(is_device(bytes));
    assert_filled(bytes, 5000, 4);
    bytes = realloc(bytes, 2 * MIN);
    assert_true(is_device(bytes));
    assert_null(realloc(bytes, 0));
    assert_false(is_device(bytes));
}

static void free_and_malloc_leave_errno(void **state)
{
    void *ptr;

    (void)state;
    errno = 77;
    ptr = malloc(LARGE);
    assert_int_equal(errno, 77);
    free(ptr);
    assert_int_equal(errno, 77);
    free(NULL);
    assert_int_equal(errno, 77);
    assert_int_equal(malloc_usable_size(NULL), 0);
}

static void page_aligned_blocks_of_libc_stay_libc_s(void **state)
{
    void *ptr[16];
    size_t i;

    (void)state;
    for (i = 0; i < 16; i++) {
        assert_int_equal(posix_memalign(&ptr[i], 4096, 100 + i), 0);
        assert_false(is_device(ptr[i]));
        assert_true(malloc_usable_size(ptr[i]) < MIN);
    }
    for (i = 0; i < 16; i++) {
        ptr[i] = realloc(ptr[i], 200);
        free(ptr[i]);
    }
}

/* libc allocates, we free, and the other way round. */
static void blocks_pass_between_libc_and_the_program(void **state)
{
    char *large = malloc(LARGE), *copy, *line = malloc(LARGE);
    size_t room = LARGE;
    FILE *file = tmpfile();

    (void)state;
    memset(large, 'x', LARGE - 1);
    large[LARGE - 1] = '\0';
    copy = strdup(large);
    assert_string_equal(copy, large);
    copy = realloc(copy, 2 * LARGE);
    assert_true(is_device(copy));
    assert_int_equal(strlen(copy), LARGE - 1);

    /* read(), write(), and a buffer of stdio's, in it */
    assert_int_equal(setvbuf(file, copy, _IOFBF, 2 * LARGE), 0);
    assert_true(fputs(large, file) >= 0 && fputs(large, file) >= 0);
    rewind(file);
    assert_int_equal(getline(&line, &room, file), 2 * (LARGE - 1));
    assert_memory_equal(line, large, LARGE - 1);
    fclose(file);
    free(line);
    free(copy);
    free(large);
}

#define SLOTS 64
#define STEPS 4000

/* Random calls against what the blocks must hold. */
static void realloc_patterns_hold_what_a_model_says(void **state)
{
    struct {
        unsigned char *ptr;
        size_t length;
        unsigned seed;
    } slot[SLOTS] = {0};
    unsigned random = 1, step;

    (void)state;
    for (step = 0; step < STEPS; step++) {
        unsigned i = (random = random * 1103515245 + 12345) >> 16 & (SLOTS - 1);
        size_t length = (random >> 3) % (random & 0x400 ? 4 * MIN : MIN / 8);
        size_t kept = slot[i].length < length ? slot[i].length : length;

        if (random & 0x800 || length == 0) {
            assert_filled(slot[i].ptr, slot[i].length, slot[i].seed);
            free(slot[i].ptr);
            slot[i].ptr = NULL;
            slot[i].length = 0;
            continue;
        }
        slot[i].ptr = realloc(slot[i].ptr, length);
        assert_non_null(slot[i].ptr);
        assert_filled(slot[i].ptr, kept, slot[i].seed);
        if (kept == 0) {
            assert_int_equal(is_device(slot[i].ptr), length >= MIN);
        }
        slot[i].length = length;
        slot[i].seed = step;
        fill(slot[i].ptr, length, step);
    }
    for (step = 0; step < SLOTS; step++) {
        assert_filled(slot[step].ptr, slot[step].length, slot[step].seed);
        free(slot[step].ptr);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_is_placed_and_small_is_not),
        cmocka_unit_test(calloc_gives_zeroes_and_refuses_overflow),
        cmocka_unit_test(every_alignment_is_kept),
        cmocka_unit_test(wrong_alignments_are_refused_as_by_libc),
        cmocka_unit_test(sizes_that_nobody_has_are_refused),
        cmocka_unit_test(realloc_moves_between_the_kinds_with_the_contents),
        cmocka_unit_test(free_and_malloc_leave_errno),
        cmocka_unit_test(page_aligned_blocks_of_libc_stay_libc_s),
        cmocka_unit_test(blocks_pass_between_libc_and_the_program),
        cmocka_unit_test(realloc_patterns_hold_what_a_model_says),
    };

    run_under_alloc();
    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
