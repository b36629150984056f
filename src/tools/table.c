/* SPDX-License-Identifier: BSD-3-Clause */
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
        grown[table->rows][column] = NULL;
        if (cells[column] != NULL) {
            grown[table->rows][column] = strdup(cells[column]);
            if (grown[table->rows][column] == NULL) {
                no_memory();
            }
        }
    }
    table->rows++;
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

void table_print(const struct table *table)
{
    int width[TABLE_COLUMNS];
    size_t row, column;
    char text[32];

    for (column = 0; column < table->width; column++) {
        width[column] =
            column + 1 < table->width ? column_width(table, column) : 0;
        printf("%s%-*s", column > 0 ? "  " : "", width[column],
               table->columns[column].heading);
    }
    putchar('\n');
    for (row = 0; row < table->rows; row++) {
        for (column = 0; column < table->width; column++) {
            printf("%s%-*s", column > 0 ? "  " : "", width[column],
                   cell_text(table, row, column, text, sizeof(text)));
        }
        putchar('\n');
    }
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

void table_print_json(const struct table *table)
{
    size_t row, column;

    putchar('[');
    for (row = 0; row < table->rows; row++) {
        fputs(row > 0 ? ", {" : "{", stdout);
        for (column = 0; column < table->width; column++) {
            printf("%s\"%s\": ", column > 0 ? ", " : "",
                   table->columns[column].key);
            json_print_cell(table->columns[column].type,
                            table->cells[row][column]);
        }
        putchar('}');
    }
    putchar(']');
}

const char *yes_or_no(bool value)
{
    return value ? "yes" : "no";
}
