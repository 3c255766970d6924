#include "ctl/top.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "ctl/ask.h"

enum { TURN_MS = 1000, DOMAINS_MAX = 20 };

struct counts {
    double in, absorbed, out;
};

struct top {
    struct counts total; /* as they were at_ms */
    uint64_t at_ms;      /* 0: nothing was asked yet */
    bool is_once;
};

/* ---------------------------------------------------------------- a frame */

static const char *text_of(const json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "-";
}

static double number_of(const json_t *json, const char *name)
{
    return json_number_value(json_object_get(json, name));
}

static struct counts counts_of(const json_t *line)
{
    return (struct counts){number_of(line, "in"), number_of(line, "absorbed"),
                           number_of(line, "out")};
}

/* The share is of what came in this turn, else of all. */
static void print_rates(struct top *t, const json_t *total)
{
    uint64_t now_ms = sys_now_ms();
    const struct counts now = counts_of(total), was = t->total;
    double s = t->at_ms ? (double)(now_ms - t->at_ms) / 1000 : 0;
    if (s > 0)
        (void)printf("REGISTER/s   in %.1f   absorbed %.1f   out %.1f\n", (now.in - was.in) / s,
                     (now.absorbed - was.absorbed) / s, (now.out - was.out) / s);
    (void)printf("REGISTERs    in %.0f   absorbed %.0f   out %.0f   share %.1f%%\n", now.in,
                 now.absorbed, now.out, now.in > 0 ? 100 * now.absorbed / now.in : 0);
    t->total = now;
    t->at_ms = now_ms;
}

static void print_domains(const json_t *domains)
{
    size_t n = json_array_size(domains);
    for (size_t i = 0; i < n && i < DOMAINS_MAX; i++) {
        const json_t *d = json_array_get(domains, i);
        const struct counts c = counts_of(d);
        (void)fputs("domain ", stdout);
        ask_print(stdout, text_of(d, "domain"));
        (void)printf("   in %.0f   absorbed %.0f   out %.0f\n", c.in, c.absorbed, c.out);
    }
    if (n > DOMAINS_MAX)
        (void)printf("and %zu domains more\n", n - DOMAINS_MAX);
}

static void print_upstreams(const json_t *upstreams)
{
    for (size_t i = 0; i < json_array_size(upstreams); i++) {
        const json_t *u = json_array_get(upstreams, i);
        (void)fputs("upstream ", stdout);
        ask_print(stdout, text_of(u, "name"));
        (void)fputs("   ", stdout);
        ask_print(stdout, text_of(u, "state"));
        (void)putchar('\n');
    }
}

static bool is_no_frame(const json_t *answer)
{
    (void)answer;
    return false;
}

/* The answer to a GET, to be freed; NULL: it was complained of. */
static json_t *get(const struct call *c, const char *path, int *status)
{
    struct ask_answer a;
    json_t *json = NULL;
    *status = ask(&(struct ask){"GET", path, NULL}, &a);
    if (!*status && a.status == 200 && json_is_object(a.json))
        json = json_incref(a.json);
    else if (!*status)
        *status = ask_show(c, &a, is_no_frame);
    ask_free(&a);
    return json;
}

static int print_frame(struct top *t, const struct call *c)
{
    int status;
    json_t *now = get(c, "/api/v1/status", &status);
    json_t *savings = now ? get(c, "/api/v1/savings", &status) : NULL;
    json_t *upstreams = savings ? get(c, "/api/v1/upstreams", &status) : NULL;
    if (upstreams) {
        if (!t->is_once)
            (void)fputs("\033[H\033[2J", stdout);
        (void)printf("breakwater ");
        ask_print(stdout, text_of(now, "version"));
        (void)printf("   up %.0f s   %.0f workers   %s\n", number_of(now, "uptime_seconds"),
                     number_of(now, "workers"),
                     json_is_true(json_object_get(now, "ready")) ? "ready" : "not ready");
        print_rates(t, json_object_get(savings, "total"));
        print_domains(json_object_get(savings, "domains"));
        print_upstreams(json_object_get(upstreams, "upstreams"));
    }
    json_decref(now);
    json_decref(savings);
    json_decref(upstreams);
    return ask_end(status);
}

int top_run(const struct call *c)
{
    struct top t = {.is_once = c->n == 1 && strcmp(c->words[0], "--once") == 0};
    if (c->is_json || (c->n && !t.is_once))
        return EXIT_USAGE;
    int status = print_frame(&t, c);
    while (!status && !t.is_once) {
        (void)poll(NULL, 0, TURN_MS);
        status = print_frame(&t, c);
    }
    return status;
}
