#include "admin/upview.h"

#include <inttypes.h>
#include <string.h>

#include "admin/promtext.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/outage.h"
#include "service/shield.h"

#define PREFIX "breakwater_upstream_"

enum { ROW_ROOM = 256, HEAD_ROOM = 512 };

static double rate_of(const struct shield *s)
{
    return (double)atomic_load(&s->ceiling) * atomic_load(&s->rate) / PACE_WHOLE;
}

/* ---------------------------------------------------------------- JSON */

static json_int_t count_of(const struct shield *s, enum shield_count what)
{
    return (json_int_t)atomic_load(&s->counts[what]);
}

static enum health_state state_of(const struct shield *s)
{
    return health_unpack(atomic_load(&s->health)).state;
}

static int64_t left_of(const struct shield *s)
{
    int64_t n = atomic_load(&s->n_left);
    return n > 0 ? n : 0;
}

/* Whether it is there. since: wall time. */
static json_t *state_json(const struct shield *s)
{
    bool is_walking = atomic_load(&s->n_walking) > 0;
    json_int_t n_waiting = (json_int_t)atomic_load(&s->n_waiting);
    uint64_t now_s = sys_service_s(), since_s = outage_since_s(s);
    uint64_t ago_s = now_s > since_s ? now_s - since_s : 0;
    json_int_t n_left = left_of(s);
    double pace = rate_of(s);
    return json_pack(
        "{s:s,s:b,s:I,s:I,s:I,s:I,s:I,s:b,s:I,s:I}", "state", health_word(state_of(s)), "drained",
        (int)outage_is_held(s), "since", (json_int_t)(sys_wall_ms() / 1000 - ago_s),
        "probes_answered", (json_int_t)atomic_load(&s->n_probes_answered), "probes_failed",
        (json_int_t)atomic_load(&s->n_probes_failed), "probe_round_trip_ms",
        (json_int_t)atomic_load(&s->probe_ms), "outages",
        (json_int_t)atomic_load(&s->n_changes[HEALTH_DOWN]), "resyncing",
        is_walking || state_of(s) == HEALTH_RESYNC, "resync_left", n_left, "resync_ends_in_s",
        (json_int_t)((double)(n_left + (n_left ? n_waiting : 0)) / (pace > 1 ? pace : 1)));
}

static json_t *pace_json(const struct shield *s)
{
    uint64_t now_ms = sys_now_ms(), until_ms = atomic_load(&s->pause_until_ms);
    json_t *name = json_string(s->name);
    if (!name) /* configured text is not always UTF-8 */
        name = json_string("?");
    return json_pack(
        "{s:o*,s:I,s:I,s:f,s:f,s:I,s:I,s:I,s:I,s:f,s:I,s:I,s:I,s:I,s:I}", "name", name, "targets",
        (json_int_t)atomic_load(&s->n_targets), "register_rate", (json_int_t)atomic_load(&s->rate),
        "ceiling", rate_of(s), "tokens", shield_tokens(s, now_ms), "pause_s",
        (json_int_t)(until_ms > now_ms ? (until_ms - now_ms + 999) / 1000 : 0), "waiting",
        (json_int_t)atomic_load(&s->n_waiting), "sent", count_of(s, SHIELD_SENT), "waited",
        count_of(s, SHIELD_WAITED), "waited_s",
        (double)atomic_load(&s->counts[SHIELD_WAITED_MS]) / 1000, "refused",
        count_of(s, SHIELD_REFUSED), "postponed", count_of(s, SHIELD_POSTPONED), "pauses",
        count_of(s, SHIELD_PAUSES), "overloaded_servers", (json_int_t)overload_count(&s->overload),
        "held_back", count_of(s, SHIELD_HELD_BACK));
}

static json_t *one_json(const struct shield *s)
{
    json_t *one = pace_json(s), *state = state_json(s);
    bool is_whole = one && state && json_object_update(one, state) == 0;
    json_decref(state);
    if (is_whole)
        return one;
    json_decref(one);
    return NULL;
}

static void add_json(const struct shield *s, void *arg)
{
    json_t **list = arg;
    if (*list && json_array_append_new(*list, one_json(s))) {
        json_decref(*list);
        *list = NULL;
    }
}

json_t *upview_json(struct shield_table *s)
{
    json_t *list = json_array();
    if (s)
        shield_each(s, add_json, &list);
    return list ? json_pack("{s:o*}", "upstreams", list) : NULL;
}

/* ---------------------------------------------------------------- metrics */

static double ceiling(const struct shield *s)
{
    return rate_of(s);
}

static double targets(const struct shield *s)
{
    return (double)atomic_load(&s->n_targets);
}

static double tokens(const struct shield *s)
{
    return shield_tokens(s, sys_now_ms());
}

static double waiting(const struct shield *s)
{
    return (double)atomic_load(&s->n_waiting);
}

static double probe_s(const struct shield *s)
{
    return (double)atomic_load(&s->probe_ms) / 1000;
}

static double left(const struct shield *s)
{
    return (double)left_of(s);
}

static double resyncs(const struct shield *s)
{
    return atomic_load(&s->n_walking) > 0;
}

static double overloaded(const struct shield *s)
{
    return overload_count(&s->overload);
}

static double drained(const struct shield *s)
{
    return outage_is_held(s);
}

static const struct metric {
    const char *name, *help;
    double (*gauge)(const struct shield *s); /* NULL: a counter */
    enum shield_count what;
} metrics[] = {
    {"resync_lines_left",
     "After an outage, or after upstream has lost its data: lines that it has still to take back.",
     left, 0},
    {"resync_running", "1 while what upstream has lost is registered again.", resyncs, 0},
    {"probe_round_trip_seconds", "Of the last probe that was answered.", probe_s, 0},
    {"register_ceiling",
     "REGISTERs a second that may go there now: register-rate, or less while "
     "its answers are slow or bad.",
     ceiling, 0},
    {"targets",
     "Servers that are known: those given by address, and those that the DNS has for a name.",
     targets, 0},
    {"register_tokens", "REGISTERs that could go at once.", tokens, 0},
    {"registers_waiting", "REGISTERs that wait for their turn by the pace.", waiting, 0},
    {"registers_sent_total", "REGISTERs sent, those that answer a challenge included.", NULL,
     SHIELD_SENT},
    {"registers_waited_total", "REGISTERs that had to wait for their turn.", NULL, SHIELD_WAITED},
    {"registers_wait_seconds_total", "How long they have waited.", NULL, SHIELD_WAITED_MS},
    {"registers_refused_total",
     "REGISTERs of phones that heard 503, as their turn could not come "
     "in time.",
     NULL, SHIELD_REFUSED},
    {"refreshes_postponed_total", "Refreshes that were due, found no turn and were answered here.",
     NULL, SHIELD_POSTPONED},
    {"pauses_total", "503 with Retry-After: no REGISTER was sent for a while.", NULL,
     SHIELD_PAUSES},
    {"drained", "1 while the operator has taken it out.", drained, 0},
    {"overloaded_servers", "Servers that ask for less than comes (RFC 7339).", overloaded, 0},
    {"overload_limits_total", "Answers with a limit of overload control that was obeyed.", NULL,
     SHIELD_OBEYED},
    {"overload_limits_ignored_total",
     "The same with one that could not be read, was not offered or older than another.", NULL,
     SHIELD_IGNORED},
    {"registers_held_back_total", "REGISTERs that were not sent to an overloaded server.", NULL,
     SHIELD_HELD_BACK},
    {"calls_held_back_total",
     "Calls and other requests outside a dialog that heard 503 instead of being sent to one.", NULL,
     SHIELD_CALLS_HELD_BACK},
};

static double is_in(const struct shield *s, enum health_state state)
{
    return state_of(s) == state;
}

static double spent_s(const struct shield *s, enum health_state state)
{
    return (double)outage_spent_s(s, state, sys_service_s());
}

static double changes(const struct shield *s, enum health_state state)
{
    return (double)atomic_load(&s->n_changes[state]);
}

/* One row for each state. */
static const struct state_metric {
    const char *name, *type, *help;
    double (*value)(const struct shield *s, enum health_state state);
} state_metrics[] = {
    {"state", "gauge", "1 for the state that the upstream is in.", is_in},
    {"state_seconds_total", "counter", "How long it was in each state.", spent_s},
    {"state_changes_total", "counter", "How often it came to each state.", changes},
};

enum {
    N_METRICS = sizeof metrics / sizeof metrics[0],
    N_STATE_METRICS = sizeof state_metrics / sizeof state_metrics[0],
    N_PROBE_METRICS = 2,
    N_ROWS = N_METRICS + N_STATE_METRICS * HEALTH_STATES + N_PROBE_METRICS + STATS_HISTOGRAM_ROWS,
    N_HEADS = N_METRICS + N_STATE_METRICS + 2
};

struct printing {
    const struct metric *metric;
    const struct state_metric *state_metric;
    struct buf *out;
};

static double value_of(const struct metric *m, const struct shield *s)
{
    if (m->gauge)
        return m->gauge(s);
    double v = (double)atomic_load(&s->counts[m->what]);
    return m->what == SHIELD_WAITED_MS ? v / 1000 : v;
}

static bool has_room(const struct printing *p, const struct shield *s)
{
    return p->out->cap - p->out->len >= ROW_ROOM + 2 * strlen(s->name);
}

static void begin_row(const struct printing *p, const char *metric, const struct shield *s)
{
    buf_addf(p->out, PREFIX "%s{upstream=\"", metric);
    promtext_label(p->out, str_of(s->name));
}

static void add_row(const struct shield *s, void *arg)
{
    const struct printing *p = arg;
    if (!has_room(p, s))
        return;
    begin_row(p, p->metric->name, s);
    buf_addf(p->out, "\"} %.15g\n", value_of(p->metric, s));
}

static void add_states(const struct shield *s, void *arg)
{
    const struct printing *p = arg;
    for (enum health_state i = HEALTH_UP; i < HEALTH_STATES && has_room(p, s); i++) {
        begin_row(p, p->state_metric->name, s);
        buf_addf(p->out, "\",state=\"%s\"} %.15g\n", health_word(i), p->state_metric->value(s, i));
    }
}

static void add_probes(const struct shield *s, void *arg)
{
    const struct printing *p = arg;
    const struct {
        const char *word;
        uint64_t n;
    } rows[N_PROBE_METRICS] = {{"answered", atomic_load(&s->n_probes_answered)},
                               {"failed", atomic_load(&s->n_probes_failed)}};
    for (int i = 0; i < N_PROBE_METRICS && has_room(p, s); i++) {
        begin_row(p, "probes_total", s);
        buf_addf(p->out, "\",result=\"%s\"} %" PRIu64 "\n", rows[i].word, rows[i].n);
    }
}

/* As Prometheus reads a histogram: each bucket has all that is in those before it. */
static void add_answers(const struct shield *s, void *arg)
{
    const struct printing *p = arg;
    uint64_t n = 0;
    for (int i = 0; i < STATS_BUCKETS && has_room(p, s); i++) {
        n += atomic_load(&s->answered[i]);
        begin_row(p, "answer_seconds_bucket", s);
        if (i < STATS_BUCKETS - 1)
            buf_addf(p->out, "\",le=\"%.15g\"} %" PRIu64 "\n", shield_bounds_ms[i] / 1000.0, n);
        else
            buf_addf(p->out, "\",le=\"+Inf\"} %" PRIu64 "\n", n);
    }
    if (!has_room(p, s))
        return;
    begin_row(p, "answer_seconds_sum", s);
    buf_addf(p->out, "\"} %.15g\n", (double)atomic_load(&s->answered_ms) / 1000);
    if (!has_room(p, s))
        return;
    begin_row(p, "answer_seconds_count", s);
    buf_addf(p->out, "\"} %" PRIu64 "\n", n);
}

static void add_room(const struct shield *s, void *arg)
{
    size_t *n = arg;
    *n += (ROW_ROOM + 2 * strlen(s->name)) * N_ROWS;
}

size_t upview_metrics_room(struct shield_table *s)
{
    size_t n = HEAD_ROOM * N_HEADS + ROW_ROOM;
    if (s)
        shield_each(s, add_room, &n);
    return n;
}

void upview_add_metrics(struct shield_table *s, struct buf *out)
{
    struct printing p = {.out = out};
    for (size_t i = 0; s && i < N_METRICS; i++) {
        p.metric = &metrics[i];
        promtext_head(out, "upstream_", metrics[i].name, metrics[i].gauge ? "gauge" : "counter",
                      metrics[i].help);
        shield_each(s, add_row, &p);
    }
    for (size_t i = 0; s && i < N_STATE_METRICS; i++) {
        p.state_metric = &state_metrics[i];
        promtext_head(out, "upstream_", state_metrics[i].name, state_metrics[i].type,
                      state_metrics[i].help);
        shield_each(s, add_states, &p);
    }
    if (!s)
        return;
    promtext_head(out, "upstream_", "probes_total", "counter",
                  "Rounds of OPTIONS: some server of the upstream has answered, or none has.");
    shield_each(s, add_probes, &p);
    promtext_head(out, "upstream_", "answer_seconds", "histogram",
                  "From a REGISTER sent there to its final answer.");
    shield_each(s, add_answers, &p);
}
