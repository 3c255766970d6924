#include "ctl/aorlist.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ctl/ask.h"
#include "ctl/table.h"
#include "ctl/urltext.h"

enum { PAGE_MAX = 1000 };

/* ---------------------------------------------------------------- a page as a table */

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

static void print_left(const json_t *s, char cell[TABLE_CELL])
{
    if (json_is_integer(s))
        (void)snprintf(cell, TABLE_CELL, "%llds", (long long)json_integer_value(s));
    else
        (void)snprintf(cell, TABLE_CELL, "-");
}

/* The longest that a registration upstream still has. */
static const json_t *longest(const json_t *list)
{
    const json_t *most = NULL;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *s = json_object_get(json_array_get(list, i), "expires_in");
        if (!most || json_integer_value(s) > json_integer_value(most))
            most = s;
    }
    return most;
}

static void print_devices(const json_t *bindings, char cell[TABLE_CELL])
{
    (void)snprintf(cell, TABLE_CELL, "%zu", json_array_size(bindings));
}

static void fill(const void *aors, size_t at, struct table_row *r)
{
    const json_t *aor = json_array_get(aors, at), *first;
    const json_t *bindings = json_object_get(aor, "bindings");
    first = json_array_get(bindings, 0);
    table_add(r->cells[0], text_of(aor, "aor"));
    table_add(r->cells[1], text_of(aor, "state"));
    print_devices(bindings, r->cells[2]);
    print_left(longest(bindings), r->cells[3]);
    print_left(longest(json_object_get(aor, "registrations")), r->cells[4]);
    table_add(r->cells[5], first ? text_of(first, "source") : "-");
    table_add(r->cells[6], first ? text_of(first, "user_agent") : "-");
}

/* ---------------------------------------------------------------- one after the other */

struct filter {
    const char *name, *value;
};

enum { N_FILTERS = 4 };

struct list {
    const struct call *call;
    struct filter filters[N_FILTERS];
    const char *prefix; /* NULL: none */
    uint32_t left;      /* still to be shown; 0: all */
    bool has_limit;
    struct table table;
    char cursor[URLTEXT_MAX];
};

static const char *path_of(const struct list *l, char path[URLTEXT_MAX])
{
    char limit[16];
    uint32_t n = l->has_limit && l->left < PAGE_MAX ? l->left : PAGE_MAX;
    struct buf b = buf_over(path, URLTEXT_MAX - 1);
    (void)snprintf(limit, sizeof limit, "%u", n);
    buf_add(&b, STR("/api/v1/aors"));
    urltext_add_param(&b, "limit", limit);
    for (size_t i = 0; i < N_FILTERS; i++)
        urltext_add_param(&b, l->filters[i].name + 2, l->filters[i].value);
    urltext_add_param(&b, "q", l->prefix);
    urltext_add_param(&b, "cursor", l->cursor[0] ? l->cursor : NULL);
    path[b.len] = '\0';
    return b.has_overflown ? NULL : path;
}

/* False: that was all, as far as it is wanted. */
static bool go_on(struct list *l, const json_t *answer)
{
    const char *cursor = json_string_value(json_object_get(answer, "cursor"));
    size_t n = json_array_size(json_object_get(answer, "aors"));
    if (l->has_limit)
        l->left = n < l->left ? l->left - (uint32_t)n : 0;
    (void)snprintf(l->cursor, sizeof l->cursor, "%s", cursor ? cursor : "");
    return cursor && (!l->has_limit || l->left);
}

static bool is_no_list(const json_t *answer)
{
    (void)answer;
    return false;
}

static int show_page(struct list *l, const struct ask_answer *a)
{
    const json_t *aors = json_object_get(a->json, "aors");
    if (l->call->is_json || a->status != 200 || !json_is_array(aors))
        return ask_show(l->call, a, is_no_list);
    table_add_rows(&l->table, json_array_size(aors), fill, aors);
    return EXIT_SUCCESS;
}

static int show_all(struct list *l)
{
    char path[URLTEXT_MAX];
    bool has_more = true;
    int err = 0;
    while (!err && has_more) {
        struct ask_answer a;
        const struct ask q = {"GET", path_of(l, path), NULL};
        err = q.path ? ask(&q, &a) : EXIT_USAGE;
        if (!q.path)
            break;
        if (!err)
            err = show_page(l, &a);
        has_more = !err && go_on(l, a.json);
        ask_free(&a);
    }
    return err;
}

/* ---------------------------------------------------------------- words */

static struct filter *find_filter(struct list *l, const char *word)
{
    for (size_t i = 0; i < N_FILTERS; i++)
        if (strcmp(l->filters[i].name, word) == 0)
            return &l->filters[i];
    return NULL;
}

/* How many words it took; 0: it is not right. */
static int take_word(struct list *l, char **words)
{
    struct filter *f = find_filter(l, words[0]);
    bool is_limit = strcmp(words[0], "--limit") == 0;
    if ((f || is_limit) && !words[1])
        return 0;
    if (f) {
        f->value = words[1];
        return 2;
    }
    if (is_limit) {
        l->has_limit = true;
        return str_to_u32(str_of(words[1]), UINT32_MAX, &l->left) || !l->left ? 0 : 2;
    }
    if (l->prefix || strncmp(words[0], "--", 2) == 0)
        return 0;
    l->prefix = words[0];
    return 1;
}

int aorlist_run(const struct call *c)
{
    static const struct table_row titles = {
        {"AOR", "STATE", "DEVICES", "EXPIRES", "UPSTREAM", "SOURCE", "USER-AGENT"}};
    struct list l = {
        .call = c,
        .filters = {
            {"--domain", NULL}, {"--upstream", NULL}, {"--source", NULL}, {"--user-agent", NULL}}};
    for (int i = 0, n; i < c->n; i += n)
        if ((n = take_word(&l, c->words + i)) == 0)
            return EXIT_USAGE;
    table_begin(&l.table, stdout, &titles);
    return ask_end(show_all(&l));
}
