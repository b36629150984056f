/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "numbers.h"

static void bytes_have_units(void **state)
{
    uint64_t bytes;

    (void)state;
    assert_true(number_parse_bytes("0", &bytes) && bytes == 0);
    assert_true(number_parse_bytes("4096", &bytes) && bytes == 4096);
    assert_true(number_parse_bytes("0x1000", &bytes) && bytes == 4096);
    assert_true(number_parse_bytes("010", &bytes) && bytes == 10);
    assert_true(number_parse_bytes("64K", &bytes) && bytes == 65536);
    assert_true(number_parse_bytes("3M", &bytes) && bytes == 3 << 20);
    assert_true(number_parse_bytes("2G", &bytes) && bytes == UINT64_C(2) << 30);
    assert_true(number_parse_bytes("18446744073709551615", &bytes) &&
                bytes == UINT64_MAX);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "K",
                                        "-1",
                                        " 1",
                                        "+1",
                                        "1k",
                                        "1KB",
                                        "1.5",
                                        "1 ",
                                        "99999999T",
                                        "18446744073709551616"};
    uint64_t number = 7;
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_false(number_parse_bytes(texts[i], &number));
    }
    assert_false(number_parse("", 9, &number));
    assert_false(number_parse("-1", 9, &number));
    assert_false(number_parse("10", 9, &number));
    assert_false(number_parse("99999999999999999999", UINT64_MAX, &number));
    assert_int_equal(7, number);
    assert_true(number_parse("9", 9, &number));
    assert_int_equal(9, number);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_have_units),
        cmocka_unit_test(what_is_no_number_is_refused),
    };

    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
