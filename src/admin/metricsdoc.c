/* Prints the frame of the manual page breakwater-metrics(7) from standard input, with the list of
 * metrics, as /metrics gives them, in place of the line @METRICS@. Runs at build time only. */
#include <stdio.h>
#include <stdlib.h>

#include "admin/metrics.h"
#include "admin/savingsview.h"
#include "base/str.h"
#include "conf/conf.h"
#include "service/ledger.h"
#include "service/shield.h"
#include "store/headcount.h"

#define NAME "NAME" /* stands for any upstream's and any domain's */

enum { COLUMNS = 76, VALUES_MOST = 80 };

static struct ledger *ledger;

static const struct ledger *ledger_of(unsigned worker, void *arg)
{
    (void)worker;
    (void)arg;
    return ledger;
}

/* All that there is, with one upstream and one domain. */
static char *all_metrics(size_t *len)
{
    static struct conf_upstream upstream = {.name = NAME, .pace = {1, 1}};
    static struct conf conf = {.upstreams = &upstream, .n_upstreams = 1};
    static struct binding binding;
    const struct aor_record record = {.aor = STR("x@" NAME), .bindings = &binding, .n_bindings = 1};
    const struct savingsview savings = {.n_workers = 1, .ledger = ledger_of};
    struct shield_table *shields;
    struct headcount *heads;
    if (shield_table_new(&shields) || shield_table_link(shields, &conf) || headcount_new(&heads) ||
        ledger_new(&(struct hash_key){1, 2}, &ledger))
        return NULL;
    headcount_on_change(heads, NULL, &record);
    ledger_count(ledger, STR(NAME), LEDGER_IN);
    const struct metrics_process p = {
        .version = "VERSION", .shields = shields, .headcount = heads, .savings = &savings};
    char *text = metrics_text(&p, len);
    shield_table_free(shields);
    headcount_free(heads);
    ledger_free(ledger);
    return text;
}

static struct str next_line(struct str *text)
{
    const char *end = str_find(*text, '\n');
    struct str line = end ? str_span(text->p, end) : *text;
    *text = str_skip(*text, line.n + (end ? 1 : 0));
    return line;
}

static struct str next_word(struct str *line)
{
    const char *end = str_find(*line, ' ');
    struct str word = end ? str_span(line->p, end) : *line;
    *line = str_skip(*line, word.n + (end ? 1 : 0));
    return word;
}

/* The column that it begins in. */
static size_t new_line(void)
{
    (void)putchar('\n');
    return 0;
}

/* Lines that are not too long; a sentence begins a new one. */
static void print_words(struct str text)
{
    size_t column = 0;
    while (text.n) {
        struct str word = next_word(&text);
        if (column && column + 1 + word.n > COLUMNS)
            column = new_line();
        (void)printf("%s%.*s", column ? " " : "", STR_FMT(word));
        column += word.n + 1;
        if (word.n && word.p[word.n - 1] == '.')
            column = new_line();
    }
    if (column)
        (void)putchar('\n');
}

/* Of {a="x",b="y"} what stands behind the labels' names is left to the reader where it is many. */
static void print_labels(struct str line, unsigned n)
{
    const char *begin = str_find(line, '{'), *end = str_find(line, '}');
    if (begin && end && n < VALUES_MOST)
        (void)printf(".Dl %.*s\n", STR_FMT(str_span(begin, end + 1)));
}

/* # HELP name help, # TYPE name type, rows. */
static void print_metric(struct str *text)
{
    struct str help = str_skip(next_line(text), 7), name = next_word(&help);
    struct str type = str_skip(next_line(text), 7);
    (void)next_word(&type);
    (void)printf(".It Ic %.*s Pq %.*s\n", STR_FMT(name), STR_FMT(type));
    print_words(help);
    for (unsigned n = 0; text->n && text->p[0] != '#'; n++) {
        struct str line = next_line(text);
        if (!str_eq(type, STR("histogram")))
            print_labels(line, n);
    }
}

static void print_metrics(void)
{
    size_t len = 0;
    char *bytes = all_metrics(&len);
    struct str text = {bytes, len};
    if (!bytes)
        exit(1);
    (void)printf(".Bl -tag -width Ds\n");
    while (text.n)
        print_metric(&text);
    (void)printf(".El\n");
    free(bytes);
}

int main(void)
{
    char line[1024];
    while (fgets(line, sizeof line, stdin))
        if (strcmp(line, "@METRICS@\n") == 0)
            print_metrics();
        else
            (void)fputs(line, stdout);
    return ferror(stdin) || ferror(stdout);
}
