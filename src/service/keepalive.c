#include "service/keepalive.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/location.h"
#include "service/natlife.h"
#include "service/ping.h"
#include "service/pulse.h"
#include "service/reach.h"
#include "service/regview.h"
#include "service/callees.h"
#include "service/txn.h"
#include "sip/uri.h"
#include "store/store.h"

/* Of one turn of the loop; what is over that waits for the next ones. Records that the walk takes
 * up in a step, and between two steps. */
enum { LOOKS_MAX = 512, STEP_MAX = 512, STEP_MS = 10 };

/* Of all transactions that there may be, those of devices that owe an answer: one in so many. */
enum { SHARE = 4 };

/* A line whose devices have all expired is on its way out of the store. */
enum { EXPIRED_MS = 60000 };

enum { SCRATCH_KEEP = 128 * 1024 };

struct keepalive {
    struct context *context;
    struct hmap lines; /* of struct line */
    struct hmap asked; /* of struct asked */
    uint64_t turn_ms;  /* the turn in which n_looks were made */
    size_t n_looks;
    struct wheel_timer walk;
    size_t at_len;
    char at[STORE_AOR_MAX]; /* where the walk is */
};

struct line {
    struct hmap_node node;
    struct keepalive *all;
    struct wheel_timer timer;
    uint64_t looked_ms;
    uint16_t n_unreachable; /* as the gauge has it */
    uint16_t aor_len;
    char aor[];
};

/* A device whose answer to an OPTIONS is awaited. */
struct asked {
    struct hmap_node node;
    struct keepalive *all;
    struct txn *client;
    uint64_t binding_id;
    uint64_t expires_at_s; /* of its lease: later means that it was heard meanwhile */
    struct addr peer;
    struct lease_ref lease;
    uint16_t aor_len;
    char aor[];
};

uint64_t keepalive_next_ms(uint64_t hash, uint64_t interval_ms, uint64_t after_ms)
{
    uint64_t phase_ms = hash % interval_ms;
    uint64_t n = (after_ms + interval_ms - phase_ms) / interval_ms; /* moments up to after_ms */
    return n * interval_ms + phase_ms;
}

static struct str aor_of(const struct line *l)
{
    return (struct str){l->aor, l->aor_len};
}

/* ---------------------------------------------------------------- OPTIONS and its answer */

static void forget(struct asked *a)
{
    hmap_del(&a->all->asked, &a->node);
    free(a);
}

static struct asked *find_asked(const struct keepalive *k, uint64_t binding_id)
{
    uint64_t hash = hash_bytes(&k->asked.key, &binding_id, sizeof binding_id);
    for (struct hmap_node *n = hmap_first(&k->asked, hash); n; n = hmap_next(n)) {
        struct asked *a = container_of(n, struct asked, node);
        if (a->binding_id == binding_id)
            return a;
    }
    return NULL;
}

static bool was_heard(const struct asked *a)
{
    struct lease_state now;
    return lease_read(store_leases(a->all->context->store), a->lease, &now) &&
           now.expires_at_s > a->expires_at_s;
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct asked *a = arg;
    struct context *c = a->all->context;
    const struct pulse pulse = {.aor = {a->aor, a->aor_len}, .peer = a->peer, .lease = a->lease};
    if (what == TXN_NOTE_MESSAGE && m->status >= 200) {
        pulse_on_answer(c, &pulse); /* a refusal is one, too */
        txn_client_drop(t);         /* nobody waits for repeats of it */
        forget(a);
    } else if (what == TXN_NOTE_TIMEOUT && !was_heard(a)) {
        pulse_on_silence(c, &pulse);
    } else if (what == TXN_NOTE_END) {
        forget(a);
    }
}

static int ask(struct keepalive *k, const struct location *at, size_t nth,
               const struct flow_ref *flow)
{
    const struct binding *b = &at->record->bindings[nth];
    const struct str aor = at->record->aor;
    struct asked *a = malloc(sizeof *a + aor.n);
    if (!a)
        return ERR_NOMEM;
    *a = (struct asked){.node.hash = hash_bytes(&k->asked.key, &b->id, sizeof b->id),
                        .all = k,
                        .binding_id = b->id,
                        .expires_at_s = at->leases[nth].expires_at_s,
                        .peer = b->way.peer,
                        .lease = b->lease,
                        .aor_len = (uint16_t)aor.n};
    memcpy(a->aor, aor.p, aor.n);
    const struct ping ping = {.flow = *flow, .uri = callees_uri(k->context, b->contact), .cseq = 1};
    int err = hmap_add(&k->asked, &a->node);
    if (err) {
        free(a);
        return err;
    }
    err = ping_send(k->context, &ping, &(struct txn_user){on_client, a}, &a->client);
    if (err)
        forget(a);
    return err;
}

/* ---------------------------------------------------------------- one binding */

/* What its Contact says is not where it is. The port of a stream's other end says nothing. */
static bool is_behind_nat(const struct binding *b)
{
    struct uri u;
    struct addr named = {0};
    if (uri_parse(b->contact, &u) || addr_parse_host(u.host, &named) ||
        !addr_is_same_host(&named, &b->way.peer))
        return true;
    uint16_t port = u.port ? u.port : uri_is_sips(b->contact) ? 5061 : 5060;
    return b->way.transport == FLOW_UDP && port != b->way.peer.port;
}

/* 0: it gets none. */
static uint32_t interval_s(const struct context *c, const struct conf_keepalive *conf,
                           const struct binding *b, uint64_t now_s)
{
    bool is_udp = b->way.transport == FLOW_UDP;
    if (conf->method == CONF_KEEPALIVE_OFF || !str_is_none(b->path) ||
        (conf->devices == CONF_KEEPALIVE_NAT && !is_behind_nat(b)))
        return 0;
    if (is_udp && conf->udp_s)
        return natlife_interval_s(c->natlife, &b->way.peer, conf->udp_s, now_s);
    return is_udp ? 0 : conf->stream_s;
}

/* One that still owes an answer is not asked again, and no room is taken from calls. */
static bool may_ask(const struct keepalive *k, uint64_t binding_id)
{
    if (find_asked(k, binding_id))
        return false;
    bool has_room = k->asked.n < k->context->conf->limits.max_transactions / SHARE;
    stats_add(STAT_KEEPALIVE_UNASKED, !has_room);
    return has_room;
}

static void keep_open(struct keepalive *k, const struct conf_keepalive *conf,
                      const struct location *at, size_t nth)
{
    struct context *c = k->context;
    const struct binding *b = &at->record->bindings[nth];
    struct flow_ref flow;
    int err;
    if (!reach_flow(c, &b->way, &flow))
        return; /* the stream has ended */
    if (conf->method == CONF_KEEPALIVE_OPTIONS && may_ask(k, b->id)) {
        err = ask(k, at, nth, &flow);
        stats_inc(err ? STAT_KEEPALIVE_FAILED : STAT_KEEPALIVE_OPTIONS);
        return;
    }
    err = flow_send(c->flows, &flow, STR("\r\n\r\n")); /* RFC 5626 3.5.1; RFC 3261 7.5: ignored */
    stats_inc(err ? STAT_KEEPALIVE_FAILED : STAT_KEEPALIVE_CRLF);
}

/* ---------------------------------------------------------------- one line */

static struct line *find_line(const struct keepalive *k, struct str aor, uint64_t hash)
{
    for (struct hmap_node *n = hmap_first(&k->lines, hash); n; n = hmap_next(n)) {
        struct line *l = container_of(n, struct line, node);
        if (str_eq(aor_of(l), aor))
            return l;
    }
    return NULL;
}

static void set_unreachable(struct line *l, unsigned n)
{
    stats_add(STAT_DEVICES_UNREACHABLE, (int64_t)n - l->n_unreachable);
    l->n_unreachable = (uint16_t)n;
}

static void del_line(struct line *l)
{
    set_unreachable(l, 0);
    loop_timer_stop(l->all->context->loop, &l->timer);
    hmap_del(&l->all->lines, &l->node);
    stats_add(STAT_KEEPALIVE_LINES, -1);
    free(l);
}

/* Sends what has come due since the last look. When the next is; UINT64_MAX: nobody gets any. */
static uint64_t look(struct line *l, const struct conf_domain *d, const struct location *at)
{
    struct keepalive *k = l->all;
    uint64_t now_s = sys_service_s(), now_ms = loop_now_ms(k->context->loop);
    uint64_t next_ms = UINT64_MAX;
    unsigned n_unreachable = 0;
    for (size_t i = 0; i < at->record->n_bindings; i++) {
        const struct binding *b = &at->record->bindings[i];
        uint64_t each_ms = interval_s(k->context, &d->keepalive, b, now_s) * (uint64_t)1000;
        uint64_t hash = hash_bytes(&k->context->loop_key, &b->id, sizeof b->id);
        n_unreachable += at->leases[i].is_unreachable;
        bool is_over = at->leases[i].expires_at_s + d->absorb.grace_s <= now_s;
        if (each_ms == 0)
            continue;
        if (!is_over && keepalive_next_ms(hash, each_ms, l->looked_ms) <= now_ms)
            keep_open(k, &d->keepalive, at, i);
        uint64_t due_ms = is_over ? now_ms + EXPIRED_MS : keepalive_next_ms(hash, each_ms, now_ms);
        next_ms = due_ms < next_ms ? due_ms : next_ms;
    }
    set_unreachable(l, n_unreachable);
    l->looked_ms = now_ms;
    return next_ms;
}

/* In which of the coming turns there is room; 0: in this one. */
static uint64_t delay_ms(struct keepalive *k)
{
    uint64_t now_ms = loop_now_ms(k->context->loop);
    if (k->turn_ms != now_ms)
        k->n_looks = 0;
    k->turn_ms = now_ms;
    return k->n_looks++ / LOOKS_MAX * WHEEL_TICK_MS;
}

static void on_time(void *arg)
{
    struct line *l = arg;
    struct context *c = l->all->context;
    struct location now;
    uint64_t next_ms = UINT64_MAX, wait_ms = delay_ms(l->all);
    if (wait_ms) {
        stats_inc(STAT_KEEPALIVE_LATE);
        loop_timer_start(c->loop, &l->timer, wait_ms);
        return;
    }
    const struct conf_domain *d = regview_domain(c->conf, aor_of(l));
    if (d && location_read(c, &c->scratch, aor_of(l), &now) == 0)
        next_ms = look(l, d, &now);
    arena_reset(&c->scratch, SCRATCH_KEEP);
    if (next_ms == UINT64_MAX)
        del_line(l);
    else
        loop_timer_start(c->loop, &l->timer, next_ms - loop_now_ms(c->loop));
}

static struct line *add_line(struct keepalive *k, struct str aor, uint64_t hash)
{
    struct line *l = malloc(sizeof *l + aor.n);
    if (!l)
        return NULL;
    *l = (struct line){.node.hash = hash,
                       .all = k,
                       .looked_ms = loop_now_ms(k->context->loop),
                       .aor_len = (uint16_t)aor.n};
    memcpy(l->aor, aor.p, aor.n);
    wheel_timer_init(&l->timer, on_time, l);
    if (hmap_add(&k->lines, &l->node)) {
        free(l);
        return NULL;
    }
    stats_add(STAT_KEEPALIVE_LINES, 1);
    return l;
}

void keepalive_note(struct keepalive *k, struct str aor)
{
    uint64_t hash = hmap_hash(&k->lines, aor);
    struct line *l = find_line(k, aor, hash);
    if (!l)
        l = add_line(k, aor, hash);
    if (l) /* looks who is there, and when each is due */
        loop_timer_start(k->context->loop, &l->timer, 0);
}

/* ---------------------------------------------------------------- the walk */

/* False: it is at its end. */
static bool step(struct keepalive *k)
{
    struct context *c = k->context;
    for (int i = 0; i < STEP_MAX; i++) {
        struct str aor;
        if (store_next(c->reader, &c->scratch, (struct str){k->at, k->at_len}, &aor))
            return false;
        k->at_len = aor.n < sizeof k->at ? aor.n : sizeof k->at;
        memcpy(k->at, aor.p, k->at_len);
        if (context_owner(c, aor) == c->worker)
            keepalive_note(k, aor);
    }
    return true;
}

static void on_walk(void *arg)
{
    struct keepalive *k = arg;
    if (step(k))
        loop_timer_start(k->context->loop, &k->walk, STEP_MS);
    arena_reset(&k->context->scratch, SCRATCH_KEEP);
}

void keepalive_sync(struct keepalive *k)
{
    k->at_len = 0;
    loop_timer_start(k->context->loop, &k->walk, 0);
}

/* ---------------------------------------------------------------- life */

int keepalive_new(struct context *c, struct keepalive **out)
{
    struct keepalive *k = calloc(1, sizeof *k);
    if (!k)
        return ERR_NOMEM;
    k->context = c;
    hmap_init(&k->lines);
    hmap_init(&k->asked);
    wheel_timer_init(&k->walk, on_walk, k);
    *out = k;
    return 0;
}

void keepalive_free(struct keepalive *k)
{
    if (!k)
        return;
    for (struct hmap_node *n; (n = hmap_any(&k->lines));)
        del_line(container_of(n, struct line, node));
    for (struct hmap_node *n; (n = hmap_any(&k->asked));) {
        struct asked *a = container_of(n, struct asked, node);
        if (a->client)
            txn_client_drop(a->client);
        forget(a);
    }
    loop_timer_stop(k->context->loop, &k->walk);
    hmap_fini(&k->lines);
    hmap_fini(&k->asked);
    free(k);
}
