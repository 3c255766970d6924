#include "service/recover.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "net/loop.h"
#include "service/keeper.h"
#include "service/outage.h"
#include "service/pacer.h"
#include "service/renew.h"
#include "service/shield.h"
#include "store/store.h"

/* How often a return is looked for; between two steps of a walk, how many records one of them may
 * read and how many AoRs it may find; between two counts. */
enum { LOOK_MS = 1000, STEP_MS = 20, LOOKS_MAX = 400, FINDS_MAX = 32, COUNT_MS = 1000 };

enum pass { PASS_COUNT, PASS_URGENT, PASS_ALL, PASSES };

struct walk {
    struct recover *all;
    const struct conf_upstream *upstream; /* of the snapshot */
    struct shield *shield;                /* outlives it */
    uint64_t round;                       /* of outage_round; 0: none yet */
    bool is_under_way;
    enum pass pass;
    size_t n_left, n_told; /* counted in this pass; what others were told last */
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
            look_at(w, aor, &n_found);
    }
    return true;
}

static void begin_pass(struct walk *w, enum pass pass)
{
    w->pass = pass;
    w->n_left = w->at_len = 0;
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
    if (w->n_left == 0) {
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
    *w = (struct walk){.all = r, .upstream = u, .shield = u->shield};
    for (size_t i = 0; i < before->n; i++)
        if (before->list[i].shield == u->shield) {
            w->round = before->list[i].round;
            w->is_under_way = before->list[i].is_under_way;
        }
    wheel_timer_init(&w->timer, on_time, w);
    loop_timer_start(r->context->loop, &w->timer, LOOK_MS);
}

/* A walk that was under way begins anew. */
void recover_sync(struct recover *r)
{
    const struct conf *conf = r->context->conf;
    const struct recover before = *r;
    r->n = 0;
    r->list = calloc(conf->n_upstreams + 1, sizeof *r->list);
    if (!r->list)
        log_error("upstreams: out of memory; after an outage only devices renew what is due");
    for (size_t i = 0; r->list && i < conf->n_upstreams; i++)
        if (conf->upstreams[i].shield && conf->upstreams[i].probe_interval_s)
            add(r, &before, &conf->upstreams[i]);
    stop(&before);
}
