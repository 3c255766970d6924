#include "ctl/table.h"

#include <string.h>

#include "ctl/ask.h"

void table_add(char cell[TABLE_CELL], const char *word)
{
    size_t n = strlen(cell);
    (void)snprintf(cell + n, TABLE_CELL - n, "%s%s", n ? "," : "", word ? word : "");
}

static int columns_of(const struct table_row *titles)
{
    int n = 0;
    while (n < TABLE_COLUMNS && titles->cells[n][0])
        n++;
    return n;
}

static void widen(size_t widths[TABLE_COLUMNS], const struct table_row *r)
{
    for (int i = 0; i < TABLE_COLUMNS; i++) {
        size_t n = strlen(r->cells[i]);
        widths[i] = n > widths[i] ? n : widths[i];
    }
}

static void print_row(FILE *out, const size_t widths[TABLE_COLUMNS], int n_columns,
                      const struct table_row *r)
{
    for (int i = 0; i < n_columns; i++) {
        bool is_last = i + 1 == n_columns;
        ask_print(out, r->cells[i]);
        (void)fprintf(out, "%*s", is_last ? 0 : (int)(widths[i] - strlen(r->cells[i])) + 2, "");
    }
    (void)fputc('\n', out);
}

void table_begin(struct table *t, FILE *out, const struct table_row *titles)
{
    *t = (struct table){.out = out, .titles = titles};
    widen(t->widths, titles);
}

void table_add_rows(struct table *t, size_t n,
                    void (*fill)(const void *from, size_t i, struct table_row *out),
                    const void *from)
{
    int n_columns = columns_of(t->titles);
    struct table_row r;
    for (size_t i = 0; i < n; i++) {
        r = (struct table_row){{{0}}};
        fill(from, i, &r);
        widen(t->widths, &r);
    }
    if (!t->is_begun)
        print_row(t->out, t->widths, n_columns, t->titles);
    t->is_begun = true;
    for (size_t i = 0; i < n; i++) {
        r = (struct table_row){{{0}}};
        fill(from, i, &r);
        print_row(t->out, t->widths, n_columns, &r);
    }
}

void table_print(FILE *out, const struct table_row *titles, size_t n,
                 void (*fill)(const void *from, size_t i, struct table_row *out), const void *from)
{
    struct table t;
    table_begin(&t, out, titles);
    table_add_rows(&t, n, fill, from);
}
