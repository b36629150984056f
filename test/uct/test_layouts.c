/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What src/uct/abi declares, against what contrib/abi-probe read in the sources
 * of each version of UCX: src/uct/abi/layouts.tsv.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "declared.h"

#define MAX_ROWS 1000
#define NO_ARGUMENTS (-1)

/* A line of the file. */
typedef struct {
    char type[64];
    char member[64];
    size_t offset; /* or the value of a constant */
    size_t size;
    int arguments;
    uint64_t minors; /* bit 18: UCX 1.18 */
} row_t;

static row_t rows[MAX_ROWS];
static size_t row_count;

/* Types of which every field has to be declared. */
static const char *const whole_types[] = {"uct_component_t",
                                          "uct_tl_t",
                                          "uct_md_ops_t",
                                          "uct_md_t",
                                          "uct_iface_internal_ops_t",
                                          "uct_perf_attr_t",
                                          "ucx_perf_allocator",
                                          "ucs_memory_info_t"};

static uint64_t parse_versions(char *versions)
{
    uint64_t minors = 0;
    unsigned minor;
    char *version;

    for (version = strtok(versions, ","); version != NULL;
         version = strtok(NULL, ",")) {
        assert_int_equal(sscanf(version, "1.%u.", &minor), 1);
        minors |= UINT64_C(1) << minor;
    }
    return minors;
}

static int read_file(void **state)
{
    FILE *file = fopen(LAYOUTS, "r");
    char line[512], arguments[16], versions[256];
    row_t *row;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#') {
            continue;
        }
        assert_true(row_count < MAX_ROWS);
        row = &rows[row_count++];
        assert_int_equal(sscanf(line, "%63s %63s %zu %zu %15s %255s", row->type,
                                row->member, &row->offset, &row->size,
                                arguments, versions),
                         6);
        row->arguments = (arguments[0] == '-') ? NO_ARGUMENTS : atoi(arguments);
        row->minors = parse_versions(versions);
    }
    fclose(file);
    return 0;
}

static int is_row(const row_t *row, const char *type, const char *member,
                  unsigned minor)
{
    return ((row->minors >> minor) & 1) && (strcmp(row->type, type) == 0) &&
           ((member == NULL) || (strcmp(row->member, member) == 0));
}

/* The one row; fails unless all releases of the version agree on it. */
static const row_t *find_row(const char *type, const char *member,
                             unsigned minor)
{
    const row_t *found = NULL;
    size_t i;

    for (i = 0; i < row_count; ++i) {
        if (is_row(&rows[i], type, member, minor)) {
            if (found != NULL) {
                fail_msg("%s.%s: two in UCX 1.%u", type, member, minor);
            }
            found = &rows[i];
        }
    }
    if (found == NULL) {
        fail_msg("%s.%s: none in UCX 1.%u", type, member, minor);
    }
    return found;
}

static void what_is_declared_is_as_in_each_version(void **state)
{
    const declared_t *ours;
    const row_t *row;
    unsigned minor;

    (void)state;
    for (ours = declared; ours < declared + DECLARED_COUNT; ++ours) {
        for (minor = ours->first; minor <= ours->last; ++minor) {
            row = find_row(ours->type, ours->member, minor);
            if ((row->offset != ours->offset) || (row->size != ours->size)) {
                fail_msg("%s.%s: %zu+%zu, in UCX 1.%u %zu+%zu", ours->type,
                         ours->member, ours->offset, ours->size, minor,
                         row->offset, row->size);
            }
        }
    }
}

static int is_declared(const row_t *row, unsigned minor)
{
    const declared_t *ours;

    for (ours = declared; ours < declared + DECLARED_COUNT; ++ours) {
        if ((minor >= ours->first) && (minor <= ours->last) &&
            is_row(row, ours->type, ours->member, minor)) {
            return 1;
        }
    }
    return 0;
}

static void no_field_of_a_whole_type_is_left_out(void **state)
{
    const size_t count = sizeof(whole_types) / sizeof(whole_types[0]);
    size_t checked = 0, type, i;
    unsigned minor;

    (void)state;
    for (minor = FIRST; minor <= LAST; ++minor) {
        for (i = 0; i < row_count; ++i) {
            for (type = 0; type < count; ++type) {
                if (!is_row(&rows[i], whole_types[type], NULL, minor)) {
                    continue;
                }
                ++checked;
                if (!is_declared(&rows[i], minor)) {
                    fail_msg("%s.%s of UCX 1.%u is not declared", rows[i].type,
                             rows[i].member, minor);
                }
            }
        }
    }
    assert_true(checked > 6 * 50);
}

static size_t md_attr_end(unsigned minor)
{
    size_t end = 0, i;

    for (i = 0; i < row_count; ++i) {
        if (is_row(&rows[i], "uct_md_attr_v2_t", NULL, minor) &&
            (strcmp(rows[i].member, "-") != 0) &&
            (rows[i].offset + rows[i].size > end)) {
            end = rows[i].offset + rows[i].size;
        }
    }
    return end;
}

/* By the place of ep_query, which is another in each. */
static uct_peervma_ops_t ops_layout(unsigned minor)
{
    static const char type[] = "uct_iface_internal_ops_t";

    switch (find_row(type, "ep_query", minor)->offset) {
    case offsetof(uct_iface_internal_ops_v1_18_t, ep_query):
        return UCT_PEERVMA_OPS_V1_18;
    case offsetof(uct_iface_internal_ops_v1_20_t, ep_query):
        return UCT_PEERVMA_OPS_V1_20;
    case offsetof(uct_iface_internal_ops_v1_22_t, ep_query):
        return UCT_PEERVMA_OPS_V1_22;
    default:
        return UCT_PEERVMA_OPS_LAST;
    }
}

static unsigned functions_of(unsigned minor)
{
    static const struct {
        const char *name;
        unsigned flag;
    } functions[] = {
        {"uct_rkey_unpack_v2", UCT_PEERVMA_HAS_RKEY_UNPACK_V2},
        {"uct_iface_query_v2", UCT_PEERVMA_HAS_IFACE_QUERY_V2},
        {"uct_md_mem_elem_pack", UCT_PEERVMA_HAS_MEM_ELEM_PACK},
        {"uct_md_mem_query_v2", UCT_PEERVMA_HAS_MEM_QUERY_V2},
        {"uct_md_mem_elem_release", UCT_PEERVMA_HAS_MEM_ELEM_RELEASE}};
    unsigned found = 0;
    size_t i, row;

    for (i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i) {
        for (row = 0; row < row_count; ++row) {
            if (is_row(&rows[row], functions[i].name, "-", minor)) {
                found |= functions[i].flag;
            }
        }
    }
    return found;
}

static void the_table_of_versions_is_right(void **state)
{
    const uct_peervma_version_t *version;
    size_t perf_size;
    unsigned minor;

    (void)state;
    for (minor = FIRST; minor <= LAST; ++minor) {
        version = uct_peervma_version_find(1, minor);
        assert_non_null(version);
        assert_int_equal(version->minor, minor);
        assert_int_equal(version->internal_ops, ops_layout(minor));
        assert_int_equal(version->md_attr_end, md_attr_end(minor));
        assert_int_equal(
            version->unknown_type,
            find_row("ucs_memory_type_t", "UCS_MEMORY_TYPE_UNKNOWN", minor)
                ->offset);
        assert_int_equal(
            4 + version->rkey_unpack_params,
            find_row("uct_component_t", "rkey_unpack", minor)->arguments);
        assert_int_equal(
            7 + version->alloc_sys_device,
            find_row("uct_md_ops_t", "mem_alloc", minor)->arguments);
        assert_int_equal(
            4 + version->mem_flags,
            find_row("ucs_memtype_cache_update", "-", minor)->arguments);
        assert_int_equal(version->functions, functions_of(minor));
        perf_size = find_row("uct_perf_attr_t", "-", minor)->size;
        assert_int_equal(version->path_bandwidth,
                         perf_size == sizeof(uct_perf_attr_t));
    }
    assert_null(uct_peervma_version_find(1, FIRST - 1));
    assert_null(uct_peervma_version_find(1, LAST + 1));
    assert_null(uct_peervma_version_find(2, FIRST));
}

static void functions_take_as_many_arguments(void **state)
{
    static const struct {
        const char *type;
        const char *member;
        int arguments;
    } functions[] = {{"uct_component_register", "-", 1},
                     {"uct_tl_register", "-", 2},
                     {"uct_md_base_md_query", "-", 1},
                     {"uct_md_query_v2", "-", 2},
                     {"uct_md_query_single_md_resource", "-", 3},
                     {"uct_single_device_resource", "-", 6},
                     {"uct_base_iface_query", "-", 2},
                     {"uct_base_iface_is_reachable", "-", 3},
                     {"uct_base_ep_is_connected", "-", 2},
                     {"uct_base_iface_flush", "-", 3},
                     {"uct_base_iface_fence", "-", 2},
                     {"uct_base_ep_flush", "-", 3},
                     {"uct_base_ep_fence", "-", 2},
                     {"ucs_memtype_cache_lookup", "-", 3},
                     {"uct_component_t", "query_md_resources", 3},
                     {"uct_component_t", "md_open", 4},
                     {"uct_component_t", "rkey_release", 3},
                     {"uct_component_t", "rkey_compare", 5},
                     {"uct_tl_t", "query_devices", 3},
                     {"uct_tl_t", "iface_open", 5},
                     {"uct_md_ops_t", "query", 2},
                     {"uct_md_ops_t", "mem_reg", 5},
                     {"uct_md_ops_t", "mem_dereg", 2},
                     {"uct_md_ops_t", "mem_query", 4},
                     {"uct_md_ops_t", "mkey_pack", 6},
                     {"uct_md_ops_t", "detect_memory_type", 4},
                     {"uct_iface_internal_ops_t", "iface_estimate_perf", 2},
                     {"uct_iface_internal_ops_t", "ep_invalidate", 2},
                     {"uct_iface_internal_ops_t", "iface_is_reachable_v2", 2},
                     {"ucx_perf_allocator", "init", 1},
                     {"ucx_perf_allocator", "uct_alloc", 4},
                     {"ucx_perf_allocator", "uct_free", 2},
                     {"ucx_perf_allocator", "memcpy", 5},
                     {"ucx_perf_allocator", "memset", 3}};
    unsigned minor;
    size_t i;

    (void)state;
    for (minor = FIRST; minor <= LAST; ++minor) {
        for (i = 0; i < sizeof(functions) / sizeof(functions[0]); ++i) {
            assert_int_equal(
                find_row(functions[i].type, functions[i].member, minor)
                    ->arguments,
                functions[i].arguments);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_declared_is_as_in_each_version),
        cmocka_unit_test(no_field_of_a_whole_type_is_left_out),
        cmocka_unit_test(the_table_of_versions_is_right),
        cmocka_unit_test(functions_take_as_many_arguments),
    };

    return cmocka_run_group_tests_name("layouts", tests, read_file, NULL);
}
