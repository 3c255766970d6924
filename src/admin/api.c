#include "admin/api.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "admin/alarmview.h"
#include "admin/clusterview.h"
#include "admin/aors.h"
#include "admin/banview.h"
#include "admin/domainview.h"
#include "admin/history.h"
#include "admin/jsontext.h"
#include "admin/lineview.h"
#include "admin/metrics.h"
#include "admin/page.h"
#include "admin/savingsview.h"
#include "admin/sourceview.h"
#include "admin/totalsview.h"
#include "admin/upview.h"
#include "admin/whyview.h"
#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "config.h"
#include "service/removal.h"
#include "store/store.h"

enum { FINDINGS_MAX = 1000, METHODS_MAX = 3 };

typedef void serve_fn(const struct api *a, const struct api_request *q, struct answer *out);

/* ---------------------------------------------------------------- health and metrics */

static void get_healthz(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)a;
    (void)q;
    answer_text(out, 200, "ok\n");
}

static bool is_ready(const struct api *a, const char **why)
{
    *why = "";
    return a->hooks.is_ready(why, a->hooks.arg);
}

static void get_readyz(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    const char *why;
    if (is_ready(a, &why))
        answer_text(out, 200, "ok\n");
    else
        answer_fail(out, 503, "not-ready", why);
}

static uint64_t uptime_ms(const struct api *a)
{
    return sys_now_ms() - a->started_ms;
}

static struct savingsview savings_of(const struct api *a, const struct conf *conf)
{
    return (struct savingsview){conf, a->hooks.workers(a->hooks.arg), a->hooks.ledger, a->hooks.arg,
                                a->started_wall_ms / 1000};
}

static const struct headcount *headcount_of(const struct api *a)
{
    return a->hooks.store ? store_headcount(a->hooks.store) : NULL;
}

static void get_metrics(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    const char *why;
    const struct savingsview savings = savings_of(a, NULL);
    struct metrics_process p = {.version = PACKAGE_VERSION,
                                .started_s = a->started_wall_ms / 1000,
                                .uptime_ms = uptime_ms(a),
                                .workers = a->hooks.workers(a->hooks.arg),
                                .is_ready = is_ready(a, &why),
                                .shields = a->hooks.shields,
                                .headcount = headcount_of(a),
                                .savings = a->hooks.ledger ? &savings : NULL};
    out->body = metrics_text(&p, &out->len);
    out->status = out->body ? 200 : 500;
    out->type = "text/plain; version=0.0.4; charset=utf-8";
}

/* ---------------------------------------------------------------- status */

static void get_status(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    const char *why;
    bool ready = is_ready(a, &why);
    json_t *status = json_pack("{s:s,s:I,s:I,s:b,s:i,s:o*}", "version", PACKAGE_VERSION, "started",
                               (json_int_t)(a->started_wall_ms / 1000), "uptime_seconds",
                               (json_int_t)(uptime_ms(a) / 1000), "ready", ready, "workers",
                               (int)a->hooks.workers(a->hooks.arg), "totals", totalsview_json());
    if (status && !ready)
        (void)json_object_set_new(status, "not_ready_reason", json_string(why));
    answer_json(out, 200, status);
}

/* ---------------------------------------------------------------- log level */

static void get_log_level(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)a;
    (void)q;
    answer_json(out, 200, json_pack("{s:s}", "level", log_level_word(log_level())));
}

static void put_log_level(const struct api *a, const struct api_request *q, struct answer *out)
{
    json_t *body = json_loadb(q->body.n ? q->body.p : "", q->body.n, 0, NULL);
    const char *word = json_string_value(json_object_get(body, "level"));
    enum log_level level;
    if (word && log_level_parse(word, &level)) {
        log_set_level(level);
        log_info("admin: the log level is %s now", word);
        get_log_level(a, q, out);
    } else {
        answer_fail(out, 400, "bad-request",
                    "expected {\"level\": \"error\" | \"warning\" | \"info\" | \"debug\"}");
    }
    json_decref(body);
}

/* ---------------------------------------------------------------- reload */

/* A file may hold any bytes; JSON takes UTF-8 only. */
static json_t *text_json(const char *text)
{
    json_t *json = json_string(text);
    char *copy = json ? NULL : strdup(text);
    if (!copy)
        return json;
    for (char *c = copy; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    json = json_string(copy);
    free(copy);
    return json;
}

static void add_finding(bool is_error, const char *text, void *arg)
{
    json_t *findings = arg;
    if (json_array_size(findings) >= FINDINGS_MAX)
        return;
    (void)json_array_append_new(findings,
                                json_pack("{s:s,s:o}", "severity", is_error ? "error" : "warning",
                                          "text", text_json(text)));
}

static void post_reload(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    json_t *findings = json_array();
    int err = a->hooks.reload(add_finding, findings, a->hooks.arg);
    json_t *answer = err ? answer_error(err == ERR_BADCONF ? "bad-configuration" : "reload-failed",
                                        "the running configuration stays")
                         : json_pack("{s:b}", "reloaded", 1);
    if (answer)
        (void)json_object_set(answer, "findings", findings);
    json_decref(findings);
    answer_json(out, err == ERR_BADCONF ? 422 : err ? 500 : 200, answer);
}

/* ---------------------------------------------------------------- drain */

static void post_drain(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    if (a->hooks.drain(a->hooks.arg))
        answer_fail(out, 503, "no-memory", "not all of it could be asked for");
    else
        answer_json(out, 202, json_pack("{s:b}", "draining", 1));
}

/* ---------------------------------------------------------------- alarms */

static void get_alarms(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    answer_json(out, 200, alarmview_json(a->hooks.alarms, a->hooks.board));
}

/* ---------------------------------------------------------------- fixed lines */

static void get_lines(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    answer_json(out, 200, lineview_json(a->hooks.board));
}

static void get_cluster(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    answer_json(out, 200, clusterview_json(a->hooks.cluster));
}

/* ---------------------------------------------------------------- upstreams */

static void get_upstreams(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    answer_json(out, 200, upview_json(a->hooks.shields));
}

/* False: it is not /api/v1/upstreams/NAME and that ending. */
static bool is_upstream_path(struct str path, struct str ending, struct str *name)
{
    const struct str before = STR("/api/v1/upstreams/");
    if (path.n <= before.n + ending.n || !str_has_prefix(path, before) ||
        !str_eq(str_skip(path, path.n - ending.n), ending))
        return false;
    *name = (struct str){path.p + before.n, path.n - before.n - ending.n};
    return true;
}

static void answer_order(int err, const char *what, struct str name, struct answer *out)
{
    if (err == ERR_ABSENT) {
        answer_fail(out, 404, "no-upstream", "there is no upstream of this name");
    } else if (err == ERR_BADCONF) {
        answer_fail(out, 409, "not-probed",
                    "without probe-interval there are no outages, and none can be made");
    } else if (err) {
        answer_fail(out, 503, "no-memory", "not all of it could be asked for");
    } else {
        log_info("admin: %s of upstream \"%.*s\"", what, STR_FMT(name));
        answer_json(out, 202, json_pack("{s:o*}", "upstream", json_stringn(name.p, name.n)));
    }
}

static void post_resync(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct str name = STR_NONE;
    (void)is_upstream_path(q->path, STR("/resync"), &name);
    answer_order(a->hooks.resync(name, a->hooks.arg), "resync", name, out);
}

static void post_upstream_drain(const struct api *a, const struct api_request *q,
                                struct answer *out)
{
    struct str name = STR_NONE;
    (void)is_upstream_path(q->path, STR("/drain"), &name);
    answer_order(a->hooks.hold(name, true, a->hooks.arg), "drain", name, out);
}

static void post_upstream_resume(const struct api *a, const struct api_request *q,
                                 struct answer *out)
{
    struct str name = STR_NONE;
    (void)is_upstream_path(q->path, STR("/resume"), &name);
    answer_order(a->hooks.hold(name, false, a->hooks.arg), "return", name, out);
}

/* ---------------------------------------------------------------- bans */

static void get_bans(const struct api *a, const struct api_request *q, struct answer *out)
{
    (void)q;
    banview_list(a->hooks.sources, out);
}

static void post_bans(const struct api *a, const struct api_request *q, struct answer *out)
{
    banview_add(a->hooks.sources, q->body, out);
}

static void delete_bans(const struct api *a, const struct api_request *q, struct answer *out)
{
    banview_remove(a->hooks.sources, q->body, out);
}

/* ---------------------------------------------------------------- addresses of record */

enum { AOR_ARENA = 64 * 1024 };

static const struct str aor_path = {"/api/v1/aors/", 13}, why_path = {"/api/v1/why/", 12};

static void set_found(struct answer *out, json_t *json, const struct fault *f)
{
    if (json || !f->status)
        answer_json(out, 200, json);
    else
        answer_fail(out, f->status, f->code, f->message);
}

static void get_aors(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct fault f = {0};
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    set_found(out, aors_list(&(struct aors){a->hooks.store, conf}, q->query, &f), &f);
    conf_unref(conf);
}

static json_t *decisions_json(const struct api *a, struct str aor)
{
    const struct whyview v = {a->hooks.workers(a->hooks.arg), a->hooks.trail, a->hooks.arg};
    return whyview_json(&v, aor);
}

static void get_aor(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct fault f = {0};
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    json_t *json =
        aors_one(&(struct aors){a->hooks.store, conf}, str_skip(q->path, aor_path.n), &f);
    const char *aor = json_string_value(json_object_get(json, "aor"));
    if (aor)
        (void)json_object_set_new(json, "decisions", decisions_json(a, str_of(aor)));
    set_found(out, json, &f);
    conf_unref(conf);
}

static void remove_aor(const struct api *a, struct str aor, struct answer *out)
{
    struct removal r;
    int err = a->hooks.remove(aor, &r, a->hooks.arg);
    if (err == ERR_ABSENT) {
        answer_fail(out, 404, "no-aor", "nothing is known of this address of record");
    } else if (err == ERR_AGAIN) {
        answer_fail(out, 503, "late", "it is not done yet, but may still be");
    } else if (err) {
        answer_fail(out, 503, "store-failed", "nothing was removed: the store cannot take it now");
    } else {
        log_info("admin: %.*s is removed, with %u devices", STR_FMT(LOG_NAME_OF(aor)),
                 r.n_bindings);
        answer_json(out, 200,
                    json_pack("{s:o*,s:i,s:s}", "aor", jsontext_of(aor), "bindings",
                              (int)r.n_bindings, "upstream", removal_word(r.upstream)));
    }
}

/* What fn answers of the AoR that a text means. */
static void serve_found(const struct api *a, struct str text, struct answer *out,
                        void (*fn)(const struct api *a, struct str aor, struct answer *out))
{
    struct fault f = {0};
    struct arena arena;
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    arena_init(&arena, AOR_ARENA);
    struct str aor = aors_find(&(struct aors){a->hooks.store, conf}, &arena, text, &f);
    if (str_is_none(aor))
        answer_fail(out, f.status, f.code, f.message);
    else
        fn(a, aor, out);
    arena_fini(&arena);
    conf_unref(conf);
}

static void delete_aor(const struct api *a, const struct api_request *q, struct answer *out)
{
    serve_found(a, str_skip(q->path, aor_path.n), out, remove_aor);
}

static void explain(const struct api *a, struct str aor, struct answer *out)
{
    answer_json(
        out, 200,
        json_pack("{s:o*,s:o*}", "aor", jsontext_of(aor), "decisions", decisions_json(a, aor)));
}

static void get_why(const struct api *a, const struct api_request *q, struct answer *out)
{
    serve_found(a, str_skip(q->path, why_path.n), out, explain);
}

static void get_savings(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    (void)q;
    const struct savingsview v = savings_of(a, conf);
    answer_json(out, 200, savingsview_json(&v));
    conf_unref(conf);
}

/* ---------------------------------------------------------------- for the dashboard */

void api_history_from(const struct api *a, struct history_from *out)
{
    *out = (struct history_from){savings_of(a, NULL), headcount_of(a), a->hooks.shields};
}

static void get_history(const struct api *a, const struct api_request *q, struct answer *out)
{
    static const char *const names[] = {"since"};
    struct history_from from;
    uint32_t since_s = 0;
    if (!query_is_of(q->query, names, 1) ||
        !query_u32(q->query, STR("since"), 0, UINT32_MAX, &since_s)) {
        answer_fail(out, 400, "bad-request", "expected since, seconds after 1970, or nothing");
        return;
    }
    api_history_from(a, &from);
    answer_json(out, 200, history_json(a->history, &from, since_s));
}

static void get_domains(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    (void)q;
    answer_json(out, 200, domainview_json(headcount_of(a), conf));
    conf_unref(conf);
}

static void get_sources(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct conf *conf = a->hooks.conf(a->hooks.arg);
    (void)q;
    const struct sourceview v = {conf, a->hooks.workers(a->hooks.arg), a->hooks.noise,
                                 a->hooks.arg};
    answer_json(out, 200, sourceview_json(&v));
    conf_unref(conf);
}

static void get_page(const struct api *a, const struct api_request *q, struct answer *out)
{
    struct page p = {0};
    (void)a;
    (void)page_find(q->path, &p);
    out->body = malloc(p.len + 1);
    if (out->body)
        memcpy(out->body, p.bytes, p.len);
    out->len = out->body ? p.len : 0;
    out->status = out->body ? 200 : 500;
    out->type = p.type;
    out->policy = p.policy;
}

/* ---------------------------------------------------------------- routes */

static const struct route {
    const char *path; /* of those of an upstream: the ending */
    const char *allow;
    const struct {
        const char *method;
        serve_fn *serve;
    } methods[METHODS_MAX];
} upstream_routes[] = {{"/resync", "POST", {{"POST", post_resync}}},
                       {"/drain", "POST", {{"POST", post_upstream_drain}}},
                       {"/resume", "POST", {{"POST", post_upstream_resume}}}},
  aor_route = {NULL, "GET, HEAD, DELETE", {{"GET", get_aor}, {"DELETE", delete_aor}}},
  why_route = {NULL, "GET, HEAD", {{"GET", get_why}}},
  page_route = {NULL, "GET, HEAD", {{"GET", get_page}}},
  routes[] = {
      {"/healthz", "GET, HEAD", {{"GET", get_healthz}}},
      {"/readyz", "GET, HEAD", {{"GET", get_readyz}}},
      {"/metrics", "GET, HEAD", {{"GET", get_metrics}}},
      {"/api/v1/status", "GET, HEAD", {{"GET", get_status}}},
      {"/api/v1/alarms", "GET, HEAD", {{"GET", get_alarms}}},
      {"/api/v1/aors", "GET, HEAD", {{"GET", get_aors}}},
      {"/api/v1/trace", "GET", {{NULL, NULL}}},  /* by http.c: one has no end, one is long, */
      {"/api/v1/export", "GET", {{NULL, NULL}}}, /* and with two it matters who asks */
      {"/api/v1/import", "POST", {{NULL, NULL}}},
      {"/api/v1/savings", "GET, HEAD", {{"GET", get_savings}}},
      {"/api/v1/history", "GET, HEAD", {{"GET", get_history}}},
      {"/api/v1/domains", "GET, HEAD", {{"GET", get_domains}}},
      {"/api/v1/sources", "GET, HEAD", {{"GET", get_sources}}},
      {"/api/v1/lines", "GET, HEAD", {{"GET", get_lines}}},
      {"/api/v1/upstreams", "GET, HEAD", {{"GET", get_upstreams}}},
      {"/api/v1/cluster", "GET, HEAD", {{"GET", get_cluster}}},
      {"/api/v1/log-level", "GET, HEAD, PUT", {{"GET", get_log_level}, {"PUT", put_log_level}}},
      {"/api/v1/reload", "POST", {{"POST", post_reload}}},
      {"/api/v1/drain", "POST", {{"POST", post_drain}}},
      {"/api/v1/bans",
       "GET, HEAD, POST, DELETE",
       {{"GET", get_bans}, {"POST", post_bans}, {"DELETE", delete_bans}}},
};

static const struct route *route_find(struct str path)
{
    for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
        if (str_eq(path, str_of(routes[i].path)))
            return &routes[i];
    struct str name;
    if (path.n > aor_path.n && str_has_prefix(path, aor_path))
        return &aor_route;
    if (path.n > why_path.n && str_has_prefix(path, why_path))
        return &why_route;
    if (page_find(path, NULL))
        return &page_route;
    for (size_t i = 0; i < sizeof upstream_routes / sizeof upstream_routes[0]; i++)
        if (is_upstream_path(path, str_of(upstream_routes[i].path), &name))
            return &upstream_routes[i];
    return NULL;
}

static serve_fn *method_find(const struct route *r, struct str method)
{
    if (str_eq(method, STR("HEAD"))) /* whoever sends the response leaves out the body */
        method = STR("GET");
    for (size_t i = 0; i < METHODS_MAX && r->methods[i].method; i++)
        if (str_eq(method, str_of(r->methods[i].method)))
            return r->methods[i].serve;
    return NULL;
}

void api_init(struct api *a, const struct api_hooks *hooks)
{
    *a =
        (struct api){.hooks = *hooks, .started_ms = sys_now_ms(), .started_wall_ms = sys_wall_ms()};
}

void api_serve(const struct api *a, const struct api_request *q, struct answer *out)
{
    *out = (struct answer){0};
    const struct route *r = route_find(q->path);
    serve_fn *serve = r ? method_find(r, q->method) : NULL;
    if (serve) {
        serve(a, q, out);
    } else if (r) {
        answer_fail(out, 405, "method-not-allowed", "this path has other methods: see Allow");
        out->allow = r->allow;
    } else {
        answer_fail(out, 404, "not-found", "no such path");
    }
}
