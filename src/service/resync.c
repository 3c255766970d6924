#include "service/resync.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "net/loop.h"
#include "service/lostdata.h"
#include "service/outage.h"
#include "service/pacer.h"
#include "service/renew.h"
#include "service/shield.h"
#include "store/store.h"

/* Between two steps; how many records one of them may read, and how many AoRs it may find. */
enum { STEP_MS = 20, LOOKS_MAX = 400, FINDS_MAX = 32, NAME_MAX_LEN = 255 };
enum { SCRATCH_KEEP = 128 * 1024 };

struct resync {
    struct context *context;
    struct wheel_timer timer;
    struct shield *walked; /* whose data this is about, while it is; NULL */
    bool is_counting;      /* how many there are, before the first is sent */
    size_t n_left;         /* counted and not sent yet */
    size_t n_done, at_len, upstream_len;
    char at[STORE_AOR_MAX]; /* the last one that was looked at */
    char upstream[NAME_MAX_LEN];
};

static struct str upstream_of(const struct resync *s)
{
    return (struct str){s->upstream, s->upstream_len};
}

static void note(struct resync *s, struct str aor)
{
    s->at_len = aor.n < sizeof s->at ? aor.n : sizeof s->at;
    memcpy(s->at, aor.p, s->at_len);
}

static const struct conf_upstream *find_upstream(const struct resync *s)
{
    const struct conf *conf = s->context->conf;
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (str_eq(str_of(conf->upstreams[i].name), upstream_of(s)))
            return &conf->upstreams[i];
    return NULL;
}

static void set_left(struct resync *s, size_t n)
{
    outage_add_left(s->walked, (int64_t)n - (int64_t)s->n_left);
    s->n_left = n;
}

static void count(struct resync *s)
{
    if (s->is_counting) {
        set_left(s, s->n_left + 1);
        return;
    }
    s->n_done++;
    if (s->n_left)
        set_left(s, s->n_left - 1);
}

/* What has been found waits for its turn by the pace; no more is looked for than can wait. False:
 * the walk is at its end. */
static bool step(struct resync *s, const struct conf_upstream *u)
{
    struct context *c = s->context;
    size_t n_found = 0;
    for (int i = 0; i < LOOKS_MAX && n_found < FINDS_MAX; i++) {
        struct str aor;
        if (!s->is_counting && (outage_is_down(u) || !pacer_has_room(c, u)))
            break;
        int err = store_next(c->reader, &c->scratch, (struct str){s->at, s->at_len}, &aor);
        if (err)
            return err != ERR_ABSENT; /* else it goes on from here later */
        note(s, aor);
        bool is_found =
            context_owner(c, aor) == c->worker &&
            renew_lost(c, (struct str){s->at, s->at_len}, upstream_of(s), !s->is_counting);
        arena_reset(&c->scratch, SCRATCH_KEEP); /* records may be large */
        if (!is_found)
            continue;
        count(s);
        n_found += !s->is_counting;
    }
    return true;
}

/* u NULL: it is gone from the configuration. */
static void end_resync(struct resync *s, const struct conf_upstream *u)
{
    if (!s->walked)
        return;
    set_left(s, 0);
    if (u && u->shield == s->walked)
        lostdata_on_walked(s->context, u);
    else
        atomic_fetch_sub(&s->walked->n_walking, 1);
    s->walked = NULL;
}

static void on_time(void *arg)
{
    struct resync *s = arg;
    const struct conf_upstream *u = find_upstream(s);
    bool is_more = u && step(s, u);
    if (u && !is_more && s->is_counting) {
        s->is_counting = false;
        s->at_len = 0;
        is_more = true;
    }
    if (is_more) {
        loop_timer_start(s->context->loop, &s->timer, STEP_MS);
        return;
    }
    log_info("resync of upstream \"%.*s\": %zu AoRs registered again", STR_FMT(upstream_of(s)),
             s->n_done);
    end_resync(s, u);
}

int resync_new(struct context *c, struct resync **out)
{
    struct resync *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->context = c;
    wheel_timer_init(&s->timer, on_time, s);
    *out = s;
    return 0;
}

void resync_free(struct resync *s)
{
    if (!s)
        return;
    loop_timer_stop(s->context->loop, &s->timer);
    end_resync(s, NULL);
    free(s);
}

void resync_start(struct resync *s, struct str upstream, uint64_t since_s, bool is_ordered)
{
    const struct context *c = s->context;
    end_resync(s, NULL);
    s->upstream_len = upstream.n < sizeof s->upstream ? upstream.n : sizeof s->upstream;
    memcpy(s->upstream, upstream.p, s->upstream_len);
    s->at_len = s->n_done = 0;
    const struct conf_upstream *u = find_upstream(s);
    if (!u || !u->shield)
        return;
    s->walked = u->shield;
    s->is_counting = true;
    lostdata_on_walk(u, since_s, is_ordered);
    loop_timer_start(c->loop, &s->timer, 0);
}
