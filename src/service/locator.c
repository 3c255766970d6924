#include "service/locator.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/list.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/dnscache.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "service/alarm.h"
#include "service/egress.h"

struct locator {
    struct context *context;
    struct resolver *resolver; /* NULL: nothing has to be looked up, or there was no memory */
    struct addr *servers;      /* that it asks; none: the system's */
    size_t n_servers;
    struct dnscache *cache;
    struct list spots;
    struct dns_answer answer; /* at hand */
    locator_fn *fn;
    void *arg;
};

/* One server that is given by a name. */
struct spot {
    struct list node;
    struct locator *locator;
    struct wheel_timer timer; /* the next look */
    struct locate_want want;
    struct locate run;
    struct dns_question asked;
    bool is_asking; /* an answer will come */
    bool is_gone;   /* not configured any more: goes with the answer */
    bool is_kept;   /* configured still: of locator_sync */
    bool is_old;    /* the run rests on answers whose time is over */
    bool is_sure;   /* what was found rests on an answer to each question for services */
    unsigned n_failures;
    struct locate_target found[LOCATE_TARGETS_MAX]; /* and told */
    size_t n_found;
    char uri[];
};

/* ---------------------------------------------------------------- what a run has found */

static bool is_named_by(const struct conf_upstream *u, const char *uri)
{
    for (size_t i = 0; i < u->n_servers; i++)
        if (u->servers[i].is_named && str_eq(u->servers[i].uri, str_of(uri)))
            return true;
    return false;
}

static void note(const struct spot *s, bool is_well)
{
    const struct context *c = s->locator->context;
    for (size_t i = 0; i < c->conf->n_upstreams; i++) {
        const struct conf_upstream *u = &c->conf->upstreams[i];
        if (!is_named_by(u, s->uri))
            continue;
        if (is_well)
            (void)alarm_disprove(c->alarms, ALARM_UNRESOLVED, u->name, sys_service_s());
        else
            (void)alarm_raise(c->alarms, ALARM_UNRESOLVED, u->name, sys_service_s());
    }
}

static bool is_as_told(const struct spot *s)
{
    const struct locate *run = &s->run;
    return run->n_targets == s->n_found &&
           memcmp(run->targets, s->found, s->n_found * sizeof *s->found) == 0;
}

static void tell(struct spot *s)
{
    const struct locator *l = s->locator;
    const struct locate *run = &s->run;
    if (is_as_told(s) || l->fn(str_of(s->uri), run->targets, run->n_targets, l->arg))
        return;
    memcpy(s->found, run->targets, run->n_targets * sizeof *s->found);
    s->n_found = run->n_targets;
    stats_inc(STAT_DNS_LISTS_CHANGED);
    log_info("upstream server %s: found %zu, %s the first", s->uri, s->n_found,
             addr_text(&s->found[0].addr, (char[ADDR_TEXT]){0}));
}

static uint64_t pause_ms(struct spot *s, bool is_whole)
{
    const struct locate *run = &s->run;
    uint64_t most_s = LOCATOR_RETRY_S;
    for (unsigned i = 0; i < s->n_failures && most_s < LOCATOR_RETRY_MAX_S; i++)
        most_s *= 2;
    s->n_failures = is_whole ? 0 : s->n_failures + 1;
    if (is_whole && run->ttl_s != UINT32_MAX)
        return (uint64_t)run->ttl_s * 1000 - LOCATOR_AHEAD_MS;
    return (most_s < LOCATOR_RETRY_MAX_S ? most_s : LOCATOR_RETRY_MAX_S) * 1000;
}

/* Which servers there are could not be asked: what is found without that does not count against
 * what was found with it. */
static bool is_in_doubt(const struct spot *s)
{
    return s->run.has_nothing_of_srv && s->is_sure;
}

static void conclude(struct spot *s)
{
    const struct locate *run = &s->run;
    bool is_whole = run->n_targets && !run->has_failed && !s->is_old;
    bool is_good = run->n_targets && !is_in_doubt(s);
    if (is_good) {
        tell(s);
        s->is_sure = !run->has_nothing_of_srv && !run->want.is_naptr_given_up;
    }
    if (!run->n_targets || s->is_old)
        log_debug("upstream server %s: not found; %zu are known", s->uri, s->n_found);
    note(s, is_good && !s->is_old);
    loop_timer_start(s->locator->context->loop, &s->timer, pause_ms(s, is_whole));
}

/* ---------------------------------------------------------------- a run */

static void on_answer(const struct dns_answer *answer, void *arg);

static int ask(struct spot *s)
{
    const struct locator *l = s->locator;
    int err = l->resolver ? resolver_ask(l->resolver, &s->asked, on_answer, s) : ERR_NOMEM;
    s->is_asking = err == 0;
    return err;
}

/* As far as it goes with what is known. */
static void go_on(struct spot *s)
{
    struct locator *l = s->locator;
    uint64_t now_ms = loop_now_ms(l->context->loop);
    while (locate_next(&s->run, &s->asked)) {
        bool is_known =
            dnscache_find(l->cache, &s->asked, now_ms, now_ms + LOCATOR_AHEAD_MS, &l->answer);
        stats_add(STAT_DNS_HIT, is_known);
        if (!is_known && ask(s) == 0)
            return;
        if (!is_known)
            l->answer = (struct dns_answer){.result = DNS_FAILED};
        locate_answer(&s->run, &l->answer);
    }
    conclude(s);
}

static void free_spot(struct spot *s)
{
    loop_timer_stop(s->locator->context->loop, &s->timer);
    list_del(&s->node);
    free(s);
}

static void on_answer(const struct dns_answer *answer, void *arg)
{
    struct spot *s = arg;
    struct locator *l = s->locator;
    s->is_asking = false;
    if (s->is_gone) {
        free_spot(s);
        return;
    }
    l->answer = *answer;
    dnscache_put(l->cache, &s->asked, loop_now_ms(l->context->loop), &l->answer);
    if (answer->result == DNS_FAILED && dnscache_find_old(l->cache, &s->asked, &l->answer)) {
        s->is_old = true;
        stats_inc(STAT_DNS_OLD);
    }
    locate_answer(&s->run, &l->answer);
    go_on(s);
}

static void on_timer(void *arg)
{
    struct spot *s = arg;
    s->is_old = false;
    s->want.is_naptr_given_up = !s->is_sure && s->n_failures >= LOCATOR_NAPTR_FAILURES;
    locate_start(&s->run, &s->want);
    go_on(s);
}

static void begin(struct spot *s)
{
    s->is_asking = false;
    loop_timer_start(s->locator->context->loop, &s->timer, 0);
}

/* ---------------------------------------------------------------- what is configured */

static unsigned usable_ways(const struct context *c, const struct conf_upstream *u)
{
    static const enum flow_transport flows[LOCATE_TRANSPORTS] = {FLOW_UDP, FLOW_TCP, FLOW_TLS};
    unsigned ways = 0;
    for (unsigned t = 0; t < LOCATE_TRANSPORTS; t++)
        for (uint8_t family = 4; family <= 6; family += 2)
            if ((flows[t] != FLOW_TLS || u->tls) &&
                egress_has(c->egress, CONF_SIDE_CORE, flows[t], family))
                ways |= locate_way((enum locate_transport)t, family);
    return ways;
}

static struct locate_want want_of(const struct context *c, const struct conf_upstream *u,
                                  const struct conf_server *server)
{
    struct locate_want want = {.port = server->addr.port,
                               .is_secure = server->is_secure,
                               .has_transport = server->has_transport,
                               .usable = usable_ways(c, u)};
    struct buf host = buf_over(want.host, sizeof want.host - 1);
    want.transport = server->transport == FLOW_TLS   ? LOCATE_TLS
                     : server->transport == FLOW_TCP ? LOCATE_TCP
                                                     : LOCATE_UDP;
    buf_add(&host, str_of(server->host));
    return want;
}

static struct spot *find_spot(const struct locator *l, struct str uri)
{
    list_each (it, &l->spots) {
        struct spot *s = container_of(it, struct spot, node);
        if (!s->is_gone && str_eq(str_of(s->uri), uri))
            return s;
    }
    return NULL;
}

static void add_spot(struct locator *l, const struct locate_want *want, struct str uri)
{
    struct spot *s = calloc(1, sizeof *s + uri.n + 1);
    if (!s) {
        log_error("upstream server %.*s: no memory to look it up", STR_FMT(uri));
        return;
    }
    s->locator = l;
    s->want = *want;
    s->is_kept = true;
    memcpy(s->uri, uri.p, uri.n);
    wheel_timer_init(&s->timer, on_timer, s);
    list_add(&l->spots, &s->node);
    begin(s);
}

static void sync_server(struct locator *l, const struct conf_upstream *u,
                        const struct conf_server *server)
{
    const struct locate_want want = want_of(l->context, u, server);
    struct spot *s = find_spot(l, server->uri);
    if (!s) {
        add_spot(l, &want, server->uri);
    } else if (!s->is_kept) { /* of two upstreams with it the first */
        s->is_kept = true;
        s->want = want;
        if (!s->is_asking)
            begin(s);
    }
}

static void sync_spots(struct locator *l)
{
    const struct conf *conf = l->context->conf;
    list_each (it, &l->spots)
        container_of(it, struct spot, node)->is_kept = false;
    for (size_t i = 0; i < conf->n_upstreams; i++)
        for (size_t k = 0; k < conf->upstreams[i].n_servers; k++)
            if (conf->upstreams[i].servers[k].is_named)
                sync_server(l, &conf->upstreams[i], &conf->upstreams[i].servers[k]);
    struct list all;
    list_init(&all);
    list_splice(&all, &l->spots);
    for (struct list *it = list_pop(&all); it; it = list_pop(&all)) {
        struct spot *s = container_of(it, struct spot, node);
        s->is_gone = !s->is_kept;
        if (s->is_gone && !s->is_asking)
            free_spot(s);
        else
            list_add(&l->spots, &s->node);
    }
}

static bool asks_the_same(const struct locator *l, const struct conf *conf)
{
    return l->resolver && l->n_servers == conf->n_dns_servers &&
           (l->n_servers == 0 ||
            memcmp(l->servers, conf->dns_servers, l->n_servers * sizeof *l->servers) == 0);
}

/* Whose answers will not come any more. */
static void drop_questions(struct locator *l)
{
    struct list all;
    list_init(&all);
    list_splice(&all, &l->spots);
    for (struct list *it = list_pop(&all); it; it = list_pop(&all)) {
        struct spot *s = container_of(it, struct spot, node);
        if (s->is_gone) {
            free_spot(s);
            continue;
        }
        list_add(&l->spots, &s->node);
        if (s->is_asking)
            begin(s);
    }
}

static int change_resolver(struct locator *l, const struct conf *conf)
{
    size_t n = conf->n_dns_servers;
    struct addr *servers = n ? malloc(n * sizeof *servers) : NULL;
    struct resolver *resolver = NULL;
    int err = n && !servers ? ERR_NOMEM : 0;
    if (!err)
        err = resolver_new(l->context->loop, conf->dns_servers, n, &resolver);
    if (err) {
        free(servers);
        return err;
    }
    if (servers)
        memcpy(servers, conf->dns_servers, n * sizeof *servers);
    resolver_free(l->resolver);
    free(l->servers);
    l->resolver = resolver;
    l->servers = servers;
    l->n_servers = n;
    drop_questions(l);
    return 0;
}

void locator_sync(struct locator *l)
{
    const struct conf *conf = l->context->conf;
    sync_spots(l);
    if (list_is_empty(&l->spots) || asks_the_same(l, conf))
        return;
    if (change_resolver(l, conf))
        log_error("dns: no memory to ask the servers that are configured");
}

/* ---------------------------------------------------------------- life */

int locator_new(struct context *c, locator_fn *fn, void *arg, struct locator **out)
{
    struct locator *l = calloc(1, sizeof *l);
    if (!l)
        return ERR_NOMEM;
    l->context = c;
    l->fn = fn;
    l->arg = arg;
    list_init(&l->spots);
    if (dnscache_new(&l->cache)) {
        free(l);
        return ERR_NOMEM;
    }
    *out = l;
    return 0;
}

void locator_free(struct locator *l)
{
    if (!l)
        return;
    resolver_free(l->resolver);
    list_each_safe (it, &l->spots)
        free_spot(container_of(it, struct spot, node));
    dnscache_free(l->cache);
    free(l->servers);
    free(l);
}
