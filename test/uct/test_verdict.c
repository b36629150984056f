/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "verdict.h"

static const peervma_region_t one = {
    .base = 0x7f0000000000,
    .length = 0x10000,
    .generation = 5,
    .prot = PROT_READ | PROT_WRITE,
};

static int create(void **state)
{
    *state = uct_peervma_verdicts_create();
    return (*state == NULL) ? -1 : 0;
}

static int destroy(void **state)
{
    uct_peervma_verdicts_destroy(*state);
    return 0;
}

static void nothing_is_known_at_first(void **state)
{
    assert_int_equal(uct_peervma_verdict_get(*state, &one),
                     UCT_PEERVMA_VERDICT_NONE);
}

static void a_verdict_is_remembered(void **state)
{
    uct_peervma_verdict_set(*state, &one, UCT_PEERVMA_VERDICT_STAGED);
    assert_int_equal(uct_peervma_verdict_get(*state, &one),
                     UCT_PEERVMA_VERDICT_STAGED);
    uct_peervma_verdict_set(*state, &one, UCT_PEERVMA_VERDICT_ZERO_COPY);
    assert_int_equal(uct_peervma_verdict_get(*state, &one),
                     UCT_PEERVMA_VERDICT_ZERO_COPY);
}

static void what_is_mapped_there_later_is_tried_anew(void **state)
{
    peervma_region_t other = one;

    uct_peervma_verdict_set(*state, &one, UCT_PEERVMA_VERDICT_STAGED);
    other.generation = 6;
    assert_int_equal(uct_peervma_verdict_get(*state, &other),
                     UCT_PEERVMA_VERDICT_NONE);
    other = one;
    other.length = 0x8000;
    assert_int_equal(uct_peervma_verdict_get(*state, &other),
                     UCT_PEERVMA_VERDICT_NONE);
    other = one;
    other.prot = PROT_READ;
    assert_int_equal(uct_peervma_verdict_get(*state, &other),
                     UCT_PEERVMA_VERDICT_NONE);
}

static void many_mappings_are_never_mistaken(void **state)
{
    peervma_region_t region = one;
    uct_peervma_verdict_t expected, verdict;
    unsigned i, known = 0;

    for (i = 0; i < 100000; ++i) {
        region.base = one.base + i * one.length;
        uct_peervma_verdict_set(*state, &region,
                                (i % 3 == 0) ? UCT_PEERVMA_VERDICT_STAGED
                                             : UCT_PEERVMA_VERDICT_ZERO_COPY);
    }
    for (i = 0; i < 100000; ++i) {
        region.base = one.base + i * one.length;
        expected = (i % 3 == 0) ? UCT_PEERVMA_VERDICT_STAGED
                                : UCT_PEERVMA_VERDICT_ZERO_COPY;
        verdict = uct_peervma_verdict_get(*state, &region);
        if (verdict != UCT_PEERVMA_VERDICT_NONE) {
            assert_int_equal(verdict, expected);
            ++known;
        }
    }
    assert_true(known > 1000);
}

#define ONE_TEST(_name) cmocka_unit_test_setup_teardown(_name, create, destroy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ONE_TEST(nothing_is_known_at_first),
        ONE_TEST(a_verdict_is_remembered),
        ONE_TEST(what_is_mapped_there_later_is_tried_anew),
        ONE_TEST(many_mappings_are_never_mistaken),
    };

    return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
