#include "ctl/savings.h"

#include <stdio.h>
#include <string.h>

#include "ctl/ask.h"
#include "ctl/table.h"

/* The lines of an answer in the order in which they are shown. */
struct lines {
    const json_t *domains, *upstreams, *total;
};

static const json_t *line_at(const struct lines *l, size_t at)
{
    size_t n = json_array_size(l->domains);
    if (at < n)
        return json_array_get(l->domains, at);
    at -= n;
    return at < json_array_size(l->upstreams) ? json_array_get(l->upstreams, at) : l->total;
}

static void print_name(const json_t *line, char cell[TABLE_CELL])
{
    const char *domain = json_string_value(json_object_get(line, "domain"));
    const char *upstream = json_string_value(json_object_get(line, "upstream"));
    if (json_object_get(line, "domain"))
        (void)snprintf(cell, TABLE_CELL, "domain %s", domain ? domain : "(others)");
    else if (json_object_get(line, "upstream"))
        (void)snprintf(cell, TABLE_CELL, "upstream %s", upstream ? upstream : "(none)");
    else
        (void)snprintf(cell, TABLE_CELL, "all");
}

static void print_count(const json_t *line, const char *key, char cell[TABLE_CELL])
{
    (void)snprintf(cell, TABLE_CELL, "%lld",
                   (long long)json_integer_value(json_object_get(line, key)));
}

static void fill(const void *lines, size_t at, struct table_row *r)
{
    const json_t *line = line_at(lines, at);
    const json_t *share = json_object_get(line, "absorbed_share");
    print_name(line, r->cells[0]);
    print_count(line, "in", r->cells[1]);
    print_count(line, "absorbed", r->cells[2]);
    if (json_is_number(share))
        (void)snprintf(r->cells[3], TABLE_CELL, "%.1f%%", 100 * json_number_value(share));
    else
        table_add(r->cells[3], "-");
    print_count(line, "out", r->cells[4]);
    print_count(line, "out_own", r->cells[5]);
}

static void print_shadows(const json_t *domains)
{
    for (size_t i = 0; i < json_array_size(domains); i++) {
        char cell[TABLE_CELL];
        const json_t *d = json_array_get(domains, i);
        long long n = json_integer_value(json_object_get(d, "would_absorb"));
        long long late = json_integer_value(json_object_get(d, "too_late"));
        if (!n && !late)
            continue;
        print_name(d, cell);
        ask_print(stdout, cell);
        (void)printf(": its shadow would have absorbed %lld, and %lld came too late for it\n", n,
                     late);
    }
}

static bool show(const json_t *answer)
{
    static const struct table_row titles = {{"OF", "IN", "ABSORBED", "SHARE", "OUT", "OUR-OWN"}};
    const struct lines l = {json_object_get(answer, "domains"),
                            json_object_get(answer, "upstreams"), json_object_get(answer, "total")};
    if (!json_is_array(l.domains) || !json_is_array(l.upstreams) || !json_is_object(l.total))
        return false;
    table_print(stdout, &titles, json_array_size(l.domains) + json_array_size(l.upstreams) + 1,
                fill, &l);
    print_shadows(l.domains);
    return true;
}

int savings_run(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/savings", NULL}, show);
}
