#include "ctl/operate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "ctl/ask.h"
#include "ctl/urltext.h"

/* ---------------------------------------------------------------- status */

static void print_number(const char *name, const char *label, const json_t *value)
{
    if (json_number_value(value) == 0)
        return;
    ask_print(stdout, name);
    if (label) {
        (void)fputc(' ', stdout);
        ask_print(stdout, label);
    }
    if (json_is_integer(value))
        (void)printf(": %lld\n", (long long)json_integer_value(value));
    else
        (void)printf(": %.3f\n", json_number_value(value));
}

/* What is 0 is left out. */
static void print_totals(json_t *totals)
{
    for (void *i = json_object_iter(totals); i; i = json_object_iter_next(totals, i)) {
        const char *name = json_object_iter_key(i);
        json_t *value = json_object_iter_value(i);
        if (!json_is_object(value))
            print_number(name, NULL, value);
        for (void *k = json_object_iter(value); k; k = json_object_iter_next(value, k))
            print_number(name, json_object_iter_key(k), json_object_iter_value(k));
    }
}

static bool show_status(const json_t *answer)
{
    const char *version = json_string_value(json_object_get(answer, "version"));
    const char *why = json_string_value(json_object_get(answer, "not_ready_reason"));
    const json_t *ready = json_object_get(answer, "ready");
    if (!version || !json_is_boolean(ready))
        return false;
    (void)printf("version: %s\nuptime: %llds\nworkers: %lld\nready: ", version,
                 (long long)json_integer_value(json_object_get(answer, "uptime_seconds")),
                 (long long)json_integer_value(json_object_get(answer, "workers")));
    ask_print(stdout, json_is_true(ready) ? "yes" : why ? why : "no");
    (void)puts("");
    print_totals(json_object_get(answer, "totals"));
    return true;
}

int operate_status(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"GET", "/api/v1/status", NULL}, show_status);
}

/* ---------------------------------------------------------------- reload */

static bool show_reload(const json_t *answer)
{
    if (!json_is_true(json_object_get(answer, "reloaded")))
        return false;
    ask_print_findings(stdout, answer);
    (void)puts("the configuration is reloaded");
    return true;
}

int operate_reload(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"POST", "/api/v1/reload", NULL}, show_reload);
}

/* ---------------------------------------------------------------- drain */

static bool show_drain(const json_t *answer)
{
    return json_is_true(json_object_get(answer, "draining")) &&
           puts("no new calls are taken; devices are told to come back soon") >= 0;
}

int operate_drain(const struct call *c)
{
    return ask_and_show(c, &(struct ask){"POST", "/api/v1/drain", NULL}, show_drain);
}

/* ---------------------------------------------------------------- log level */

static bool show_level(const json_t *answer)
{
    const char *level = json_string_value(json_object_get(answer, "level"));
    return level && puts(level) >= 0;
}

int operate_log_level(const struct call *c)
{
    struct ask q = {"GET", "/api/v1/log-level", NULL};
    json_t *wanted = c->n ? json_pack("{s:s}", "level", c->words[0]) : NULL;
    char *body = wanted ? json_dumps(wanted, JSON_COMPACT) : NULL;
    json_decref(wanted);
    if (c->n && !body)
        return EXIT_USAGE;
    q.method = c->n ? "PUT" : "GET";
    q.body = body;
    int status = ask_and_show(c, &q, show_level);
    free(body);
    return status;
}

/* ---------------------------------------------------------------- orders of an upstream */

static bool show_upstream(const char *before, const json_t *answer, const char *behind)
{
    const char *name = json_string_value(json_object_get(answer, "upstream"));
    if (!name)
        return false;
    (void)fputs(before, stdout);
    ask_print(stdout, name);
    (void)puts(behind);
    return true;
}

static bool show_resync(const json_t *answer)
{
    return show_upstream("what we can prove ourselves is registered again at upstream ", answer,
                         ", one after another");
}

static bool show_hold(const json_t *answer)
{
    return show_upstream("upstream ", answer,
                         " hears no REGISTERs any more; its devices are served as in an outage");
}

static bool show_release(const json_t *answer)
{
    return show_upstream("what became due meanwhile is registered at upstream ", answer,
                         ", at its pace");
}

static int order(const struct call *c, const char *ending, bool (*show)(const json_t *answer))
{
    char path[URLTEXT_MAX];
    struct buf b = buf_over(path, sizeof path - 1);
    buf_add(&b, STR("/api/v1/upstreams/"));
    urltext_add(&b, c->words[0]);
    buf_add(&b, str_of(ending));
    if (b.has_overflown)
        return EXIT_USAGE;
    path[b.len] = '\0';
    return ask_and_show(c, &(struct ask){"POST", path, NULL}, show);
}

int operate_resync(const struct call *c)
{
    return order(c, "/resync", show_resync);
}

int operate_hold(const struct call *c)
{
    return order(c, "/drain", show_hold);
}

int operate_release(const struct call *c)
{
    return order(c, "/resume", show_release);
}
