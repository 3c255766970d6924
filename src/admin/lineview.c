#include "admin/lineview.h"

#include "base/arena.h"
#include "base/sys.h"
#include "service/board.h"

enum { ARENA_MAX = 512 << 20 };

/* Configured text is printable, but not always UTF-8. */
static json_t *text_json(struct str s)
{
    json_t *json = json_stringn(s.n ? s.p : "", s.n);
    return json ? json : json_string("?");
}

/* Of the service clock; null for none, and for what is over. */
static json_t *from_now(uint64_t at_s, uint64_t now_s)
{
    return at_s > now_s ? json_integer((json_int_t)(at_s - now_s)) : json_null();
}

/* In real time, as other answers say it. */
static json_t *wall_json(uint64_t at_s, uint64_t now_s)
{
    uint64_t ago_s = now_s > at_s ? now_s - at_s : 0;
    return json_integer((json_int_t)(sys_wall_ms() / 1000 - ago_s));
}

static json_t *target_json(const struct board_line *l, size_t i)
{
    static const char *const words[] = {
        [BOARD_UNKNOWN] = NULL, [BOARD_REACHABLE] = "reachable", [BOARD_SILENT] = "silent"};
    bool is_contact = str_is_none(l->places[i].aor);
    return json_pack("{s:o*,s:s,s:s?}", "uri", text_json(l->places[i].uri), "kind",
                     is_contact ? "contact" : "line", "reach", words[l->reach[i]]);
}

static json_t *alarms_json(const struct board_line *l)
{
    json_t *list = json_array();
    if (l->unregistered_s)
        (void)json_array_append_new(list, json_string("line-unregistered"));
    if (l->unreachable_s)
        (void)json_array_append_new(list, json_string("line-unreachable"));
    return list;
}

static json_t *error_json(const struct board_line *l)
{
    if (!l->error)
        return json_null();
    json_t *status = l->status ? json_integer(l->status) : json_null();
    return json_pack("{s:s,s:o*}", "code", l->error, "status", status);
}

static json_t *line_json(const struct board_line *l, uint64_t now_s)
{
    json_t *targets = json_array();
    for (size_t i = 0; i < l->n_places; i++)
        (void)json_array_append_new(targets, target_json(l, i));
    return json_pack("{s:o*,s:o*,s:o*,s:s,s:o*,s:o*,s:o*,s:o*,s:o*}", "name", text_json(l->name),
                     "domain", text_json(l->domain), "target", targets, "state",
                     board_state_word(l->state), "since", wall_json(l->since_s, now_s),
                     "expires_in", from_now(l->dead_at_s, now_s), "last_error", error_json(l),
                     "next_attempt_in", from_now(l->next_at_s, now_s), "alarms", alarms_json(l));
}

/* What fn makes of each line, added to the list; false: no memory. */
typedef bool add_fn(json_t *list, const struct board_line *l, uint64_t now_s);

static bool add_each(json_t *list, struct board *b, uint64_t now_s, add_fn *add)
{
    struct arena arena;
    struct board_line *lines;
    size_t n = 0;
    arena_init(&arena, ARENA_MAX);
    bool is_whole = list && (!b || board_read(b, &arena, &lines, &n) == 0);
    for (size_t i = 0; is_whole && i < n; i++)
        is_whole = add(list, &lines[i], now_s);
    arena_fini(&arena);
    return is_whole;
}

static bool add_line(json_t *list, const struct board_line *l, uint64_t now_s)
{
    return json_array_append_new(list, line_json(l, now_s)) == 0;
}

json_t *lineview_json(struct board *b)
{
    json_t *list = json_array();
    if (add_each(list, b, sys_service_s(), add_line))
        return json_pack("{s:o*}", "lines", list);
    json_decref(list);
    return NULL;
}

/* ---------------------------------------------------------------- their alarms */

static bool add_alarm(json_t *list, const struct board_line *l, const char *code, json_t *since,
                      const char *message)
{
    return json_array_append_new(list, json_pack("{s:s,s:o*,s:o*,s:o*,s:s}", "code", code, "line",
                                                 text_json(l->name), "domain", text_json(l->domain),
                                                 "since", since, "message", message)) == 0;
}

static bool add_alarms(json_t *list, const struct board_line *l, uint64_t now_s)
{
    bool is_whole = true;
    if (l->unregistered_s)
        is_whole = add_alarm(list, l, "line-unregistered", wall_json(l->unregistered_s, now_s),
                             "upstream does not hold the line, and the last attempt failed");
    if (l->unreachable_s && is_whole)
        is_whole = add_alarm(list, l, "line-unreachable", wall_json(l->unreachable_s, now_s),
                             "a contact of it does not answer, or a call found nobody");
    return is_whole;
}

bool lineview_add_alarms(json_t *list, struct board *b)
{
    return add_each(list, b, sys_service_s(), add_alarms);
}
