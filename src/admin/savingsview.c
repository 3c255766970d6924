#include "admin/savingsview.h"

#include <stdlib.h>
#include <string.h>

#include "admin/jsontext.h"
#include "base/err.h"
#include "service/ledger.h"

/* Counts under a name; none: of what has none. */
struct line {
    struct str name, upstream;
    uint64_t counts[LEDGER_KINDS];
};

struct book {
    struct line *lines;
    size_t n, room;
};

/* ---------------------------------------------------------------- adding up */

static void add(struct line *l, const uint64_t counts[LEDGER_KINDS])
{
    for (size_t i = 0; i < LEDGER_KINDS; i++)
        l->counts[i] += counts[i];
}

/* The line of that name, made if there is none; NULL: there is no room. */
static struct line *find(struct book *b, struct str name)
{
    for (size_t i = 0; i < b->n; i++)
        if (str_eq(b->lines[i].name, name))
            return &b->lines[i];
    if (b->n == b->room)
        return NULL;
    b->lines[b->n] = (struct line){.name = name};
    return &b->lines[b->n++];
}

static void read_worker(const struct savingsview *v, unsigned worker, struct book *domains)
{
    const struct ledger *t = v->ledger(worker, v->arg);
    struct ledger_row row;
    for (size_t i = 0; i < LEDGER_ROWS; i++) {
        struct line *l = ledger_read(t, i, &row) ? find(domains, row.domain) : NULL;
        if (l)
            add(l, row.counts);
    }
}

static void add_upstreams(const struct savingsview *v, struct book *domains, struct book *upstreams)
{
    for (size_t i = 0; i < domains->n; i++) {
        struct line *d = &domains->lines[i];
        const struct conf_domain *now = d->name.n ? conf_domain_find(v->conf, d->name) : NULL;
        d->upstream = now ? str_of(now->upstream->name) : STR_NONE;
        struct line *u = find(upstreams, d->upstream);
        if (u)
            add(u, d->counts);
    }
}

/* ---------------------------------------------------------------- as JSON */

/* The share of what came in that stayed here; null where nothing came. */
static json_t *line_json(const char *kind, const struct line *l)
{
    uint64_t in = l->counts[LEDGER_IN], absorbed = l->counts[LEDGER_ABSORBED];
    uint64_t own = l->counts[LEDGER_OWN], out = l->counts[LEDGER_RELAYED] + own;
    json_t *share = in ? json_real((double)absorbed / (double)in) : json_null();
    json_t *json =
        json_pack("{s:I,s:I,s:I,s:I,s:o*}", "in", (json_int_t)in, "absorbed", (json_int_t)absorbed,
                  "out", (json_int_t)out, "out_own", (json_int_t)own, "absorbed_share", share);
    if (json) {
        (void)json_object_set_new(json, "would_absorb",
                                  json_integer((json_int_t)l->counts[LEDGER_WOULD_ABSORB]));
        (void)json_object_set_new(json, "too_late",
                                  json_integer((json_int_t)l->counts[LEDGER_TOO_LATE]));
    }
    if (kind && json)
        (void)json_object_set_new(json, kind, jsontext_of(l->name));
    return json;
}

static json_t *book_json(const char *kind, const struct book *b)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < b->n; i++) {
        json_t *json = line_json(kind, &b->lines[i]);
        if (strcmp(kind, "domain") == 0 && json)
            (void)json_object_set_new(json, "upstream", jsontext_of(b->lines[i].upstream));
        (void)json_array_append_new(list, json);
    }
    return list;
}

static int compare(const void *a, const void *b)
{
    return str_cmp(((const struct line *)a)->name, ((const struct line *)b)->name);
}

static json_t *both_json(const struct savingsview *v, struct book *domains, struct book *upstreams)
{
    struct line all = {.name = STR_NONE};
    for (unsigned i = 0; i < v->n_workers; i++)
        read_worker(v, i, domains);
    add_upstreams(v, domains, upstreams);
    for (size_t i = 0; i < domains->n; i++)
        add(&all, domains->lines[i].counts);
    if (domains->n)
        qsort(domains->lines, domains->n, sizeof *domains->lines, compare);
    if (upstreams->n)
        qsort(upstreams->lines, upstreams->n, sizeof *upstreams->lines, compare);
    return json_pack("{s:I,s:o*,s:o*,s:o*}", "since", (json_int_t)v->since_s, "total",
                     line_json(NULL, &all), "domains", book_json("domain", domains), "upstreams",
                     book_json("upstream", upstreams));
}

void savingsview_total(const struct savingsview *v, uint64_t counts[])
{
    struct line all = {.name = STR_NONE};
    struct ledger_row row;
    for (unsigned i = 0; i < v->n_workers; i++)
        for (size_t k = 0; k < LEDGER_ROWS; k++)
            if (ledger_read(v->ledger(i, v->arg), k, &row))
                add(&all, row.counts);
    memcpy(counts, all.counts, sizeof all.counts);
}

int savingsview_each(const struct savingsview *v, savingsview_fn *fn, void *arg)
{
    size_t room = (size_t)v->n_workers * LEDGER_ROWS + 1;
    struct book domains = {.lines = calloc(room, sizeof *domains.lines), .room = room};
    if (!domains.lines)
        return ERR_NOMEM;
    for (unsigned i = 0; i < v->n_workers; i++)
        read_worker(v, i, &domains);
    if (domains.n)
        qsort(domains.lines, domains.n, sizeof *domains.lines, compare);
    for (size_t i = 0; fn && i < domains.n; i++)
        fn(domains.lines[i].name, domains.lines[i].counts, arg);
    free(domains.lines);
    return (int)domains.n;
}

json_t *savingsview_json(const struct savingsview *v)
{
    size_t room = (size_t)v->n_workers * LEDGER_ROWS + 1;
    struct book domains = {.lines = calloc(room, sizeof *domains.lines), .room = room};
    struct book upstreams = {.lines = calloc(room, sizeof *upstreams.lines), .room = room};
    json_t *json = NULL;
    if (domains.lines && upstreams.lines)
        json = both_json(v, &domains, &upstreams);
    free(domains.lines);
    free(upstreams.lines);
    return json;
}
