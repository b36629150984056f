/* SPDX-License-Identifier: BSD-3-Clause */
/* What tables look like, in columns and as JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "table.h"

static const struct column columns[] = {
    {"name", "NAME", CELL_TEXT},
    {"bytes", "SIZE", CELL_BYTES},
    {"count", "COUNT", CELL_NUMBER},
    {"good", "GOOD", CELL_BOOL},
};

/* What `print` writes to stdout. */
static void capture(void (*print)(const struct table *table),
                    const struct table *table, char *text, size_t size)
{
    FILE *file = tmpfile();
    int saved;
    size_t got;

    assert_non_null(file);
    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
    print(table);
    fflush(stdout);
    assert_true(dup2(saved, STDOUT_FILENO) >= 0);
    close(saved);
    rewind(file);
    got = fread(text, 1, size - 1, file);
    text[got] = '\0';
    fclose(file);
}

static void fill(struct table *table)
{
    table_create(columns, 4, table);
    table_add(table, (const char *[]){"long name", "4194304", "7", "yes"});
    table_add(table, (const char *[]){"x", "4097", NULL, "no"});
    table_add(table, (const char *[]){NULL, NULL, "12345678", NULL});
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    struct table table;
    char text[1024];

    (void)state;
    fill(&table);
    capture(table_print, &table, text, sizeof(text));
    assert_string_equal("NAME       SIZE    COUNT     GOOD\n"
                        "long name  4 MiB   7         yes\n"
                        "x          4097 B  -         no\n"
                        "-          -       12345678  -\n",
                        text);
    table_destroy(&table);
}

static void print_without_bytes(const struct table *table)
{
    table_print_without(table, UINT64_C(1) << 1);
}

static void columns_can_be_left_out(void **state)
{
    struct table table;
    char text[1024];

    (void)state;
    fill(&table);
    capture(print_without_bytes, &table, text, sizeof(text));
    assert_string_equal("NAME       COUNT     GOOD\n"
                        "long name  7         yes\n"
                        "x          -         no\n"
                        "-          12345678  -\n",
                        text);
    table_destroy(&table);
}

static void print_second(const struct table *table)
{
    table_print_record(table, 1);
}

static void a_record_has_a_line_for_each_column_with_something(void **state)
{
    struct table table;
    char text[1024];

    (void)state;
    fill(&table);
    capture(print_second, &table, text, sizeof(text));
    assert_string_equal("NAME   x\n"
                        "SIZE   4097 B\n"
                        "GOOD   no\n",
                        text);
    table_destroy(&table);
}

static void json_has_types(void **state)
{
    struct table table;
    char text[1024];

    (void)state;
    fill(&table);
    capture(table_print_json, &table, text, sizeof(text));
    assert_string_equal(
        "[{\"name\": \"long name\", \"bytes\": 4194304, \"count\": 7, "
        "\"good\": true}, "
        "{\"name\": \"x\", \"bytes\": 4097, \"count\": null, "
        "\"good\": false}, "
        "{\"name\": null, \"bytes\": null, \"count\": 12345678, "
        "\"good\": null}]",
        text);
    table_destroy(&table);
}

static void json_strings_are_escaped(void **state)
{
    struct table table;
    char text[128];

    (void)state;
    table_create(columns, 1, &table);
    table_add(&table, (const char *[]){"a\"b\\c\n\x01 \xc3\xa9"});
    capture(table_print_json, &table, text, sizeof(text));
    assert_string_equal("[{\"name\": \"a\\\"b\\\\c\\u000a\\u0001 \xc3\xa9\"}]",
                        text);
    table_destroy(&table);
}

static void an_empty_table_has_headings_or_an_empty_array(void **state)
{
    struct table table;
    char text[128];

    (void)state;
    table_create(columns, 4, &table);
    capture(table_print, &table, text, sizeof(text));
    assert_string_equal("NAME  SIZE  COUNT  GOOD\n", text);
    capture(table_print_json, &table, text, sizeof(text));
    assert_string_equal("[]", text);
    table_destroy(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(columns_can_be_left_out),
        cmocka_unit_test(a_record_has_a_line_for_each_column_with_something),
        cmocka_unit_test(json_has_types),
        cmocka_unit_test(json_strings_are_escaped),
        cmocka_unit_test(an_empty_table_has_headings_or_an_empty_array),
    };

    return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
