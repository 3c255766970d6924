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

static bool has_silent(const struct board_line *l)
{
    for (size_t i = 0; i < l->n_places; i++)
        if (l->reach[i] == BOARD_SILENT)
            return true;
    return false;
}

static json_t *alarms_json(const struct board_line *l)
{
    json_t *list = json_array();
    if (l->is_unregistered)
        (void)json_array_append_new(list, json_string("line-unregistered"));
    if (l->is_away || has_silent(l))
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

json_t *lineview_json(struct board *b)
{
    struct arena arena;
    struct board_line *lines;
    size_t n = 0;
    uint64_t now_s = sys_service_s();
    arena_init(&arena, ARENA_MAX);
    json_t *list = json_array();
    bool is_whole = !b || board_read(b, &arena, &lines, &n) == 0;
    for (size_t i = 0; is_whole && i < n; i++)
        is_whole = json_array_append_new(list, line_json(&lines[i], now_s)) == 0;
    arena_fini(&arena);
    if (is_whole)
        return json_pack("{s:o*}", "lines", list);
    json_decref(list);
    return NULL;
}
