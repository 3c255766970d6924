#include "ctl/uplist.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl/ask.h"
#include "ctl/table.h"

static const json_t *field(const json_t *upstream, const char *key)
{
    return json_object_get(upstream, key);
}

static void print_time(const json_t *at, char cell[TABLE_CELL])
{
    struct tm tm;
    time_t s = (time_t)json_integer_value(at);
    if (!gmtime_r(&s, &tm) || strftime(cell, TABLE_CELL, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
        (void)snprintf(cell, TABLE_CELL, "?");
}

static void print_probe(const json_t *upstream, char cell[TABLE_CELL])
{
    if (json_integer_value(field(upstream, "probes_answered")))
        (void)snprintf(cell, TABLE_CELL, "%lldms",
                       (long long)json_integer_value(field(upstream, "probe_round_trip_ms")));
    else
        table_add(cell, "-");
}

static void print_pace(const json_t *upstream, char cell[TABLE_CELL])
{
    (void)snprintf(cell, TABLE_CELL, "%.4g/s", json_number_value(field(upstream, "ceiling")));
}

static void print_count(const json_t *upstream, const char *key, char cell[TABLE_CELL])
{
    (void)snprintf(cell, TABLE_CELL, "%lld", (long long)json_integer_value(field(upstream, key)));
}

/* Of a resync, after an outage or after upstream has lost its data. */
static void print_end(const json_t *upstream, char cell[TABLE_CELL])
{
    if (json_is_true(field(upstream, "resyncing")))
        (void)snprintf(cell, TABLE_CELL, "in %llds",
                       (long long)json_integer_value(field(upstream, "resync_ends_in_s")));
    else
        table_add(cell, "-");
}

static void fill(const void *list, size_t at, struct table_row *r)
{
    const json_t *u = json_array_get(list, at);
    const char *name = json_string_value(field(u, "name"));
    const char *state = json_string_value(field(u, "state"));
    table_add(r->cells[0], name ? name : "?");
    table_add(r->cells[1], json_is_true(field(u, "drained")) ? "drained" : state ? state : "?");
    print_time(field(u, "since"), r->cells[2]);
    print_probe(u, r->cells[3]);
    print_pace(u, r->cells[4]);
    print_count(u, "waiting", r->cells[5]);
    print_count(u, "resync_left", r->cells[6]);
    print_end(u, r->cells[7]);
}

static bool show(const json_t *answer)
{
    static const struct table_row titles = {
        {"UPSTREAM", "STATE", "SINCE", "PROBE", "PACE", "WAITING", "LEFT", "ENDS"}};
    const json_t *list = json_object_get(answer, "upstreams");
    if (!json_is_array(list))
        return false;
    table_print(stdout, &titles, json_array_size(list), fill, list);
    return true;
}

int uplist_run(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/upstreams", NULL}, show);
}
