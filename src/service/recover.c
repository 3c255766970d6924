#include "service/recover.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "net/loop.h"
#include "service/alarm.h"
#include "service/keeper.h"
#include "service/outage.h"
#include "service/pacer.h"
#include "service/renew.h"
#include "service/shield.h"
#include "store/store.h"

/* How often a return is looked for; between two steps of a walk, how many records one of them may
 * read and how many AoRs it may find; between two counts. */
enum { LOOK_MS = 1000, STEP_MS = 20, LOOKS_MAX = 400, FINDS_MAX = 32, COUNT_MS = 1000 };

/* Beside the longest interval of a device: how long it may take to register one more line. */
enum { STUCK_MS = 60000, SCRATCH_KEEP = 128 * 1024 };

enum pass { PASS_COUNT, PASS_URGENT, PASS_ALL, PASSES };

struct walk {
    struct recover *all;
    const struct conf_upstream *upstream; /* of the snapshot */
    struct shield *shield;                /* outlives it */
    uint64_t round;                       /* of outage_round; 0: none yet */
    bool is_under_way;
    enum pass pass;
    size_t n_left, n_told; /* counted in this pass; what others were told last */
    size_t least;          /* ever counted since the return, and when */
    uint64_t least_ms;
    size_t at_len;
    char at[STORE_AOR_MAX]; /* the last one that was looked at */
    struct wheel_timer timer;
};

struct recover {
    struct context *context;
    struct walk *list;
    size_t n;
};

int recover_new(struct context *c, struct recover **out)
{
    struct recover *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->context = c;
    *out = r;
    return 0;
}

static void tell_left(struct walk *w, size_t n)
{
    outage_add_left(w->shield, (int64_t)n - (int64_t)w->n_told);
    w->n_told = n;
}

static void stop(const struct recover *r)
{
    for (size_t i = 0; i < r->n; i++) {
        loop_timer_stop(r->context->loop, &r->list[i].timer);
        tell_left(&r->list[i], 0);
    }
    free(r->list);
}

void recover_free(struct recover *r)
{
    if (!r)
        return;
    stop(r);
    free(r);
}

/* ---------------------------------------------------------------- walking */

static void note(struct walk *w, struct str aor)
{
    w->at_len = aor.n < sizeof w->at ? aor.n : sizeof w->at;
    memcpy(w->at, aor.p, w->at_len);
}

static void look_at(struct walk *w, struct str aor, size_t *n_found)
{
    static const enum renew_which which[PASSES] = {RENEW_NONE, RENEW_URGENT, RENEW_ALL};
    const struct renew_overdue found =
        renew_overdue(w->all->context, aor, w->upstream, which[w->pass]);
    w->n_left += found.is_dropped;
    *n_found += found.is_sent;
}

/* What has been found waits for its turn by the pace; no more is looked for than can wait. False:
 * the pass is at its end. */
static bool step(struct walk *w)
{
    struct context *c = w->all->context;
    size_t n_found = 0;
    for (int i = 0; i < LOOKS_MAX && n_found < FINDS_MAX; i++) {
        struct str aor;
        if (w->pass != PASS_COUNT && !pacer_has_room(c, w->upstream))
            break;
        int err = store_next(c->reader, &c->scratch, (struct str){w->at, w->at_len}, &aor);
        if (err)
            return err != ERR_ABSENT; /* else it goes on from here later */
        note(w, aor);
        if (context_owner(c, aor) == c->worker)
            look_at(w, (struct str){w->at, w->at_len}, &n_found);
        arena_reset(&c->scratch, SCRATCH_KEEP); /* records may be large */
    }
    return true;
}

static void begin_pass(struct walk *w, enum pass pass)
{
    w->pass = pass;
    w->n_left = w->at_len = 0;
}

static uint64_t longest_ms(const struct walk *w)
{
    const struct conf *conf = w->all->context->conf;
    uint32_t s = 0;
    for (size_t i = 0; i < conf->n_domains; i++)
        if (conf->domains[i].upstream == w->upstream && conf->domains[i].absorb.max_expires_s > s)
            s = conf->domains[i].absorb.max_expires_s;
    return s * 1000ULL + STUCK_MS;
}

/* Each device has come by now, and upstream takes no more: what is left, it does not want. */
static bool is_stuck(struct walk *w)
{
    uint64_t now_ms = loop_now_ms(w->all->context->loop);
    if (w->n_left < w->least) {
        w->least = w->n_left;
        w->least_ms = now_ms;
    }
    if (!w->n_left || now_ms < w->least_ms + longest_ms(w))
        return false;
    log_warn("upstream \"%s\": %zu lines are not taken back; it counts as up", w->upstream->name,
             w->n_left);
    return true;
}

/* How long until the next step. */
static uint64_t end_pass(struct walk *w)
{
    enum pass over = w->pass;
    tell_left(w, w->n_left);
    if (over != PASS_COUNT) {
        begin_pass(w, over == PASS_URGENT ? PASS_ALL : PASS_COUNT);
        return over == PASS_URGENT ? STEP_MS : COUNT_MS;
    }
    if (is_stuck(w) || w->n_left == 0) {
        tell_left(w, 0);
        w->is_under_way = false;
        outage_on_recovered(w->all->context, w->upstream, w->round);
        return LOOK_MS;
    }
    begin_pass(w, PASS_URGENT);
    return STEP_MS;
}

static void begin(struct walk *w)
{
    struct context *c = w->all->context;
    w->round = outage_round(w->upstream);
    w->is_under_way = true;
    w->least = SIZE_MAX;
    w->least_ms = loop_now_ms(c->loop);
    begin_pass(w, PASS_URGENT);
    keeper_retry(c->keeper, str_of(w->upstream->name));
}

static void on_time(void *arg)
{
    struct walk *w = arg;
    struct loop *loop = w->all->context->loop;
    bool is_back = outage_state(w->upstream) == HEALTH_RESYNC;
    uint64_t wait_ms = LOOK_MS;
    if (is_back && w->round != outage_round(w->upstream))
        begin(w);
    if (!is_back) {
        w->is_under_way = false;
        tell_left(w, 0);
    }
    if (w->is_under_way)
        wait_ms = step(w) ? STEP_MS : end_pass(w);
    loop_timer_start(loop, &w->timer, wait_ms);
}

/* ---------------------------------------------------------------- configuration */

static void add(struct recover *r, const struct recover *before, const struct conf_upstream *u)
{
    struct walk *w = &r->list[r->n++];
    *w = (struct walk){.shield = u->shield};
    for (size_t i = 0; i < before->n; i++)
        if (before->list[i].shield == u->shield) {
            loop_timer_stop(r->context->loop, &before->list[i].timer);
            *w = before->list[i];
            before->list[i].n_told = 0;
        }
    w->all = r;
    w->upstream = u;
    wheel_timer_init(&w->timer, on_time, w);
    loop_timer_start(r->context->loop, &w->timer, LOOK_MS);
}

/* A walk that was under way goes on. */
void recover_sync(struct recover *r)
{
    const struct conf *conf = r->context->conf;
    const struct recover before = *r;
    if (r->context->worker == 0)
        alarm_sync(r->context->alarms, conf);
    r->n = 0;
    r->list = calloc(conf->n_upstreams + 1, sizeof *r->list);
    if (!r->list)
        log_error("upstreams: out of memory; after an outage only devices renew what is due");
    for (size_t i = 0; r->list && i < conf->n_upstreams; i++)
        if (conf->upstreams[i].shield && conf->upstreams[i].probe_interval_s)
            add(r, &before, &conf->upstreams[i]);
    stop(&before);
}
