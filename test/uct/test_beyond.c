/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "beyond.h"

#define AT(_address) ((const void *)(uintptr_t)(_address))

static void nothing_is_forbidden_at_first(void **state)
{
    (void)state;
    assert_false(uct_peervma_beyond_hit(AT(0), 0x100000));
}

static void what_lies_behind_the_mapping_is_forbidden(void **state)
{
    (void)state;
    uct_peervma_beyond_add(AT(0x1000), 0x2800, 0x3000);
    assert_false(uct_peervma_beyond_hit(AT(0x1000), 0x2000));
    assert_true(uct_peervma_beyond_hit(AT(0x1000), 0x2001));
    assert_true(uct_peervma_beyond_hit(AT(0x3000), 1));
    assert_true(uct_peervma_beyond_hit(AT(0x37ff), 0x1000));
    assert_false(uct_peervma_beyond_hit(AT(0x3800), 0x1000));
}

static void it_is_not_until_the_request_begins(void **state)
{
    (void)state;
    uct_peervma_beyond_add(AT(0x101000), 0x2800, 0x103000);
    assert_false(uct_peervma_beyond_hit(AT(0x103000), 0x1000));
    assert_false(uct_peervma_beyond_hit(AT(0x100000), 0x1000));
    assert_false(uct_peervma_beyond_hit(AT(0x103000), 0x1000));
    assert_false(uct_peervma_beyond_hit(AT(0x102fff), 1));
    assert_true(uct_peervma_beyond_hit(AT(0x103000), 0x1000));
}

static void a_failed_registration_forbids_nothing(void **state)
{
    (void)state;
    uct_peervma_beyond_add(AT(0x201000), 0x2800, 0x203000);
    uct_peervma_beyond_add(AT(0x201000), 0x2800, 0x203000);
    uct_peervma_beyond_take_back(AT(0x201000), 0x2800);
    assert_false(uct_peervma_beyond_hit(AT(0x201000), 0x2000));
    assert_false(uct_peervma_beyond_hit(AT(0x203000), 0x800));
}

static void one_of_what_a_request_has_begun_does_not_allow_it(void **state)
{
    (void)state;
    uct_peervma_beyond_add(AT(0x301000), 0x2800, 0x303000);
    assert_false(uct_peervma_beyond_hit(AT(0x301000), 0x1000));
    uct_peervma_beyond_take_back(AT(0x301000), 0x2800);
    assert_true(uct_peervma_beyond_hit(AT(0x303000), 0x800));
}

static void a_proper_request_allows_it_again(void **state)
{
    (void)state;
    uct_peervma_beyond_add(AT(0x1000), 0x2800, 0x3000);
    assert_false(uct_peervma_beyond_hit(AT(0x1000), 0x1000));
    uct_peervma_beyond_drop(AT(0x3800), 0x1000);
    assert_true(uct_peervma_beyond_hit(AT(0x3000), 1));
    uct_peervma_beyond_drop(AT(0x3000), 0x1000);
    assert_false(uct_peervma_beyond_hit(AT(0x3000), 0x1000));
}

static void many_wrong_requests_are_remembered(void **state)
{
    uintptr_t i;

    (void)state;
    for (i = 0; i < 1000; ++i) {
        uct_peervma_beyond_add(AT(0x10000 + i * 0x1000), 0x20,
                               0x10010 + i * 0x1000);
        /* The same again takes no place. */
        uct_peervma_beyond_add(AT(0x10000 + i * 0x1000), 0x20,
                               0x10010 + i * 0x1000);
        assert_false(uct_peervma_beyond_hit(AT(0x10000 + i * 0x1000), 1));
    }
    for (i = 1000 - 64; i < 1000; ++i) {
        assert_true(uct_peervma_beyond_hit(AT(0x10010 + i * 0x1000), 1));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_forbidden_at_first),
        cmocka_unit_test(what_lies_behind_the_mapping_is_forbidden),
        cmocka_unit_test(it_is_not_until_the_request_begins),
        cmocka_unit_test(a_failed_registration_forbids_nothing),
        cmocka_unit_test(one_of_what_a_request_has_begun_does_not_allow_it),
        cmocka_unit_test(a_proper_request_allows_it_again),
        cmocka_unit_test(many_wrong_requests_are_remembered),
    };

    return cmocka_run_group_tests_name("beyond", tests, NULL, NULL);
}
