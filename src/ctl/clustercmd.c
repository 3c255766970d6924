#include "ctl/clustercmd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "ctl/ask.h"
#include "ctl/clustersql.h"
#include "ctl/table.h"

/* ---------------------------------------------------------------- status */

static void print_seconds(const json_t *of, const char *key, char cell[TABLE_CELL])
{
    (void)snprintf(cell, TABLE_CELL, "%.1fs", json_number_value(json_object_get(of, key)));
}

static const char *role_of(const json_t *node)
{
    if (json_is_true(json_object_get(node, "owner")))
        return "acts";
    return json_is_true(json_object_get(node, "current")) ? "stands by" : "is not up to date";
}

static void fill(const void *list, size_t at, struct table_row *r)
{
    const json_t *n = json_array_get(list, at);
    const char *name = json_string_value(json_object_get(n, "name"));
    const char *state = json_string_value(json_object_get(n, "state"));
    table_add(r->cells[0], name ? name : "?");
    table_add(r->cells[1], state ? state : "?");
    table_add(r->cells[2], state && strcmp(state, "member") == 0 ? role_of(n) : "-");
    print_seconds(n, "silent_s", r->cells[3]);
}

static bool show(const json_t *answer)
{
    static const struct table_row titles = {{"NODE", "STATE", "ROLE", "HEARD"}};
    const json_t *c = json_object_get(answer, "cluster");
    const json_t *list = json_object_get(c, "nodes");
    const char *error = json_string_value(json_object_get(c, "error"));
    if (json_is_null(c)) {
        (void)puts("there is no cluster");
        return true;
    }
    if (!json_is_array(list))
        return false;
    (void)printf("database: %s%s",
                 json_is_true(json_object_get(c, "connected")) ? "connected" : "away",
                 error && *error ? ", " : "\n");
    if (error && *error) {
        ask_print(stdout, error);
        (void)puts("");
    }
    (void)printf("may send upstream for: %.0fs\nrecords to be written: %lld\n",
                 json_number_value(json_object_get(c, "may_send_for_s")),
                 (long long)json_integer_value(json_object_get(c, "to_write")));
    table_print(stdout, &titles, json_array_size(list), fill, list);
    return true;
}

int clustercmd_status(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/cluster", NULL}, show);
}

/* ---------------------------------------------------------------- SQL */

/* What may stand in quotes in SQL as it is. */
static bool is_name(const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++)
        if (!ascii_is_alpha(text[i]) && !ascii_is_digit(text[i]) && !strchr("._-", text[i]))
            return false;
    return n > 0 && n <= 63;
}

static int check_names(const struct call *c)
{
    for (int i = 0; i < c->n; i++)
        if (!is_name(c->words[i])) {
            (void)fprintf(stderr,
                          "breakwaterctl: a name has 1 to 63 letters, digits, '.', '_' and '-'\n");
            return EXIT_USAGE;
        }
    return 0;
}

int clustercmd_init(const struct call *c)
{
    int status = check_names(c);
    if (status)
        return status;
    (void)printf("begin;\n%.*s\n", (int)clustersql_len, (const char *)clustersql);
    (void)printf("insert into breakwater.meta (name) values ('%s') on conflict (one) do nothing;\n"
                 "do $$ begin\n"
                 "    if (select name from breakwater.meta) <> '%s' then\n"
                 "        raise exception 'the database belongs to cluster \"%%\"',\n"
                 "            (select name from breakwater.meta);\n"
                 "    end if;\n"
                 "end $$;\n",
                 c->words[0], c->words[0]);
    if (c->n > 1)
        (void)printf("grant usage on schema breakwater to \"%s\";\n"
                     "grant execute on all functions in schema breakwater to \"%s\";\n",
                     c->words[1], c->words[1]);
    (void)puts("commit;");
    return ask_end(0);
}

int clustercmd_restored(const struct call *c)
{
    int status = check_names(c);
    if (status)
        return status;
    (void)printf("begin;\n"
                 "do $$ begin\n"
                 "    if not exists (select from breakwater.node where name = '%s') then\n"
                 "        raise exception 'the database knows no node of that name';\n"
                 "    end if;\n"
                 "end $$;\n"
                 "update breakwater.meta set generation = generation + 1,\n"
                 "    is_first = false, since = clock_timestamp();\n"
                 "update breakwater.node set state = 'fenced',\n"
                 "    epoch = greatest(epoch, breakwater.floor()) + 1;\n"
                 "update breakwater.own set epoch = breakwater.floor() + 1,\n"
                 "    node = (select id from breakwater.node where name = '%s');\n"
                 "commit;\n",
                 c->words[0], c->words[0]);
    return ask_end(0);
}
