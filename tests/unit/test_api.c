#include "unit.h"

#include <jansson.h>
#include <stdlib.h>

#include "admin/api.h"
#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/alarm.h"
#include "service/board.h"
#include "service/shield.h"
#include "service/source.h"

static bool ready;
static int reload_result;

static bool is_ready(const char **why, void *arg)
{
    (void)arg;
    *why = "draining";
    return ready;
}

static unsigned workers(void *arg)
{
    (void)arg;
    return 3;
}

static int reload(conf_say_fn *say, void *say_arg, void *arg)
{
    (void)arg;
    say(false, "t.conf:1: workers: a restart", say_arg);
    say(true, "t.conf:2: \xff is not right", say_arg);
    return reload_result;
}

static char resynced[64];
static int resync_result;

static int resync(struct str upstream, void *arg)
{
    (void)arg;
    (void)snprintf(resynced, sizeof resynced, "%.*s", STR_FMT(upstream));
    return resync_result;
}

static char held[64];

static int hold(struct str upstream, bool is_held, void *arg)
{
    (void)arg;
    (void)snprintf(held, sizeof held, "%s %.*s", is_held ? "hold" : "release", STR_FMT(upstream));
    return resync_result;
}

static int drain_result;
static unsigned n_drains;

static int drain(void *arg)
{
    (void)arg;
    n_drains++;
    return drain_result;
}

static struct api api;
static struct source_table *sources;
static struct alarms *alarms;
static struct board *board;
static struct shield_table *shields;
static struct conf_upstream upstreams[] = {{.name = "carrier", .pace = {200, 400}},
                                           {.name = "\xff\"", .pace = {1, 1}}};
static struct conf shielded = {.upstreams = upstreams, .n_upstreams = 2};

static int set_up(void **state)
{
    (void)state;
    api_init(&api, &(struct api_hooks){.is_ready = is_ready,
                                       .workers = workers,
                                       .reload = reload,
                                       .resync = resync,
                                       .hold = hold,
                                       .sources = sources,
                                       .alarms = alarms,
                                       .board = board,
                                       .shields = shields,
                                       .drain = drain});
    ready = true;
    reload_result = 0;
    return 0;
}

static struct answer ask(const char *method, const char *path, const char *body)
{
    struct api_request q = {str_of(method), str_of(path), str_of(body), NULL};
    struct answer r;
    api_serve(&api, &q, &r);
    assert_non_null(r.body);
    return r;
}

static void assert_text(const char *method, const char *path, unsigned status, const char *body)
{
    struct answer r = ask(method, path, NULL);
    assert_int_equal(r.status, status);
    struct str text = {r.body, r.len};
    if (!str_eq(text, str_of(body)))
        fail_msg("%s: %.*s", path, STR_FMT(text));
    free(r.body);
}

static json_t *ask_json(const char *method, const char *path, const char *body, unsigned status)
{
    struct answer r = ask(method, path, body);
    assert_int_equal(r.status, status);
    assert_string_equal(r.type, "application/json");
    json_t *json = json_loadb(r.body, r.len, 0, NULL);
    assert_non_null(json);
    free(r.body);
    return json;
}

static const char *error_code(json_t *json)
{
    json_t *error = json_object_get(json, "error");
    assert_true(json_is_string(json_object_get(error, "message")));
    return json_string_value(json_object_get(error, "code"));
}

static void assert_error(const char *method, const char *path, unsigned status, const char *code)
{
    json_t *json = ask_json(method, path, NULL, status);
    assert_string_equal(error_code(json), code);
    json_decref(json);
}

static void health_and_readiness_differ(void **state)
{
    (void)state;
    assert_text("GET", "/healthz", 200, "ok\n");
    assert_text("HEAD", "/healthz", 200, "ok\n");
    assert_text("GET", "/readyz", 200, "ok\n");
    ready = false;
    assert_text("GET", "/healthz", 200, "ok\n");
    assert_text("GET", "/readyz", 503,
                "{\"error\":{\"code\":\"not-ready\",\"message\":\"draining\"}}");
}

/* Our own files only, nothing inline and nothing by way of eval. */
static void the_dashboard_is_a_page_with_a_policy(void **state)
{
    (void)state;
    static const struct {
        const char *path, *type, *holds;
    } files[] = {{"/", "text/html; charset=utf-8", "/dashboard.js"},
                 {"/dashboard.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
                 {"/dashboard.js", "text/javascript; charset=utf-8", "uPlot"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct answer r = ask("GET", files[i].path, NULL);
        char *text = calloc(1, r.len + 1); /* strndup looks a byte too far */
        memcpy(text, r.body, r.len);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.type, files[i].type);
        assert_non_null(
            strstr(r.policy, "default-src 'none'; script-src 'self'; style-src 'self';"));
        assert_null(strstr(r.policy, "unsafe"));
        assert_non_null(strstr(text, files[i].holds));
        assert_null(strstr(text, "<script>"));
        assert_null(strstr(text, "innerHTML = "));
        free(text);
        free(r.body);
    }
    struct answer r = ask("GET", "/healthz", NULL);
    assert_null(r.policy);
    free(r.body);
}

static void the_history_is_of_now_at_least(void **state)
{
    (void)state;
    static struct query query = {.n = 1};
    json_t *json = ask_json("GET", "/api/v1/history", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "samples")), 1);
    assert_int_equal(json_integer_value(json_object_get(json, "step")), 10);
    json_decref(json);
    static const char *const bad[] = {"x", "-1", "4294967296", ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        query.params[0] = (struct query_param){STR("since"), str_of(bad[i])};
        struct answer r;
        api_serve(&api, &(struct api_request){STR("GET"), STR("/api/v1/history"), STR(""), &query},
                  &r);
        assert_int_equal(r.status, 400);
        free(r.body);
    }
}

static void unknown_paths_and_methods_are_told_apart(void **state)
{
    (void)state;
    assert_error("POST", "/", 405, "method-not-allowed");
    assert_error("GET", "/dashboard.html", 404, "not-found");
    assert_error("POST", "/healthz/", 404, "not-found");
    assert_error("POST", "/metrics", 405, "method-not-allowed");
    assert_error("DELETE", "/api/v1/aors", 405, "method-not-allowed");
    assert_error("GET", "/api/v1/aors/", 404, "not-found");
    assert_error("POST", "/api/v1/aors/x@example.com", 405, "method-not-allowed");
    assert_error("DELETE", "/api/v1/why/x@example.com", 405, "method-not-allowed");
    assert_error("GET", "/api/v1/why", 404, "not-found");
    assert_error("POST", "/api/v1/savings", 405, "method-not-allowed");
    struct answer r = ask("DELETE", "/api/v1/log-level", NULL);
    assert_int_equal(r.status, 405);
    assert_string_equal(r.allow, "GET, HEAD, PUT");
    free(r.body);
    r = ask("GET", "/api/v1/reload", NULL);
    assert_int_equal(r.status, 405);
    assert_string_equal(r.allow, "POST");
    free(r.body);
}

static void metrics_have_their_content_type(void **state)
{
    (void)state;
    struct answer r = ask("GET", "/metrics", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(memmem(r.body, r.len, "\nbreakwater_workers 3\n", 22));
    free(r.body);
}

static void the_status_has_totals(void **state)
{
    (void)state;
    stats_add(STAT_UDP_IN, 7);
    stats_add(STAT_SEND_FAILED, 2);
    stats_add_time(STAT_CALL_SETUP, 1500);
    ready = false;
    json_t *json = ask_json("GET", "/api/v1/status", NULL, 200);
    json_t *totals = json_object_get(json, "totals");
    assert_true(json_is_string(json_object_get(json, "version")));
    assert_true(json_is_integer(json_object_get(json, "uptime_seconds")));
    assert_true(json_integer_value(json_object_get(json, "started")) > 1700000000);
    assert_int_equal(json_integer_value(json_object_get(json, "workers")), 3);
    assert_true(json_is_false(json_object_get(json, "ready")));
    assert_string_equal(json_string_value(json_object_get(json, "not_ready_reason")), "draining");
    json_t *received = json_object_get(totals, "packets_received_total");
    assert_int_equal(json_integer_value(json_object_get(received, "udp")), 7);
    assert_int_equal(json_integer_value(json_object_get(totals, "send_failures_total")), 2);
    json_t *setup = json_object_get(totals, "call_setup_seconds");
    assert_int_equal(json_integer_value(json_object_get(setup, "1")), 0);
    assert_int_equal(json_integer_value(json_object_get(setup, "+Inf")), 1);
    assert_int_equal(json_integer_value(json_object_get(setup, "count")), 1);
    assert_true(json_real_value(json_object_get(setup, "sum")) == 1.5);
    json_decref(json);
}

static void the_log_level_can_be_changed(void **state)
{
    (void)state;
    log_set_level(LEVEL_ERROR);
    json_t *json = ask_json("GET", "/api/v1/log-level", NULL, 200);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "error");
    json_decref(json);
    json = ask_json("PUT", "/api/v1/log-level", "{\"level\": \"warning\"}", 200);
    assert_string_equal(json_string_value(json_object_get(json, "level")), "warning");
    json_decref(json);
    assert_int_equal(log_level(), LEVEL_WARN);
    static const char *const bad[] = {"",
                                      "warning",
                                      "{}",
                                      "{\"level\":\"loud\"}",
                                      "{\"level\":1}",
                                      "[\"warning\"]",
                                      "{\"level\":\"info\"} x",
                                      "\xff"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json = ask_json("PUT", "/api/v1/log-level", bad[i], 400);
        assert_string_equal(error_code(json), "bad-request");
        json_decref(json);
    }
    assert_int_equal(log_level(), LEVEL_WARN);
}

static void a_reload_answers_with_its_findings(void **state)
{
    (void)state;
    json_t *json = ask_json("POST", "/api/v1/reload", NULL, 200);
    assert_true(json_is_true(json_object_get(json, "reloaded")));
    json_t *findings = json_object_get(json, "findings");
    assert_int_equal(json_array_size(findings), 2);
    json_t *first = json_array_get(findings, 0), *second = json_array_get(findings, 1);
    assert_string_equal(json_string_value(json_object_get(first, "severity")), "warning");
    assert_string_equal(json_string_value(json_object_get(second, "severity")), "error");
    assert_string_equal(json_string_value(json_object_get(second, "text")),
                        "t.conf:2: ? is not right");
    json_decref(json);
    reload_result = ERR_BADCONF;
    json = ask_json("POST", "/api/v1/reload", NULL, 422);
    assert_string_equal(error_code(json), "bad-configuration");
    assert_int_equal(json_array_size(json_object_get(json, "findings")), 2);
    json_decref(json);
    reload_result = ERR_NOMEM;
    json = ask_json("POST", "/api/v1/reload", NULL, 500);
    assert_string_equal(error_code(json), "reload-failed");
    json_decref(json);
}

static void assert_bans(const char *want)
{
    json_t *json = ask_json("GET", "/api/v1/bans", NULL, 200);
    char *text = json_dumps(json_object_get(json, "bans"), JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(text, want);
    free(text);
    json_decref(json);
}

static void bans_are_made_and_lifted(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{}",
                                      "{\"address\":7}",
                                      "{\"address\":\"example.com\"}",
                                      "{\"address\":\"192.0.2.66\",\"seconds\":0}",
                                      "{\"address\":\"192.0.2.66\",\"seconds\":\"1\"}",
                                      "{\"address\":\"192.0.2.66\",\"seconds\":99999999}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *json = ask_json("POST", "/api/v1/bans", bad[i], 400);
        assert_string_equal(error_code(json), "bad-request");
        json_decref(json);
    }
    assert_bans("[]");
    json_decref(ask_json("POST", "/api/v1/bans", "{\"address\":\"192.0.2.66\"}", 200));
    assert_bans("[{\"address\":\"192.0.2.66\",\"seconds_left\":600}]");
    json_decref(ask_json("DELETE", "/api/v1/bans", "{\"address\":\"192.0.2.66\"}", 200));
    assert_bans("[]");
    json_decref(ask_json("DELETE", "/api/v1/bans", "{\"address\":\"192.0.2.66\"}", 404));
    json_decref(
        ask_json("POST", "/api/v1/bans", "{\"address\":\"2001:db8:1:2::7\",\"seconds\":5}", 200));
    assert_bans("[{\"address\":\"2001:db8:1:2::/64\",\"seconds_left\":5}]");
    json_decref(ask_json("DELETE", "/api/v1/bans", "{\"address\":\"2001:db8:1:2::8\"}", 200));
}

static void what_is_wrong_is_listed(void **state)
{
    (void)state;
    uint64_t now_s = sys_service_s();
    (void)alarm_raise(alarms, ALARM_UNCHALLENGED, "carrier", now_s - 5);
    (void)alarm_raise(alarms, ALARM_UNCHALLENGED, "carrier", now_s);
    (void)alarm_raise(alarms, ALARM_CONTACT_MISSING, "\xff", now_s);
    json_t *json = ask_json("GET", "/api/v1/alarms", NULL, 200);
    json_t *list = json_object_get(json, "alarms");
    assert_int_equal(json_array_size(list), 2);
    json_t *first = json_array_get(list, 0);
    assert_string_equal(json_string_value(json_object_get(first, "code")), "upstream-unchallenged");
    assert_string_equal(json_string_value(json_object_get(first, "upstream")), "carrier");
    assert_int_equal(json_integer_value(json_object_get(first, "times_seen")), 2);
    assert_non_null(strstr(json_string_value(json_object_get(first, "message")), "Authorization"));
    json_int_t since = json_integer_value(json_object_get(first, "since"));
    assert_int_equal(json_integer_value(json_object_get(first, "last_seen")) - since, 5);
    assert_true(since > 1600000000);
    json_t *second = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(second, "upstream")), "?");
    json_decref(json);
    (void)alarm_disprove(alarms, ALARM_UNCHALLENGED, "carrier", now_s + 100);
    (void)alarm_disprove(alarms, ALARM_CONTACT_MISSING, "\xff", now_s + 100);
    json = ask_json("GET", "/api/v1/alarms", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "alarms")), 0);
    json_decref(json);
}

/* Of the line below: one nine seconds ago, one four. */
static void the_alarms_of_lines_are(void)
{
    static const char *const codes[] = {"line-unregistered", "line-unreachable"};
    json_t *json = ask_json("GET", "/api/v1/alarms", NULL, 200);
    json_t *list = json_object_get(json, "alarms");
    json_int_t since[2];
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        const json_t *alarm = json_array_get(list, i);
        assert_string_equal(json_string_value(json_object_get(alarm, "code")), codes[i]);
        assert_string_equal(json_string_value(json_object_get(alarm, "line")), "+31201234567");
        assert_string_equal(json_string_value(json_object_get(alarm, "domain")), "example.com");
        assert_true(json_is_string(json_object_get(alarm, "message")));
        since[i] = json_integer_value(json_object_get(alarm, "since"));
    }
    assert_int_equal(since[1] - since[0], 5);
    json_decref(json);
}

static void upstreams_are_listed(void **state)
{
    (void)state;
    shield_count(&upstreams[0], SHIELD_SENT, 7);
    shield_pause(&upstreams[0], 30, sys_now_ms());
    json_t *json = ask_json("GET", "/api/v1/upstreams", NULL, 200);
    json_t *list = json_object_get(json, "upstreams");
    json_t *one = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 2);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "carrier");
    assert_int_equal(json_integer_value(json_object_get(one, "register_rate")), 200);
    assert_true(json_real_value(json_object_get(one, "ceiling")) == 100); /* half, by the pause */
    assert_true(json_real_value(json_object_get(one, "tokens")) == 200);
    assert_in_range(json_integer_value(json_object_get(one, "pause_s")), 29, 30);
    assert_int_equal(json_integer_value(json_object_get(one, "sent")), 7);
    one = json_array_get(list, 1);
    assert_string_equal(json_string_value(json_object_get(one, "name")), "?");
    json_decref(json);
    struct answer r = ask("GET", "/metrics", NULL);
    char *text = strndup(r.body, r.len);
    assert_non_null(strstr(text,
                           "# TYPE breakwater_upstream_registers_sent_total counter\n"
                           "breakwater_upstream_registers_sent_total{upstream=\"carrier\"} 7\n"
                           "breakwater_upstream_registers_sent_total{upstream=\"\xff\\\"\"} "
                           "0\n"));
    assert_non_null(strstr(text, "upstream_register_ceiling{upstream=\"carrier\"} 100\n"));
    free(text);
    free(r.body);
}

static void fixed_lines_are_listed(void **state)
{
    (void)state;
    uint64_t now_s = sys_service_s();
    const struct conf_place places[] = {
        {.uri = STR("sip:pbx@192.0.2.10"), .addr = {.ip = {192, 0, 2, 10}, .family = 4}},
        {.uri = STR("sip:\xff@example.com"), .aor = STR("x@example.com")},
    };
    struct board_line line = {.name = STR("+31201234567"),
                              .domain = STR("example.com"),
                              .places = places,
                              .n_places = 2,
                              .state = BOARD_FAILING,
                              .since_s = now_s,
                              .dead_at_s = now_s + 3600,
                              .error = "refused-upstream",
                              .status = 403,
                              .next_at_s = now_s + 300,
                              .unregistered_s = now_s - 9};
    board_put(board, STR("+31201234567@example.com"), &line);
    line.name = STR("9");
    line.state = BOARD_REGISTERED;
    line.dead_at_s = line.next_at_s = line.n_places = 0;
    line.error = NULL;
    line.unregistered_s = 0;
    board_put(board, STR("9@example.com"), &line);
    (void)board_note_contact(board, &places[0].addr, false, now_s - 4);
    json_t *json = ask_json("GET", "/api/v1/lines", NULL, 200);
    json_t *list = json_object_get(json, "lines");
    assert_int_equal(json_array_size(list), 2);
    for (size_t i = 0; i < 2; i++) {
        json_t *since = json_object_get(json_array_get(list, i), "since");
        assert_true(json_integer_value(since) > 1600000000);
        assert_int_equal(json_object_del(json_array_get(list, i), "since"), 0);
    }
    char *text = json_dumps(list, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(
        text,
        "[{\"alarms\":[\"line-unregistered\",\"line-unreachable\"],\"domain\":\"example.com\","
        "\"expires_in\":3600,\"last_error\":{\"code\":\"refused-upstream\",\"status\":403},"
        "\"name\":\"+31201234567\",\"next_attempt_in\":300,\"state\":\"failing\",\"target\":["
        "{\"kind\":\"contact\",\"reach\":\"silent\",\"uri\":\"sip:pbx@192.0.2.10\"},"
        "{\"kind\":\"line\",\"reach\":null,\"uri\":\"?\"}]},"
        "{\"alarms\":[],\"domain\":\"example.com\",\"expires_in\":null,\"last_error\":null,"
        "\"name\":\"9\",\"next_attempt_in\":null,\"state\":\"registered\",\"target\":[]}]");
    free(text);
    json_decref(json);
    the_alarms_of_lines_are();
    api.hooks.board = NULL;
    json = ask_json("GET", "/api/v1/lines", NULL, 200);
    assert_int_equal(json_array_size(json_object_get(json, "lines")), 0);
    json_decref(json);
    board_del(board, STR("9@example.com"));
}

static void an_upstream_is_drained_and_resumed(void **state)
{
    static const struct {
        int result;
        unsigned status;
        const char *code;
    } rows[] = {{ERR_ABSENT, 404, "no-upstream"},
                {ERR_BADCONF, 409, "not-probed"},
                {ERR_NOMEM, 503, "no-memory"}};
    (void)state;
    resync_result = 0;
    json_t *json = ask_json("POST", "/api/v1/upstreams/carrier/drain", NULL, 202);
    assert_string_equal(held, "hold carrier");
    assert_string_equal(json_string_value(json_object_get(json, "upstream")), "carrier");
    json_decref(json);
    json_decref(ask_json("POST", "/api/v1/upstreams/carrier/resume", NULL, 202));
    assert_string_equal(held, "release carrier");
    json_decref(ask_json("GET", "/api/v1/upstreams/carrier/drain", NULL, 405));
    json_decref(ask_json("POST", "/api/v1/upstreams//drain", NULL, 404));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        resync_result = rows[i].result;
        json = ask_json("POST", "/api/v1/upstreams/x/drain", NULL, rows[i].status);
        assert_string_equal(error_code(json), rows[i].code);
        json_decref(json);
    }
    resync_result = 0;
}

static void a_resync_is_of_an_upstream(void **state)
{
    (void)state;
    resync_result = 0;
    json_t *json = ask_json("POST", "/api/v1/upstreams/a b/resync", NULL, 202);
    assert_string_equal(json_string_value(json_object_get(json, "upstream")), "a b");
    assert_string_equal(resynced, "a b");
    json_decref(json);
    assert_error("GET", "/api/v1/upstreams/a/resync", 405, "method-not-allowed");
    assert_error("POST", "/api/v1/upstreams//resync", 404, "not-found");
    assert_error("POST", "/api/v1/upstreams/resync", 404, "not-found");
    assert_error("POST", "/api/v1/upstreams/a/resyncs", 404, "not-found");
    assert_error("POST", "/api/v1/upstreams/a", 404, "not-found");
    resync_result = ERR_ABSENT;
    assert_error("POST", "/api/v1/upstreams/a/resync", 404, "no-upstream");
    resync_result = ERR_NOMEM;
    assert_error("POST", "/api/v1/upstreams/a/resync", 503, "no-memory");
    resync_result = 0;
}

static void a_drain_is_asked_for(void **state)
{
    (void)state;
    json_t *json = ask_json("POST", "/api/v1/drain", NULL, 202);
    assert_true(json_is_true(json_object_get(json, "draining")));
    json_decref(json);
    assert_int_equal(n_drains, 1);
    assert_error("GET", "/api/v1/drain", 405, "method-not-allowed");
    drain_result = ERR_NOMEM;
    assert_error("POST", "/api/v1/drain", 503, "no-memory");
    drain_result = 0;
}

static void serve_all(void *arg)
{
    (void)arg;
    static const char *const paths[] = {"/healthz",       "/readyz",        "/metrics",
                                        "/api/v1/status", "/api/v1/alarms", "/api/v1/lines"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct api_request q = {STR("GET"), str_of(paths[i]), STR_NONE, NULL};
        struct answer r;
        api_serve(&api, &q, &r);
        free(r.body);
    }
}

/* The JSON library is shared and has allocators of its own, which do not fail here. */
static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(serve_all, NULL) > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(health_and_readiness_differ, set_up),
        cmocka_unit_test_setup(the_dashboard_is_a_page_with_a_policy, set_up),
        cmocka_unit_test_setup(the_history_is_of_now_at_least, set_up),
        cmocka_unit_test_setup(unknown_paths_and_methods_are_told_apart, set_up),
        cmocka_unit_test_setup(metrics_have_their_content_type, set_up),
        cmocka_unit_test_setup(the_status_has_totals, set_up),
        cmocka_unit_test_setup(the_log_level_can_be_changed, set_up),
        cmocka_unit_test_setup(a_reload_answers_with_its_findings, set_up),
        cmocka_unit_test_setup(bans_are_made_and_lifted, set_up),
        cmocka_unit_test_setup(what_is_wrong_is_listed, set_up),
        cmocka_unit_test_setup(fixed_lines_are_listed, set_up),
        cmocka_unit_test_setup(upstreams_are_listed, set_up),
        cmocka_unit_test_setup(an_upstream_is_drained_and_resumed, set_up),
        cmocka_unit_test_setup(a_resync_is_of_an_upstream, set_up),
        cmocka_unit_test_setup(a_drain_is_asked_for, set_up),
        cmocka_unit_test_setup(every_failed_allocation_is_survived, set_up),
    };
    if (source_table_new(&sources) || alarm_new(&alarms) || board_new(&board) ||
        shield_table_new(&shields) || shield_table_link(shields, &shielded))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    source_table_free(sources);
    alarm_free(alarms);
    board_free(board);
    shield_table_free(shields);
    return failed;
}
