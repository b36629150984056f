/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <ucs/sys/math.h>

#include "memtype.h"

#define ZE UCS_BIT(UCS_MEMORY_TYPE_ZE_DEVICE)
#define RDMA UCS_BIT(UCS_MEMORY_TYPE_RDMA)
#define ROCM UCS_BIT(UCS_MEMORY_TYPE_ROCM)
#define CUDA UCS_BIT(UCS_MEMORY_TYPE_CUDA)

static unsigned setting_of(const char *name)
{
    unsigned i;

    for (i = 0; strcmp(uct_peervma_type_settings[i], name) != 0; ++i) {
        assert_non_null(uct_peervma_type_settings[i + 1]);
    }
    return i;
}

static void check(const char *setting, uint64_t active, uint64_t registered,
                  ucs_memory_type_t device, ucs_memory_type_t staged)
{
    const uct_peervma_type_users_t users = {.active = active,
                                            .registered = registered};
    uct_peervma_types_t types;

    assert_int_equal(
        uct_peervma_types_choose(setting_of(setting), &users, &types), 0);
    assert_int_equal(types.device, device);
    assert_int_equal(types.staged, staged);
}

static void check_none(const char *setting, uint64_t active)
{
    const uct_peervma_type_users_t users = {.active = active};
    uct_peervma_types_t types;

    assert_int_equal(
        uct_peervma_types_choose(setting_of(setting), &users, &types), -1);
}

static void by_itself_it_is_ze_device(void **state)
{
    (void)state;
    check("auto", 0, 0, UCS_MEMORY_TYPE_ZE_DEVICE, UCS_MEMORY_TYPE_RDMA);
    check("auto", ROCM | CUDA, 0, UCS_MEMORY_TYPE_ZE_DEVICE,
          UCS_MEMORY_TYPE_RDMA);
}

static void another_where_that_is_active(void **state)
{
    (void)state;
    check("auto", ZE, 0, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_ROCM);
    check("auto", ZE | ROCM, 0, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_CUDA);
    check("auto", ZE | RDMA, 0, UCS_MEMORY_TYPE_ROCM, UCS_MEMORY_TYPE_CUDA);
}

static void what_is_set_is_taken(void **state)
{
    (void)state;
    check("ze-device", 0, 0, UCS_MEMORY_TYPE_ZE_DEVICE, UCS_MEMORY_TYPE_RDMA);
    check("rdma", 0, 0, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_ROCM);
    check("rocm", 0, 0, UCS_MEMORY_TYPE_ROCM, UCS_MEMORY_TYPE_RDMA);
    check("cuda", 0, 0, UCS_MEMORY_TYPE_CUDA, UCS_MEMORY_TYPE_RDMA);
}

static void an_active_type_is_never_taken(void **state)
{
    (void)state;
    check_none("ze-device", ZE);
    check_none("cuda", CUDA);
    check_none("auto", ZE | RDMA | ROCM | CUDA);
}

static void none_that_nics_register_is_for_staging(void **state)
{
    (void)state;
    check("rdma", 0, ROCM, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_CUDA);
    check("rdma", 0, ROCM | CUDA, UCS_MEMORY_TYPE_RDMA,
          UCS_MEMORY_TYPE_ZE_DEVICE);
}

static void without_another_type_one_serves_for_both(void **state)
{
    (void)state;
    check("rdma", ZE, ROCM | CUDA, UCS_MEMORY_TYPE_RDMA, UCS_MEMORY_TYPE_RDMA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_itself_it_is_ze_device),
        cmocka_unit_test(another_where_that_is_active),
        cmocka_unit_test(what_is_set_is_taken),
        cmocka_unit_test(an_active_type_is_never_taken),
        cmocka_unit_test(none_that_nics_register_is_for_staging),
        cmocka_unit_test(without_another_type_one_serves_for_both),
    };

    return cmocka_run_group_tests_name("memtype", tests, NULL, NULL);
}
