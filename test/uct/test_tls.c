/* SPDX-License-Identifier: BSD-3-Clause */
/* Which values of UCX_TLS leave pvma_copy out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tls.h"

static void lists_with_it_or_all_have_it(void **state)
{
    (void)state;
    assert_false(uct_peervma_is_left_out("pvma_copy"));
    assert_false(uct_peervma_is_left_out("self,pvma_copy,tcp"));
    assert_false(uct_peervma_is_left_out("tcp,\\pvma_copy"));
    assert_false(uct_peervma_is_left_out("all"));
}

static void lists_without_it_leave_it_out(void **state)
{
    (void)state;
    assert_true(uct_peervma_is_left_out(""));
    assert_true(uct_peervma_is_left_out("tcp"));
    assert_true(uct_peervma_is_left_out("rc,self,sm"));
    assert_true(uct_peervma_is_left_out("tcp,pvma_cop,pvma_copyx,xall,all_"));
}

static void lists_of_others_are_no_mistake(void **state)
{
    (void)state;
    assert_false(uct_peervma_is_left_out("^tcp"));
    assert_false(uct_peervma_is_left_out("^pvma_copy"));
}

static void transports_of_nics_are_told_from_others(void **state)
{
    (void)state;
    assert_true(uct_peervma_has_rdma("all"));
    assert_true(uct_peervma_has_rdma("^tcp"));
    assert_true(uct_peervma_has_rdma("tcp,rc_verbs"));
    assert_true(uct_peervma_has_rdma("self,\\dc_x"));
    assert_true(uct_peervma_has_rdma("sm,ib,pvma_copy"));
    assert_false(uct_peervma_has_rdma(""));
    assert_false(uct_peervma_has_rdma("tcp"));
    assert_false(uct_peervma_has_rdma("self,sm,tcp,pvma_copy,"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_with_it_or_all_have_it),
        cmocka_unit_test(lists_without_it_leave_it_out),
        cmocka_unit_test(lists_of_others_are_no_mistake),
        cmocka_unit_test(transports_of_nics_are_told_from_others),
    };

    return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
