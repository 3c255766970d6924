/* Rows of words in columns that are as wide as their widest word. One thread. */
#ifndef BW_CTL_TABLE_H
#define BW_CTL_TABLE_H

#include <stdio.h>

enum { TABLE_COLUMNS = 7, TABLE_CELL = 400 };

/* Cells that begin with NUL, behind the last one in use, are no columns. */
struct table_row {
    char cells[TABLE_COLUMNS][TABLE_CELL];
};

/* Adds a word to a cell, behind a comma if there is one already. NULL is nothing. */
void table_add(char cell[TABLE_CELL], const char *word);

/* n rows, which fill makes one at a time; is called twice for each. */
void table_print(FILE *out, const struct table_row *titles, size_t n,
                 void (*fill)(const void *from, size_t i, struct table_row *out), const void *from);

#endif
