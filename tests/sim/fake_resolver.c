#include "net/resolver.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/stats.h"
#include "fake.h"
#include "net/loop.h"

enum { ZONE_MAX = 64, HOST_NOTHING_S = 60 };

/* What is known of a name and type. */
struct entry {
    struct dns_question question;
    struct dns_answer answer;
};

static struct entry zone[ZONE_MAX];
static size_t n_zone;
static bool is_mute;

struct resolver {
    struct loop *loop;
    struct list waiting;
};

struct wait {
    struct list node;
    struct resolver *resolver;
    struct wheel_timer timer;
    struct dns_question question;
    bool is_lost;
    resolver_fn *fn;
    void *arg;
};

/* ---------------------------------------------------------------- the zone */

void fake_resolver_start(void)
{
    n_zone = 0;
    is_mute = false;
}

void fake_resolver_be_silent(bool is_silent)
{
    is_mute = is_silent;
}

void fake_resolver_forget(struct str name)
{
    size_t n = 0;
    for (size_t i = 0; i < n_zone; i++)
        if (!str_ieq(str_of(zone[i].question.name), name))
            zone[n++] = zone[i];
    n_zone = n;
}

static bool is_of(const struct dns_question *a, const struct dns_question *b)
{
    return a->type == b->type && str_ieq(str_of(a->name), str_of(b->name));
}

void fake_resolver_set(const struct dns_question *q, const struct dns_answer *a)
{
    size_t i = 0;
    while (i < n_zone && !is_of(&zone[i].question, q))
        i++;
    BUG_ON(i == ZONE_MAX);
    zone[i] = (struct entry){*q, *a};
    n_zone += i == n_zone;
}

static void look_up(const struct dns_question *q, struct dns_answer *out)
{
    *out = (struct dns_answer){.result = DNS_NO_NAME, .ttl_s = HOST_NOTHING_S};
    for (size_t i = 0; i < n_zone; i++) {
        if (str_ieq(str_of(zone[i].question.name), str_of(q->name)))
            out->result = DNS_NO_DATA;
        if (is_of(&zone[i].question, q)) {
            *out = zone[i].answer;
            return;
        }
    }
}

/* ---------------------------------------------------------------- as net/resolver.h has it */

int resolver_new(struct loop *l, const struct addr *servers, size_t n, struct resolver **out)
{
    struct resolver *r = calloc(1, sizeof *r);
    BUG_ON(!r);
    (void)servers;
    (void)n;
    r->loop = l;
    list_init(&r->waiting);
    *out = r;
    return 0;
}

static void free_wait(struct wait *w)
{
    loop_timer_stop(w->resolver->loop, &w->timer);
    list_del(&w->node);
    free(w);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    while (!list_is_empty(&r->waiting))
        free_wait(container_of(r->waiting.next, struct wait, node));
    free(r);
}

static void on_timer(void *arg)
{
    static const enum stats_id counts[DNS_RESULTS] = {
        [DNS_FOUND] = STAT_DNS_FOUND,
        [DNS_NO_DATA] = STAT_DNS_NO_DATA,
        [DNS_NO_NAME] = STAT_DNS_NO_NAME,
        [DNS_FAILED] = STAT_DNS_FAILED,
    };
    struct wait *w = arg;
    struct dns_answer answer = {.result = DNS_FAILED};
    resolver_fn *fn = w->fn;
    void *fn_arg = w->arg;
    if (!w->is_lost)
        look_up(&w->question, &answer);
    stats_inc(counts[answer.result]);
    free_wait(w);
    fn(&answer, fn_arg);
}

int resolver_ask(struct resolver *r, const struct dns_question *q, resolver_fn *fn, void *arg)
{
    struct wait *w = calloc(1, sizeof *w);
    BUG_ON(!w);
    *w = (struct wait){.resolver = r, .question = *q, .is_lost = is_mute, .fn = fn, .arg = arg};
    list_add(&r->waiting, &w->node);
    wheel_timer_init(&w->timer, on_timer, w);
    loop_timer_start(r->loop, &w->timer, is_mute ? FAKE_RESOLVER_SILENT_MS : FAKE_RESOLVER_MS);
    return 0;
}
