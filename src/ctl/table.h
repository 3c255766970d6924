/* Rows of words in columns that are as wide as their widest word. One thread. */
#ifndef BW_CTL_TABLE_H
#define BW_CTL_TABLE_H

#include <stdbool.h>
#include <stdio.h>

enum { TABLE_COLUMNS = 8, TABLE_CELL = 400 };

/* Cells that begin with NUL, behind the last one in use, are no columns. */
struct table_row {
    char cells[TABLE_COLUMNS][TABLE_CELL];
};

/* Adds a word to a cell, behind a comma if there is one already. NULL is nothing. */
void table_add(char cell[TABLE_CELL], const char *word);

/* n rows, which fill makes one at a time; is called twice for each. */
void table_print(FILE *out, const struct table_row *titles, size_t n,
                 void (*fill)(const void *from, size_t i, struct table_row *out), const void *from);

/* The same in pieces, for a table that is longer than what is known of it at a time: a column only
 * ever gets wider. */
struct table {
    FILE *out;
    const struct table_row *titles;
    size_t widths[TABLE_COLUMNS];
    bool is_begun;
};
void table_begin(struct table *t, FILE *out, const struct table_row *titles);
void table_add_rows(struct table *t, size_t n,
                    void (*fill)(const void *from, size_t i, struct table_row *out),
                    const void *from);

#endif
