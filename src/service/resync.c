#include "service/resync.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/renew.h"
#include "store/store.h"

/* Between two AoRs, of all workers; and how many records one step may read to find the next. */
enum { PACE_MS = 20, LOOKS_MAX = 200, NAME_MAX_LEN = 255 };

struct resync {
    struct context *context;
    struct wheel_timer timer;
    uint64_t since_s;
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

/* False: the walk is at its end. */
static bool step(struct resync *s)
{
    struct context *c = s->context;
    for (int i = 0; i < LOOKS_MAX; i++) {
        struct str aor;
        if (store_next(c->reader, &c->scratch, (struct str){s->at, s->at_len}, &aor))
            return false;
        note(s, aor);
        if (context_owner(c, aor) != c->worker || !renew_lost(c, aor, upstream_of(s), s->since_s))
            continue;
        s->n_done++;
        return true;
    }
    return true;
}

static void on_time(void *arg)
{
    struct resync *s = arg;
    if (step(s))
        loop_timer_start(s->context->loop, &s->timer, (uint64_t)PACE_MS * s->context->n_workers);
    else
        log_info("resync of upstream \"%.*s\": %zu AoRs registered again", STR_FMT(upstream_of(s)),
                 s->n_done);
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
    free(s);
}

void resync_start(struct resync *s, struct str upstream)
{
    const struct context *c = s->context;
    s->upstream_len = upstream.n < sizeof s->upstream ? upstream.n : sizeof s->upstream;
    memcpy(s->upstream, upstream.p, s->upstream_len);
    s->since_s = sys_service_s();
    s->at_len = s->n_done = 0;
    loop_timer_start(c->loop, &s->timer, (uint64_t)PACE_MS * c->worker);
}
