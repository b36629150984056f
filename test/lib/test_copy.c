/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Each copy engine that this CPU can run against memcpy, byte by byte: every
 * size up to a page, at every alignment of both sides, with pages on both sides
 * that may not be touched.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "copy.h"
#include "peervma.h"

#define PAGE ((size_t)4096)
#define AREA (4 * PAGE)
#define ALIGNMENTS PEERVMA_COPY_BLOCK
#define BESIDE ((size_t)64) /* bytes before and after that are looked at */

/* Some pages between two that fault at any access. */
struct guarded {
    char *pages;
    char *start;
    char *end;
};

static struct guarded guarded_new(void)
{
    struct guarded area;

    area.pages = mmap(NULL, AREA + 2 * PAGE, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(area.pages, MAP_FAILED);
    area.start = area.pages + PAGE;
    area.end = area.start + AREA;
    assert_int_equal(0, mprotect(area.start, AREA, PROT_READ | PROT_WRITE));
    return area;
}

static void guarded_free(struct guarded *area)
{
    munmap(area->pages, AREA + 2 * PAGE);
}

static void fill(char *bytes, size_t length)
{
    size_t i;

    for (i = 0; i < length; i++) {
        bytes[i] = (char)(3 + i * 7 + i / 251);
    }
}

typedef void (*copy_t)(const struct peervma_copy_engine *engine, void *to,
                       const void *from, size_t length);

struct side {
    const struct peervma_copy_engine *engine;
    copy_t copy;
    struct guarded to;
    struct guarded from;
};

/* What lies in [low, high) beside the target stays what it was. */
static void check_one(struct side *side, char *target, const char *source,
                      size_t length)
{
    static char untouched[BESIDE];
    size_t before = (size_t)(target - side->to.start);
    size_t after = (size_t)(side->to.end - target) - length;

    before = before < BESIDE ? before : BESIDE;
    after = after < BESIDE ? after : BESIDE;
    memset(target - before, 0, before + length + after);
    side->copy(side->engine, target, source, length);
    if (memcmp(target, source, length) != 0 ||
        memcmp(target - before, untouched, before) != 0 ||
        memcmp(target + length, untouched, after) != 0) {
        fail_msg("%s: %zu bytes from ...%02zx to ...%02zx", side->engine->name,
                 length, (uintptr_t)source % ALIGNMENTS,
                 (uintptr_t)target % ALIGNMENTS);
    }
}

/* At the beginnings of both areas, and at their very ends. */
static void check_both(struct side *side, size_t length, size_t to_shift,
                       size_t from_shift)
{
    check_one(side, side->to.start + to_shift, side->from.start + from_shift,
              length);
    check_one(side, side->to.end - length - to_shift,
              side->from.end - length - from_shift, length);
}

static void check_alignments(struct side *side, size_t length)
{
    size_t to_shift, from_shift;

    for (to_shift = 0; to_shift < ALIGNMENTS; to_shift++) {
        for (from_shift = 0; from_shift < ALIGNMENTS; from_shift++) {
            check_both(side, length, to_shift, from_shift);
        }
    }
}

/* Each alignment of either side, with one of the other. */
static void check_some_alignments(struct side *side, size_t length)
{
    size_t shift, other;

    for (shift = 0; shift < ALIGNMENTS; shift++) {
        other = (length + shift * 5) % ALIGNMENTS;
        check_both(side, length, shift, other);
        check_both(side, length, other, shift);
    }
}

/*
 * All pairs of alignments where a copy has no, one or some whole blocks, and of
 * some long ones. Under instruments that make each access slow, a sample of the
 * sizes, and of the long ones' pairs.
 */
static void check_sizes(struct side *side)
{
    int quick = getenv("PEERVMA_TEST_QUICK") != NULL;
    size_t length, step = quick ? 31 : 1;

    for (length = 0; length <= 3 * PEERVMA_COPY_BLOCK; length += step) {
        check_alignments(side, length);
    }
    for (; length <= PAGE; length += step) {
        check_some_alignments(side, length);
    }
    for (length = PAGE; length <= AREA - ALIGNMENTS; length += 1021) {
        if (quick) {
            check_some_alignments(side, length);
        } else {
            check_alignments(side, length);
        }
    }
    check_both(side, AREA, 0, 0);
}

static void check_engine(const struct peervma_copy_engine *engine, copy_t copy)
{
    struct side side = {
        .engine = engine,
        .copy = copy,
        .to = guarded_new(),
        .from = guarded_new(),
    };

    fill(side.from.start, AREA);
    check_sizes(&side);
    guarded_free(&side.from);
    guarded_free(&side.to);
}

static void to_device_is_memcpy(void **state)
{
    check_engine(*state, peervma_copy_store);
}

static void from_device_is_memcpy(void **state)
{
    check_engine(*state, peervma_copy_load);
}

static void public_calls_are_memcpy(void **state)
{
    const size_t length = ((size_t)1 << 20) + 13;
    char *host = malloc(length);
    char *device = calloc(1, length + 3);
    char *back = calloc(1, length + 1);

    (void)state;
    assert_true(host != NULL && device != NULL && back != NULL);
    fill(host, length);
    peervma_copy_to_device(device + 3, host, length);
    assert_memory_equal(device + 3, host, length);
    peervma_copy_from_device(back + 1, device + 3, length);
    assert_memory_equal(back + 1, host, length);
    free(back);
    free(device);
    free(host);
}

#define MAX_TESTS 16

/* Two tests for an engine; `names` are to outlive them. */
static size_t add_engine(const struct peervma_copy_engine *engine,
                         struct CMUnitTest *tests, char names[2][64])
{
    snprintf(names[0], sizeof(names[0]), "%s_to_device_is_memcpy",
             engine->name);
    snprintf(names[1], sizeof(names[1]), "%s_from_device_is_memcpy",
             engine->name);
    tests[0] = (struct CMUnitTest){.name = names[0],
                                   .test_func = to_device_is_memcpy,
                                   .initial_state = (void *)(uintptr_t)engine};
    tests[1] = tests[0];
    tests[1].name = names[1];
    tests[1].test_func = from_device_is_memcpy;
    return 2;
}

int main(void)
{
    struct CMUnitTest tests[MAX_TESTS] = {
        cmocka_unit_test(public_calls_are_memcpy),
    };
    char names[MAX_TESTS][64];
    size_t count = 1, i;

    for (i = 0; peervma_copy_engines[i] != NULL; i++) {
        if (peervma_copy_engines[i]->usable()) {
            count += add_engine(peervma_copy_engines[i], tests + count,
                                names + count);
        }
    }
    return _cmocka_run_group_tests("copy", tests, count, NULL, NULL);
}
