#include "net/tap.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "sip/nameaddr.h"
#include "sip/peek.h"
#include "sip/uri.h"

enum { LISTENERS_MAX = 256, AOR_MAX = 1024, TEXTS_MAX = 8192 };

struct tap_watch {
    struct tap *tap;
    struct tap_filter filter;
    struct str hosts[TAP_HOSTS_MAX];
    pthread_mutex_t lock; /* guards what follows */
    struct list items;
    size_t n, n_bytes;
    uint64_t n_missed;
    char texts[TEXTS_MAX]; /* of the filter */
};

struct tap_core {
    pthread_rwlock_t lock; /* guards the watchers' coming and going; writers are rare and quick */
    struct tap_watch *watchers[TAP_WATCHERS_MAX];
    struct addr locals[LISTENERS_MAX];
};

int tap_init(struct tap *t)
{
    *t = (struct tap){.core = calloc(1, sizeof *t->core)};
    if (!t->core)
        return ERR_NOMEM;
    pthread_rwlockattr_t attr; /* who comes or goes must not starve in a storm of readers */
    (void)pthread_rwlockattr_init(&attr);
    (void)pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    (void)pthread_rwlock_init(&t->core->lock, &attr);
    (void)pthread_rwlockattr_destroy(&attr);
    return 0;
}

void tap_fini(struct tap *t)
{
    if (!t->core)
        return;
    BUG_ON(atomic_load(&t->n_watchers));
    (void)pthread_rwlock_destroy(&t->core->lock);
    free(t->core);
    t->core = NULL;
}

void tap_set_listener(struct tap *t, uint8_t listener, const struct addr *local)
{
    if (t && t->core)
        t->core->locals[listener] = *local;
}

/* ---------------------------------------------------------------- watchers */

static struct str keep(struct tap_watch *w, struct buf *texts, struct str s)
{
    struct str kept = {w->texts + texts->len, s.n};
    buf_add(texts, s);
    return kept;
}

static int copy_filter(struct tap_watch *w, const struct tap_filter *f)
{
    struct buf texts = buf_over(w->texts, sizeof w->texts);
    w->filter = (struct tap_filter){.source = f->source, .hosts = w->hosts};
    if (!str_is_none(f->user))
        w->filter.user = keep(w, &texts, f->user);
    for (size_t i = 0; i < f->n_hosts && i < TAP_HOSTS_MAX; i++)
        w->hosts[w->filter.n_hosts++] = keep(w, &texts, f->hosts[i]);
    return texts.has_overflown || f->n_hosts > TAP_HOSTS_MAX ? ERR_FULL : 0;
}

/* The first place is the daemon's own. */
static int add(struct tap *t, struct tap_watch *w, bool is_own)
{
    int err = ERR_FULL;
    size_t from = is_own ? 0 : 1, to = is_own ? 1 : TAP_WATCHERS_MAX;
    (void)pthread_rwlock_wrlock(&t->core->lock);
    for (size_t i = from; i < to && err; i++)
        if (!t->core->watchers[i]) {
            t->core->watchers[i] = w;
            err = 0;
        }
    (void)pthread_rwlock_unlock(&t->core->lock);
    return err;
}

static void free_watch(struct tap_watch *w)
{
    for (struct tap_item *i = tap_take(w); i; i = tap_take(w))
        free(i);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

int tap_watch(struct tap *t, const struct tap_filter *filter, struct tap_watch **out)
{
    struct tap_watch *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    w->tap = t;
    list_init(&w->items);
    (void)pthread_mutex_init(&w->lock, NULL);
    int err = copy_filter(w, filter);
    if (!err)
        err = add(t, w, filter->is_own);
    if (err) {
        free_watch(w);
        return err;
    }
    atomic_fetch_add(&t->n_watchers, 1);
    stats_inc(STAT_TRACES);
    *out = w;
    return 0;
}

void tap_unwatch(struct tap_watch *w)
{
    if (!w)
        return;
    struct tap_core *core = w->tap->core;
    atomic_fetch_sub(&w->tap->n_watchers, 1);
    stats_dec(STAT_TRACES);
    (void)pthread_rwlock_wrlock(&core->lock);
    for (size_t i = 0; i < TAP_WATCHERS_MAX; i++)
        if (core->watchers[i] == w)
            core->watchers[i] = NULL;
    (void)pthread_rwlock_unlock(&core->lock);
    free_watch(w);
}

struct tap_item *tap_take(struct tap_watch *w)
{
    (void)pthread_mutex_lock(&w->lock);
    struct list *first = list_pop(&w->items);
    struct tap_item *i = first ? container_of(first, struct tap_item, node) : NULL;
    if (i) {
        w->n--;
        w->n_bytes -= i->bytes.n;
    }
    (void)pthread_mutex_unlock(&w->lock);
    return i;
}

bool tap_has(struct tap_watch *w)
{
    (void)pthread_mutex_lock(&w->lock);
    bool has = !list_is_empty(&w->items) || w->n_missed > 0;
    (void)pthread_mutex_unlock(&w->lock);
    return has;
}

uint64_t tap_missed(struct tap_watch *w)
{
    (void)pthread_mutex_lock(&w->lock);
    uint64_t n = w->n_missed;
    w->n_missed = 0;
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

/* ---------------------------------------------------------------- messages */

static bool is_of_user(const struct tap_filter *f, struct str text)
{
    char canonical[AOR_MAX];
    struct buf out = buf_over(canonical, sizeof canonical);
    struct uri u;
    if (uri_parse(text, &u) || uri_to_aor(&u, true, &out) != URI_OK || out.has_overflown)
        return false;
    struct str aor = buf_str(&out);
    if (aor.n < f->user.n || !str_ieq((struct str){aor.p, f->user.n}, f->user))
        return false;
    if (aor.n == f->user.n) /* a number alone: tel: */
        return true;
    struct str host = str_skip(aor, f->user.n);
    if (host.p[0] != '@')
        return false;
    host = str_skip(host, 1);
    for (size_t i = 0; i < f->n_hosts; i++)
        if (uri_is_same_host(host, f->hosts[i]) || str_ieq(host, f->hosts[i]))
            return true;
    return f->n_hosts == 0;
}

static bool is_in_value(const struct tap_filter *f, struct str value)
{
    struct nameaddr n;
    return nameaddr_parse(str_trim(value), &n) == 0 && is_of_user(f, n.uri);
}

/* The second word of a request's first line. */
static struct str request_uri(const struct peek *p)
{
    const char *blank = p->is_request ? str_find(p->bytes, ' ') : NULL;
    if (!blank)
        return STR_NONE;
    struct str rest = str_span(blank + 1, str_end(p->bytes));
    const char *end = str_find(rest, ' ');
    return end ? str_span(rest.p, end) : STR_NONE;
}

static bool is_from(const struct tap_filter *f, const struct addr *peer)
{
    if (!f->source.family)
        return true;
    return f->source.port ? addr_is_equal(&f->source, peer) : addr_is_same_host(&f->source, peer);
}

static bool is_wanted(const struct tap_filter *f, const struct addr *peer, struct str bytes)
{
    struct peek p;
    if (!is_from(f, peer) || !bytes.n ||
        !ascii_is_alpha(bytes.p[0])) /* keepalives are no messages */
        return false;
    if (str_is_none(f->user))
        return true;
    return peek_parse(bytes, &p) == 0 &&
           (is_in_value(f, p.from) || is_in_value(f, p.to) || is_of_user(f, request_uri(&p)));
}

static struct tap_item *new_item(const struct tap_core *core, const struct flow_ref *flow,
                                 bool is_in, struct str bytes)
{
    struct tap_item *i = malloc(sizeof *i + bytes.n);
    if (!i)
        return NULL;
    char *copy = (char *)(i + 1);
    if (bytes.n)
        memcpy(copy, bytes.p, bytes.n);
    *i = (struct tap_item){.wall_ms = sys_wall_ms(),
                           .local = flow->local.family ? flow->local : core->locals[flow->listener],
                           .peer = flow->peer,
                           .is_in = is_in,
                           .transport = (enum flow_transport)flow->transport,
                           .bytes = {copy, bytes.n}};
    i->local.port = core->locals[flow->listener].port;
    return i;
}

/* False: it is missed, and nothing needs to be copied. */
static bool take_room(struct tap_watch *w, size_t n)
{
    (void)pthread_mutex_lock(&w->lock);
    bool has_room = w->n < TAP_ITEMS_MAX && w->n_bytes + n <= TAP_BYTES_MAX;
    w->n += has_room;
    w->n_bytes += has_room ? n : 0;
    w->n_missed += !has_room;
    (void)pthread_mutex_unlock(&w->lock);
    return has_room;
}

/* Into the room that was taken; NULL: it could not be copied. */
static void put(struct tap_watch *w, struct tap_item *i, size_t n)
{
    (void)pthread_mutex_lock(&w->lock);
    if (i) {
        list_add(&w->items, &i->node);
    } else {
        w->n--;
        w->n_bytes -= n;
        w->n_missed++;
    }
    (void)pthread_mutex_unlock(&w->lock);
}

static void see(void *arg, const struct flow_ref *flow, bool is_in, struct str bytes)
{
    struct tap_core *core = ((const struct tap *)arg)->core;
    (void)pthread_rwlock_rdlock(&core->lock);
    for (size_t k = 0; k < TAP_WATCHERS_MAX; k++) {
        struct tap_watch *w = core->watchers[k];
        if (!w || !is_wanted(&w->filter, &flow->peer, bytes))
            continue;
        struct tap_item *i = NULL;
        if (take_room(w, bytes.n)) {
            i = new_item(core, flow, is_in, bytes);
            put(w, i, bytes.n);
        }
        stats_inc(i ? STAT_TRACE_TAKEN : STAT_TRACE_MISSED);
    }
    (void)pthread_rwlock_unlock(&core->lock);
}

void tap_join(struct tap *t, struct flow_group *group)
{
    group->n_lookers = &t->n_watchers;
    group->look = see;
    group->look_arg = t;
}
