/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "style.h"

static void no_memory(void)
{
    fputs("peervma: out of memory\n", stderr);
    exit(EXIT_FAILURE);
}

void table_create(const struct column *columns, size_t width,
                  struct table *table_p)
{
    *table_p = (struct table){.columns = columns, .width = width};
}

void table_destroy(struct table *table)
{
    size_t row, column;

    for (row = 0; row < table->rows; row++) {
        for (column = 0; column < table->width; column++) {
            free(table->cells[row][column]);
        }
    }
    free(table->cells);
    table->cells = NULL;
    table->rows = 0;
}

static char *copy_cell(const char *cell)
{
    char *copy = cell != NULL ? strdup(cell) : NULL;

    if (cell != NULL && copy == NULL) {
        no_memory();
    }
    return copy;
}

void table_add(struct table *table, const char *const *cells)
{
    char *(*grown)[TABLE_COLUMNS];
    size_t column;

    grown = realloc(table->cells, (table->rows + 1) * sizeof(*grown));
    if (grown == NULL) {
        no_memory();
    }
    table->cells = grown;

    for (column = 0; column < table->width; column++) {
        grown[table->rows][column] = copy_cell(cells[column]);
    }
    table->rows++;
}

void table_set(struct table *table, size_t row, size_t column, const char *cell)
{
    free(table->cells[row][column]);
    table->cells[row][column] = copy_cell(cell);
}

static const char *bytes_text(const char *digits, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    unsigned long long bytes = strtoull(digits, NULL, 10);
    size_t unit = 0;

    while (bytes >= 1024 && bytes % 1024 == 0 &&
           unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    snprintf(text, size, "%llu %s", bytes, units[unit]);
    return text;
}

/* A cell as it stands in a column; `text` is room for it. */
static const char *cell_text(const struct table *table, size_t row,
                             size_t column, char *text, size_t size)
{
    const char *cell = table->cells[row][column];

    if (cell == NULL) {
        return "-";
    }
    if (table->columns[column].type == CELL_BYTES) {
        return bytes_text(cell, text, size);
    }
    return cell;
}

static int column_width(const struct table *table, size_t column)
{
    size_t width = strlen(table->columns[column].heading), length, row;
    char text[32];

    for (row = 0; row < table->rows; row++) {
        length = strlen(cell_text(table, row, column, text, sizeof(text)));
        if (length > width) {
            width = length;
        }
    }
    return (int)width;
}

static enum style cell_style(enum cell_type type, const char *cell)
{
    if (cell == NULL || type != CELL_BOOL) {
        return STYLE_PLAIN;
    }
    return strcmp(cell, "yes") == 0 ? STYLE_GOOD : STYLE_BAD;
}

/* The last column, of width 0, is not padded. */
static void print_cell(int width, enum style style, const char *text)
{
    printf("%s%-*s%s%s", style_begin(stdout, style), width, text,
           style_end(stdout, style), width > 0 ? "  " : "");
}

void table_print_without(const struct table *table, uint64_t columns)
{
    int width[TABLE_COLUMNS];
    size_t row, column;
    char text[32];

    for (column = 0; column < table->width; column++) {
        if (table->columns[column].heading == NULL) {
            columns |= UINT64_C(1) << column;
        }
        if (columns >> column & 1) {
            continue;
        }
        width[column] =
            column + 1 < table->width ? column_width(table, column) : 0;
        print_cell(width[column], STYLE_HEADING,
                   table->columns[column].heading);
    }
    putchar('\n');
    for (row = 0; row < table->rows; row++) {
        for (column = 0; column < table->width; column++) {
            if (columns >> column & 1) {
                continue;
            }
            print_cell(width[column],
                       cell_style(table->columns[column].type,
                                  table->cells[row][column]),
                       cell_text(table, row, column, text, sizeof(text)));
        }
        putchar('\n');
    }
}

void table_print(const struct table *table)
{
    table_print_without(table, 0);
}

void json_print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            printf("\\%c", *text);
        } else if ((unsigned char)*text < ' ') {
            printf("\\u%04x", (unsigned)*text);
        } else {
            putchar(*text);
        }
    }
    putchar('"');
}

static void json_print_cell(enum cell_type type, const char *cell)
{
    if (cell == NULL) {
        fputs("null", stdout);
    } else if (type == CELL_BOOL) {
        fputs(strcmp(cell, "yes") == 0 ? "true" : "false", stdout);
    } else if (type == CELL_TEXT) {
        json_print_string(cell);
    } else {
        fputs(cell, stdout);
    }
}

void table_print_json_row(const struct table *table, size_t row)
{
    size_t column;

    putchar('{');
    for (column = 0; column < table->width; column++) {
        printf("%s\"%s\": ", column > 0 ? ", " : "",
               table->columns[column].key);
        json_print_cell(table->columns[column].type, table->cells[row][column]);
    }
    putchar('}');
}

void table_print_json(const struct table *table)
{
    size_t row;

    putchar('[');
    for (row = 0; row < table->rows; row++) {
        fputs(row > 0 ? ", " : "", stdout);
        table_print_json_row(table, row);
    }
    putchar(']');
}

void table_print_record(const struct table *table, size_t row)
{
    size_t column, width = 0, length;
    char text[32];

    for (column = 0; column < table->width; column++) {
        length = strlen(table->columns[column].heading);
        width = length > width ? length : width;
    }
    for (column = 0; column < table->width; column++) {
        if (table->cells[row][column] != NULL) {
            print_cell((int)width, STYLE_HEADING,
                       table->columns[column].heading);
            puts(cell_text(table, row, column, text, sizeof(text)));
        }
    }
}

const char *yes_or_no(bool value)
{
    return value ? "yes" : "no";
}
