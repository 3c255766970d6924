#include "service/resync.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/learned.h"
#include "service/pacer.h"
#include "service/renew.h"
#include "service/upstream.h"
#include "store/store.h"

/* Between two steps; how many records one of them may read, and how many AoRs it may find. */
enum { STEP_MS = 20, LOOKS_MAX = 400, FINDS_MAX = 32, NAME_MAX_LEN = 255 };

struct resync {
    struct context *context;
    struct wheel_timer timer;
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

/* What has been found waits for its turn by the pace; no more is looked for than can wait. False:
 * the walk is at its end. */
static bool step(struct resync *s, const struct conf_upstream *u)
{
    struct context *c = s->context;
    size_t n_found = 0;
    for (int i = 0; i < LOOKS_MAX && n_found < FINDS_MAX && pacer_has_room(c, u); i++) {
        struct str aor;
        int err = store_next(c->reader, &c->scratch, (struct str){s->at, s->at_len}, &aor);
        if (err)
            return err != ERR_ABSENT; /* else it goes on from here later */
        note(s, aor);
        if (context_owner(c, aor) != c->worker || !renew_lost(c, aor, upstream_of(s)))
            continue;
        s->n_done++;
        n_found++;
    }
    return true;
}

static void on_time(void *arg)
{
    struct resync *s = arg;
    const struct conf_upstream *u = find_upstream(s);
    if (u && step(s, u))
        loop_timer_start(s->context->loop, &s->timer, STEP_MS);
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
    s->at_len = s->n_done = 0;
    const struct conf_upstream *u = find_upstream(s);
    if (u && learned_lose(upstream_learned(c->upstream), u->name, sys_service_s()))
        loop_timer_start(c->loop, &s->timer, 0);
}
