/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <ucs/sys/math.h>

#include "abi/component.h"
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

/* In place of UCX: some components, of which each has so many domains. The last
 * of ib's allocates what `allocated` says. */
static uct_component_t ze = {.name = "ze_ipc"}, ib = {.name = "ib"},
                       self = {.name = "self"};
static unsigned ze_domains, ib_domains;
static uint64_t allocated;
static unsigned opened, closed;

ucs_status_t uct_query_components(uct_component_h **components_p,
                                  unsigned *count_p)
{
    static uct_component_h components[] = {&self, &ze, &ib};

    *components_p = components;
    *count_p = 3;
    return UCS_OK;
}

void uct_release_component_list(uct_component_h *components)
{
    assert_non_null(components);
}

ucs_status_t uct_component_query(uct_component_h component,
                                 uct_component_attr_t *attr)
{
    unsigned count = (component == &ze)   ? ze_domains
                     : (component == &ib) ? ib_domains
                                          : 1;
    unsigned i;

    if (attr->field_mask & UCT_COMPONENT_ATTR_FIELD_MD_RESOURCE_COUNT) {
        attr->md_resource_count = count;
    }
    if (attr->field_mask & UCT_COMPONENT_ATTR_FIELD_MD_RESOURCES) {
        for (i = 0; i < count; ++i) {
            snprintf(attr->md_resources[i].md_name, UCT_MD_NAME_MAX, "%u", i);
        }
    }
    return UCS_OK;
}

ucs_status_t uct_md_config_read(uct_component_h component, const char *prefix,
                                const char *file, uct_md_config_t **config_p)
{
    assert_ptr_equal(component, &ib);
    (void)prefix;
    (void)file;
    *config_p = malloc(1);
    return UCS_OK;
}

void uct_config_release(void *config)
{
    free(config);
}

static uct_md_t domain;
static int is_last;

ucs_status_t uct_md_open(uct_component_h component, const char *name,
                         const uct_md_config_t *config, uct_md_h *md_p)
{
    assert_ptr_equal(component, &ib);
    assert_non_null(config);
    ++opened;
    if (strcmp(name, "0") == 0) {
        return UCS_ERR_NO_DEVICE; /* as of NICs that do not work */
    }
    is_last = (unsigned)atoi(name) == ib_domains - 1;
    *md_p = &domain;
    return UCS_OK;
}

ucs_status_t uct_md_query_v2(uct_md_h md, uct_md_attr_v2_t *attr)
{
    assert_ptr_equal(md, &domain);
    assert_int_equal(attr->field_mask, UCT_MD_ATTR_HAS_ALLOC_MEM_TYPES);
    attr->alloc_mem_types = is_last ? allocated : 0;
    return UCS_OK;
}

void uct_md_close(uct_md_h md)
{
    assert_ptr_equal(md, &domain);
    ++closed;
}

static uint64_t active_with(unsigned ze_count, unsigned ib_count,
                            uint64_t alloc)
{
    uct_peervma_type_users_t users;

    ze_domains = ze_count;
    ib_domains = ib_count;
    allocated = alloc;
    opened = closed = 0;
    uct_peervma_type_users(&users);
    return users.active;
}

static void a_type_is_active_if_its_component_has_devices(void **state)
{
    (void)state;
    assert_int_equal(active_with(0, 0, 0), 0);
    assert_int_equal(active_with(1, 0, 0), ZE);
    assert_int_equal(opened, 0);
}

static void rdma_is_where_a_nic_has_memory(void **state)
{
    (void)state;
    assert_int_equal(active_with(0, 3, UCS_BIT(UCS_MEMORY_TYPE_HOST)), 0);
    assert_int_equal(opened, 3);
    assert_int_equal(closed, 2);
    assert_int_equal(active_with(1, 3, RDMA), ZE | RDMA);
    assert_int_equal(opened, 3);
    assert_int_equal(closed, 2);
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
        cmocka_unit_test(a_type_is_active_if_its_component_has_devices),
        cmocka_unit_test(rdma_is_where_a_nic_has_memory),
    };

    return cmocka_run_group_tests_name("memtype", tests, NULL, NULL);
}
