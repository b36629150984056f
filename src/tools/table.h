/* SPDX-License-Identifier: BSD-3-Clause */
/* Records that are printed in columns or as JSON. */
#ifndef PEERVMA_TOOLS_TABLE_H
#define PEERVMA_TOOLS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_type {
    CELL_TEXT,
    CELL_NUMBER, /* digits; in columns as they are */
    CELL_BYTES,  /* digits; in columns with a unit, "4 MiB" */
    CELL_BOOL    /* "yes" or "no" */
};

struct column {
    const char *key;     /* in JSON */
    const char *heading; /* NULL: in JSON only */
    enum cell_type type;
};

#define TABLE_COLUMNS 16

struct table {
    const struct column *columns;
    size_t width; /* columns */
    size_t rows;
    char *(*cells)[TABLE_COLUMNS];
};

void table_create(const struct column *columns, size_t width,
                  struct table *table_p);
void table_destroy(struct table *table);

/* Copies `width` texts; NULL is "not known". Ends the program out of memory. */
void table_add(struct table *table, const char *const *cells);

/* Another text for one cell. */
void table_set(struct table *table, size_t row, size_t column,
               const char *cell);

/* To stdout: lines with headings, or a JSON array of objects. */
void table_print(const struct table *table);
/* Without the columns whose bits are set. */
void table_print_without(const struct table *table, uint64_t columns);
void table_print_json(const struct table *table);

/* One row: a line a column, without those that have nothing; or an object. */
void table_print_record(const struct table *table, size_t row);
void table_print_json_row(const struct table *table, size_t row);

void json_print_string(const char *text);

/* "yes" or "no". */
const char *yes_or_no(bool value);

#endif
