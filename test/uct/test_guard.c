/* SPDX-License-Identifier: BSD-3-Clause */
/* A UCX of another layout: the guard finds it, and does not crash on it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "abi/component.h"
#include "abi/iface.h"
#include "abi/versions.h"
#include "guard.h"

static uct_peervma_guard_facts_t facts;
static char reason[256];

static int setup(void **state)
{
    (void)state;
    uct_peervma_guard_facts(&facts);
    memset(reason, 0, sizeof(reason));
    return 0;
}

static void assert_refused(const char *because)
{
    assert_null(uct_peervma_guard_check(&facts, reason, sizeof(reason)));
    assert_non_null(strstr(reason, because));
    assert_null(strchr(reason, '\n'));
}

static void the_ucx_of_this_process_is_recognised(void **state)
{
    const uct_peervma_version_t *version;

    (void)state;
    version = uct_peervma_guard_check(&facts, reason, sizeof(reason));
    assert_non_null(version);
    assert_int_equal(version->minor, facts.minor);
    assert_string_equal(reason, "");
}

static void versions_before_1_18_and_after_1_23_are_refused(void **state)
{
    (void)state;
    facts.minor = 17;
    assert_refused("UCX 1.17.");
    assert_refused("the plugin is for UCX 1.18 to 1.23");
    facts.minor = 24;
    assert_refused("UCX 1.24.");
}

/* Each version between them is told by more than its number. */
static void another_version_under_this_number_is_refused(void **state)
{
    const unsigned minor = facts.minor;

    (void)state;
    for (facts.minor = 18; facts.minor <= 23; ++facts.minor) {
        if (facts.minor != minor) {
            assert_refused("functions");
        }
    }
}

static void a_function_more_or_less_is_refused(void **state)
{
    const unsigned functions = facts.functions;
    unsigned bit;

    (void)state;
    for (bit = UCT_PEERVMA_HAS_RKEY_UNPACK_V2;
         bit <= UCT_PEERVMA_HAS_MEM_ELEM_RELEASE; bit <<= 1) {
        facts.functions = functions ^ bit;
        assert_refused("functions");
    }
}

static void another_list_of_memory_types_is_refused(void **state)
{
    const char *names[64];
    unsigned count;

    (void)state;
    for (count = 0; facts.type_names[count] != NULL; ++count) {
        names[count] = facts.type_names[count];
    }
    names[count] = NULL;
    facts.type_names = &names[1]; /* as if one had been taken out */
    assert_refused("memory types");
    facts.type_names = names;
    names[count] = names[count - 1];
    names[count - 1] = "another";
    names[count + 1] = NULL;
    assert_refused("memory types");
}

/* As if the attributes were longer by a field. */
static ucs_status_t query_longer(uct_md_h md, uct_md_attr_v2_t *attr)
{
    if (attr->field_mask == UINT64_MAX) {
        memset((char *)attr + 544, 0, 8);
    }
    return uct_md_query_v2(md, attr);
}

/* As if a field had been put in at the beginning. */
static ucs_status_t query_shifted(uct_md_h md, uct_md_attr_v2_t *attr)
{
    char *fields = (char *)attr + sizeof(attr->field_mask);
    char before[1024];
    ucs_status_t status;

    memcpy(before, fields, sizeof(before));
    status = uct_md_query_v2(md, attr);
    memmove(fields + 8, fields, sizeof(before) - 8);
    memcpy(fields, before, 8);
    return status;
}

static ucs_status_t query_fails(uct_md_h md, uct_md_attr_v2_t *attr)
{
    (void)md;
    (void)attr;
    return UCS_ERR_UNSUPPORTED;
}

static void other_attributes_of_memory_domains_are_refused(void **state)
{
    (void)state;
    facts.md_query = query_longer;
    assert_refused("memory domains");
    facts.md_query = query_shifted;
    assert_refused("memory domains");
    facts.md_query = query_fails;
    assert_refused("memory domains");
}

static void another_version_is_refused(void **state)
{
    (void)state;
    facts.minor = 99;
    assert_refused("UCX 1.99.");
    facts.minor = 0;
    assert_refused("UCX 1.0.");
    facts.major = 2;
    facts.minor = 18;
    assert_refused("UCX 2.18.");
}

static void another_size_of_interface_is_refused(void **state)
{
    ucs_class_t cls = *facts.iface_class;

    (void)state;
    cls.size += 8; /* what --enable-stats adds */
    facts.iface_class = &cls;
    assert_refused("interfaces");
}

static void another_size_of_endpoint_is_refused(void **state)
{
    ucs_class_t cls = *facts.ep_class;

    (void)state;
    cls.size += 8;
    facts.ep_class = &cls;
    assert_refused("endpoints");
}

static void another_class_is_refused(void **state)
{
    (void)state;
    facts.iface_class = facts.ep_class;
    assert_refused("interfaces");
}

static void another_place_of_an_option_is_refused(void **state)
{
    ucs_config_field_t fields[16];
    size_t i;

    (void)state;
    for (i = 0; i < 16; ++i) {
        fields[i] = facts.iface_options[i];
        if (fields[i].name == NULL) {
            break;
        }
        if (fields[i].offset ==
            offsetof(struct uct_iface_config, max_num_eps)) {
            fields[i].offset -= 8;
        }
    }
    assert_true(i < 16);
    facts.iface_options = fields;
    assert_refused("options");
}

static void no_components_are_refused(void **state)
{
    UCS_LIST_HEAD(head);

    (void)state;
    facts.components = &head;
    assert_refused("components");
}

static const uct_component_t *find_self(void)
{
    const ucs_list_link_t *entry = facts.components->next;
    const uct_component_t *component;

    for (;; entry = entry->next) {
        assert_ptr_not_equal(entry, facts.components);
        component = ucs_container_of(entry, uct_component_t, list);
        if (strcmp(component->name, "self") == 0) {
            return component;
        }
    }
}

/*
 * A list of one component, whose structure is that of UCX's "self", but with
 * `inserted` bytes put in or, if negative, taken out at `offset`, as another
 * version of UCX might have it. Its list of transports is empty.
 */
static int check_layout(size_t offset, int inserted, unsigned char byte)
{
    static char area[3 * sizeof(uct_component_t)];
    static ucs_list_link_t head;
    uct_component_t copy;
    ucs_list_link_t *link;
    char *shifted = area + sizeof(copy);
    size_t skipped = (inserted < 0) ? (size_t)-inserted : 0;

    copy = *find_self();
    memset(area, byte, sizeof(area));
    memcpy(shifted, &copy, offset);
    memcpy(shifted + offset + skipped + inserted,
           (const char *)&copy + offset + skipped,
           sizeof(copy) - offset - skipped);

    link = (ucs_list_link_t *)(shifted + offsetof(uct_component_t, tl_list) +
                               inserted);
    link->next = link->prev = link;
    link = (ucs_list_link_t *)(shifted + offsetof(uct_component_t, list) +
                               inserted);
    head.next = head.prev = link;
    link->next = link->prev = &head;
    facts.components = &head;
    return uct_peervma_guard_check(&facts, reason, sizeof(reason)) != NULL;
}

static void a_list_without_self_is_refused(void **state)
{
    static uct_component_t other;
    ucs_list_link_t head = {&other.list, &other.list};

    (void)state;
    other = *find_self();
    strcpy(other.name, "other");
    other.list.next = other.list.prev = &head;
    other.tl_list.next = other.tl_list.prev = &other.tl_list;
    facts.components = &head;
    assert_refused("memory domains");
}

static void this_layout_is_taken(void **state)
{
    (void)state;
    assert_true(check_layout(16, 0, 0));
}

static void a_component_with_a_field_more_is_refused(void **state)
{
    static const size_t offsets[] = {16, 24, 72, 128, 184};
    size_t i;

    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); ++i) {
        setup(state);
        assert_false(check_layout(offsets[i], 8, 0));
        setup(state);
        assert_false(check_layout(offsets[i], 8, 0xff));
        assert_non_null(strstr(reason, "components"));
    }
}

static void a_component_with_a_field_less_is_refused(void **state)
{
    static const size_t offsets[] = {16, 24, 64, 72, 128};
    size_t i;

    for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); ++i) {
        setup(state);
        assert_false(check_layout(offsets[i], -8, 0));
        setup(state);
        assert_false(check_layout(offsets[i], -8, 0xff));
        assert_non_null(strstr(reason, "components"));
    }
}

static void a_list_into_unmapped_memory_is_refused(void **state)
{
    ucs_list_link_t head;
    void *page;

    (void)state;
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(page, MAP_FAILED);
    munmap(page, 4096);
    head.next = head.prev = page;
    facts.components = &head;
    assert_refused("components");
    facts.components = page;
    assert_refused("components");
}

int main(void)
{
#define GUARD_TEST(_name) cmocka_unit_test_setup(_name, setup)
    const struct CMUnitTest tests[] = {
        GUARD_TEST(the_ucx_of_this_process_is_recognised),
        GUARD_TEST(another_version_is_refused),
        GUARD_TEST(versions_before_1_18_and_after_1_23_are_refused),
        GUARD_TEST(another_version_under_this_number_is_refused),
        GUARD_TEST(a_function_more_or_less_is_refused),
        GUARD_TEST(another_list_of_memory_types_is_refused),
        GUARD_TEST(other_attributes_of_memory_domains_are_refused),
        GUARD_TEST(another_size_of_interface_is_refused),
        GUARD_TEST(another_size_of_endpoint_is_refused),
        GUARD_TEST(another_class_is_refused),
        GUARD_TEST(another_place_of_an_option_is_refused),
        GUARD_TEST(no_components_are_refused),
        GUARD_TEST(a_list_without_self_is_refused),
        GUARD_TEST(this_layout_is_taken),
        GUARD_TEST(a_component_with_a_field_more_is_refused),
        GUARD_TEST(a_component_with_a_field_less_is_refused),
        GUARD_TEST(a_list_into_unmapped_memory_is_refused),
    };

    return cmocka_run_group_tests_name("guard", tests, NULL, NULL);
}
