/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "status.h"

static void not_device_memory_is_for_others_to_claim(void **state)
{
    (void)state;
    assert_int_equal(uct_peervma_status(-ENOENT), UCS_ERR_INVALID_ADDR);
}

static void each_cause_keeps_its_meaning(void **state)
{
    (void)state;
    assert_int_equal(uct_peervma_status(0), UCS_OK);
    assert_int_equal(uct_peervma_status(-ERANGE), UCS_ERR_OUT_OF_RANGE);
    assert_int_equal(uct_peervma_status(-EINVAL), UCS_ERR_INVALID_PARAM);
    assert_int_equal(uct_peervma_status(-ENOMEM), UCS_ERR_NO_MEMORY);
    assert_int_equal(uct_peervma_status(-ENOSPC), UCS_ERR_NO_MEMORY);
    assert_int_equal(uct_peervma_status(-EMFILE), UCS_ERR_EXCEEDS_LIMIT);
    assert_int_equal(uct_peervma_status(-EDQUOT), UCS_ERR_EXCEEDS_LIMIT);
    assert_int_equal(uct_peervma_status(-ESTALE), UCS_ERR_NO_DEVICE);
    assert_int_equal(uct_peervma_status(-EOPNOTSUPP), UCS_ERR_UNSUPPORTED);
    assert_int_equal(uct_peervma_status(-EACCES), UCS_ERR_UNSUPPORTED);
    assert_int_equal(uct_peervma_status(-EBUSY), UCS_ERR_BUSY);
}

static void no_errno_is_taken_for_success(void **state)
{
    int error;

    (void)state;
    for (error = 1; error < 4096; ++error) {
        assert_true(UCS_STATUS_IS_ERR(uct_peervma_status(-error)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_device_memory_is_for_others_to_claim),
        cmocka_unit_test(each_cause_keeps_its_meaning),
        cmocka_unit_test(no_errno_is_taken_for_success),
    };

    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
