#include "service/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/handover.h"
#include "net/inbox.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/tap.h"
#include "service/context.h"
#include "service/dispatch.h"
#include "service/egress.h"
#include "service/guard.h"
#include "service/keepalive.h"
#include "service/keeper.h"
#include "service/locator.h"
#include "service/lost.h"
#include "service/call.h"
#include "service/probe.h"
#include "service/recover.h"
#include "service/reg.h"
#include "service/relist.h"
#include "service/relisten.h"
#include "service/removal.h"
#include "service/renew.h"
#include "service/resync.h"
#include "service/outage.h"
#include "service/outfit.h"
#include "service/roster.h"
#include "service/servers.h"
#include "service/shadow.h"
#include "service/shield.h"
#include "service/trailnote.h"
#include "service/stunserve.h"
#include "service/txn.h"
#include "service/upprobe.h"
#include "sip/peek.h"
#include "store/store.h"

enum {
    INBOX_MAX = 8192,
    SCRATCH_LIMIT = 2 * 1024 * 1024,
    SCRATCH_KEEP = 128 * 1024,
    SOCKET_BUFFER = 8 * 1024 * 1024,
    DRAIN_POLL_MS = 50
};

struct worker {
    struct context context;
    struct worker_group *group;
    struct inbox *inbox;
    struct conf *conf;       /* the reference behind context.conf */
    struct conf *first_conf; /* and the one behind context.listens */
    struct resync *resync;
    struct locator *locator; /* of the first worker, for all; else NULL */
    struct recover *recover;
    struct upprobes *upprobes;
    struct loop_hook *turn_end;
    struct wheel_timer drain_timer;
    uint64_t drain_until_ms;
    void (*on_idle)(void *arg);
    void *on_idle_arg;
};

/* ---------------------------------------------------------------- packets */

static void on_handed_over(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    const struct inbox_post *post = container_of(node, struct inbox_post, node);
    struct packet p = *(const struct packet *)post->head;
    struct peek peek;
    p.bytes = post->tail;
    w->context.in_hand_us = 0;
    if (peek_parse(p.bytes, &peek) == 0)
        dispatch_packet(&w->context, &p, &peek);
}

/* What the owner cannot take now is dropped like a datagram; the inbox counts it. */
static void hand_over(const struct worker *w, unsigned owner, const struct packet *p)
{
    struct inbox *to = w->group->workers[owner]->inbox;
    if (inbox_post(to, on_handed_over, p, sizeof *p, p->bytes) == 0)
        stats_inc(STAT_HANDED_OVER);
}

/* ---------------------------------------------------------------- streams of other workers */

static void on_order(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    const struct inbox_post *post = container_of(node, struct inbox_post, node);
    flow_obey(w->context.flows, post->head, post->tail);
}

static int post_order(const struct flow_order *order, struct str bytes, void *arg)
{
    const struct worker_group *group = arg;
    const struct worker *to = group->workers[order->to.worker];
    return to ? inbox_post(to->inbox, on_order, order, sizeof *order, bytes) : ERR_GONE;
}

/* What is no SIP on a stream has no end that could be found. */
static void on_nonsense(struct worker *w, const struct packet *p)
{
    stats_inc(STAT_NOT_SIP);
    flow_close(w->context.flows, &p->flow);
}

static void on_unseen(struct worker *w, const struct packet *p)
{
    struct peek peek;
    unsigned owner;
    if (peek_parse(p->bytes, &peek)) {
        on_nonsense(w, p);
        return;
    }
    if (!dispatch_owner(&w->context, &peek, &owner))
        stats_inc(STAT_STRAY_RESPONSE);
    else if (owner == w->context.worker)
        dispatch_packet(&w->context, p, &peek);
    else
        hand_over(w, owner, p);
}

static void on_packet(const struct packet *p, void *arg)
{
    struct worker *w = arg;
    unsigned owner;
    if (!guard_admit(p) || stunserve_take(&w->context, p))
        return;
    flow_show(&w->group->flows, &p->flow, true, p->bytes);
    dispatch_note(&w->context, p);
    enum dispatch_register how = dispatch_register(&w->context, p, &owner);
    if (how == DISPATCH_OTHERS)
        hand_over(w, owner, p);
    else if (how == DISPATCH_UNSEEN)
        on_unseen(w, p);
}

/* ---------------------------------------------------------------- messages from the main thread */

struct order {
    struct inbox_node node;
    struct conf *conf;
    uint64_t timeout_ms, since_s;
    bool is_ordered;
    void (*on_idle)(void *arg);
    void *arg;
    char upstream[]; /* NUL-terminated */
};

static int give_order(struct worker *w, inbox_fn *fn, const struct order *what, struct str upstream)
{
    struct order *o = malloc(sizeof *o + upstream.n + 1);
    if (!o)
        return ERR_NOMEM;
    *o = *what;
    if (upstream.n)
        memcpy(o->upstream, upstream.p, upstream.n);
    o->upstream[upstream.n] = '\0';
    o->node.fn = fn;
    inbox_push(w->inbox, &o->node);
    return 0;
}

static void take_conf(struct worker *w, struct conf *conf)
{
    struct context *c = &w->context;
    conf_unref(w->conf);
    w->conf = conf;
    c->conf = conf;
    c->last_domain = NULL;
    c->limits = msg_limits_default;
    c->limits.max_len = conf->limits.max_message;
    census_set_limits(&w->group->census, conf->limits.connections_per_source,
                      conf->limits.max_connections);
    if (c->txns)
        txn_table_set_max(c->txns, conf->limits.max_transactions);
}

/* ---------------------------------------------------------------- servers that are given by name
 */

static void on_targets(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    relist_take(&w->context, container_of(node, struct roster_list, node));
}

static int tell_targets(struct str uri, const struct locate_target *targets, size_t n, void *arg)
{
    const struct worker_group *group = arg;
    int err = 0;
    for (unsigned i = 0; i < group->n; i++) {
        struct roster_list *list = roster_list_new(uri, targets, n);
        if (!list) {
            err = ERR_NOMEM;
            continue;
        }
        list->node.fn = on_targets;
        inbox_push(group->workers[i]->inbox, &list->node);
    }
    return err;
}

static void take_servers(struct worker *w)
{
    roster_sync(w->context.roster, w->conf);
    if (w->locator)
        locator_sync(w->locator);
    relist_count(&w->context);
}

/* ---------------------------------------------------------------- more messages from there */

static void sync_parts(struct worker *w)
{
    take_servers(w);
    keeper_sync(w->context.keeper);
    probe_sync(w->context.probes);
    upprobe_sync(w->upprobes);
    recover_sync(w->recover);
    keepalive_sync(w->context.keepalive);
}

static void on_reload(struct inbox_node *node, void *arg)
{
    struct order *o = container_of(node, struct order, node);
    struct worker *w = arg;
    take_conf(w, o->conf);
    relisten_take(&w->context);
    sync_parts(w);
    free(o);
}

int worker_reload(struct worker *w, struct conf *conf)
{
    int err = give_order(w, on_reload, &(struct order){.conf = conf_ref(conf)}, STR_NONE);
    if (err)
        conf_unref(conf);
    return err;
}

static void on_resync(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    struct order *o = container_of(node, struct order, node);
    resync_start(w->resync, str_of(o->upstream), o->since_s, o->is_ordered);
    keeper_resync(w->context.keeper, str_of(o->upstream));
    free(o);
}

int worker_resync(struct worker *w, struct str upstream, uint64_t since_s, bool is_ordered)
{
    const struct order what = {.since_s = since_s, .is_ordered = is_ordered};
    return give_order(w, on_resync, &what, upstream);
}

static void turn_upstream(struct order *o, struct worker *w,
                          void (*fn)(struct context *c, const struct conf_upstream *u))
{
    for (size_t i = 0; i < w->conf->n_upstreams; i++)
        if (strcmp(w->conf->upstreams[i].name, o->upstream) == 0)
            fn(&w->context, &w->conf->upstreams[i]);
    free(o);
}

static void on_hold(struct inbox_node *node, void *arg)
{
    turn_upstream(container_of(node, struct order, node), arg, outage_hold);
}

static void on_release(struct inbox_node *node, void *arg)
{
    turn_upstream(container_of(node, struct order, node), arg, outage_release);
}

int worker_hold(struct worker *w, struct str upstream, bool is_held)
{
    return give_order(w, is_held ? on_hold : on_release, &(struct order){.conf = NULL}, upstream);
}

static void resync_all(struct str upstream, void *arg)
{
    const struct worker_group *group = arg;
    uint64_t since_s = sys_service_s();
    for (unsigned i = 0; i < group->n; i++)
        if (worker_resync(group->workers[i], upstream, since_s, false))
            log_error("resync: out of memory; worker %u does without", i);
}

static void on_depart(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    w->context.is_departing = true;
    free(container_of(node, struct order, node));
}

int worker_depart(struct worker *w)
{
    return give_order(w, on_depart, &(struct order){.conf = NULL}, STR_NONE);
}

static void on_drain_timer(void *arg)
{
    struct worker *w = arg;
    struct context *c = &w->context;
    bool is_over = loop_now_ms(c->loop) >= w->drain_until_ms;
    if (is_over)
        call_give_up_all(c);
    if (is_over || txn_table_is_idle(c->txns))
        w->on_idle(w->on_idle_arg);
    else
        loop_timer_start(c->loop, &w->drain_timer, DRAIN_POLL_MS);
}

static void on_drain(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    struct order *o = container_of(node, struct order, node);
    w->context.is_draining = true;
    w->drain_until_ms = loop_now_ms(w->context.loop) + o->timeout_ms;
    w->on_idle = o->on_idle;
    w->on_idle_arg = o->arg;
    free(o);
    on_drain_timer(w);
}

int worker_drain(struct worker *w, uint64_t timeout_ms, void (*on_idle)(void *arg), void *arg)
{
    const struct order o = {.timeout_ms = timeout_ms, .on_idle = on_idle, .arg = arg};
    return give_order(w, on_drain, &o, STR_NONE);
}

/* ---------------------------------------------------------------- the store */

struct inbox *worker_inbox_of(const struct worker_group *group, struct str aor)
{
    return group->workers[hash_str(&group->owner_key, aor) % group->n]->inbox;
}

void worker_on_store_event(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    renew_on_event(node, &w->context);
}

static void on_remove(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    removal_start(&w->context, node);
}

int worker_remove(const struct worker_group *group, struct str aor, struct removal *out)
{
    return removal_ask(worker_inbox_of(group, aor), on_remove, aor, out);
}

size_t worker_trail(const struct worker_group *group, unsigned worker, struct str aor,
                    struct trail_entry *out)
{
    const struct context *c = &group->workers[worker]->context;
    return trail_read(c->trail, trailnote_hash(&c->loop_key, aor), out);
}

const struct noise *worker_noise(const struct worker_group *group, unsigned worker)
{
    return group->workers[worker]->context.noise;
}

const struct ledger *worker_ledger(const struct worker_group *group, unsigned worker)
{
    return group->workers[worker]->context.ledger;
}

static void on_arrival(struct inbox_node *node, void *arg)
{
    struct worker *w = arg;
    late_on_message(&w->context, container_of(node, struct inbox_post, node)->tail);
}

/* What timers and inbox messages used goes; the next turn sees what was committed in between. */
static void on_turn_end(void *arg)
{
    struct worker *w = arg;
    reg_reap(&w->context);
    arena_reset(&w->context.scratch, SCRATCH_KEEP);
    store_reader_reset(w->context.reader);
}

/* ---------------------------------------------------------------- life */

static bool is_exempt(const struct addr *peer, void *arg)
{
    const struct worker *w = arg;
    return guard_is_exempt(&w->context, peer);
}

static int open_listeners(struct worker *w, const struct conf_listen **failed)
{
    struct context *c = &w->context;
    c->listens = w->first_conf->listens;
    c->listeners = calloc(w->first_conf->n_listens, sizeof *c->listeners);
    if (!c->listeners)
        return ERR_NOMEM;
    for (size_t i = 0; i < w->first_conf->n_listens; i++) {
        const struct listener_conf lc = {
            .transport = c->listens[i].transport,
            .addr = c->listens[i].addr,
            .index = (uint8_t)i,
            .is_shared = w->group->n > 1,
            .is_first = c->worker == 0,
            .passed_fd =
                handover_take(w->group->handover, c->listens[i].transport, &c->listens[i].addr),
            .max_len = c->conf->limits.max_message,
            .buffer_size = SOCKET_BUFFER,
            .fn = on_packet,
            .arg = w,
            .is_exempt = is_exempt,
            .census = &w->group->census,
            .names = w->group->names,
            .tls = c->listens[i].tls,
            .origins = {c->listens[i].origins, c->listens[i].n_origins}};
        *failed = &c->listens[i];
        int err = listener_open(c->loop, c->flows, &lc, &c->listeners[i]);
        if (err)
            return err;
        const struct addr local = listener_addr(&c->listeners[i]);
        tap_set_listener(w->group->tap, (uint8_t)i, &local);
        c->n_listeners++;
    }
    return 0;
}

/* What the rest stands on. */
static int build_base(struct worker *w)
{
    struct context *c = &w->context;
    int err = loop_new(&c->loop);
    if (!err)
        err = inbox_new(c->loop, INBOX_MAX, w, &w->inbox);
    c->inbox = w->inbox;
    w->group->late.inboxes[c->worker] = w->inbox;
    if (!err)
        err = flow_table_new(c->worker, &c->flows);
    if (!err) {
        flow_table_join(c->flows, &w->group->flows);
        err = egress_new(c, &c->egress);
    }
    if (!err)
        err = servers_new(c, &c->servers);
    if (!err)
        err = roster_new(&c->roster);
    if (!err && c->worker == 0)
        err = locator_new(c, tell_targets, w->group, &w->locator);
    return err;
}

static int build(struct worker *w, const struct conf_listen **failed)
{
    struct context *c = &w->context;
    int err = build_base(w);
    if (!err)
        err = outfit_new(c, &w->group->nonce_key);
    if (!err)
        err = lost_new(c, &c->lost);
    if (!err)
        err = resync_new(c, &w->resync);
    if (!err)
        err = upprobe_new(c, &w->upprobes);
    if (!err)
        err = recover_new(c, &w->recover);
    if (!err)
        err = loop_hook_new(c->loop, on_turn_end, w, &w->turn_end);
    if (!err)
        err = open_listeners(w, failed);
    return err;
}

static int make_answer_key(struct context *c)
{
    if (!token_hash_key(&c->token_key, STR("answers"), &c->answer_key))
        return ERR_NOMEM;
    c->marks.tag_key = c->answer_key;
    return 0;
}

int worker_new(struct worker_group *group, unsigned index, struct conf *conf,
               const struct conf_listen **failed, struct worker **out)
{
    struct worker *w = calloc(1, sizeof *w);
    if (!w)
        return ERR_NOMEM;
    *failed = NULL;
    w->group = group;
    w->context.worker = index;
    mark_init(&w->context.marks, index);
    w->context.loop_key = group->loop_key;
    w->context.n_workers = group->n;
    w->context.owner_key = group->owner_key;
    w->context.token_key = group->token_key;
    w->context.store = group->store;
    w->context.late = &group->late;
    w->context.sources = group->sources;
    w->context.alarms = group->alarms;
    w->context.lifecycle = group->lifecycle;
    w->context.board = group->board;
    w->context.resync = resync_all;
    w->context.resync_arg = group;
    w->context.names = group->names;
    w->context.tally = group->tally;
    w->context.told = group->told;
    w->context.memos = group->memos;
    group->late.deliver = on_arrival;
    group->flows.post = post_order;
    group->flows.arg = group;
    group->census.key = group->loop_key;
    hmap_init(&w->context.watches);
    w->context.silence = &group->silence;
    w->context.natlife = &group->natlife;
    group->natlife.key = group->loop_key;
    denied_init(&w->context.denied);
    list_init(&w->context.calls);
    list_init(&w->context.regs);
    list_init(&w->context.done_regs);
    hmap_init(&w->context.callers);
    arena_init(&w->context.scratch, SCRATCH_LIMIT);
    wheel_timer_init(&w->drain_timer, on_drain_timer, w);
    w->first_conf = conf_ref(conf);
    take_conf(w, conf_ref(conf));
    int err = make_answer_key(&w->context);
    if (!err)
        err = build(w, failed);
    if (err) {
        worker_free(w);
        return err;
    }
    sync_parts(w);
    group->workers[index] = w;
    *out = w;
    return 0;
}

int worker_socket(const struct worker *w, size_t i)
{
    return i < w->context.n_listeners ? listener_fd(&w->context.listeners[i]) : -1;
}

void worker_free(struct worker *w)
{
    if (!w)
        return;
    struct context *c = &w->context;
    if (c->loop)
        loop_timer_stop(c->loop, &w->drain_timer);
    w->group->late.inboxes[c->worker] = NULL;
    lost_free(c->lost); /* our stop is no end of theirs: the next start counts their grace */
    inbox_free(w->inbox);
    locator_free(w->locator);
    resync_free(w->resync);
    recover_free(w->recover);
    upprobe_free(w->upprobes);
    outfit_free(c);
    loop_hook_free(w->turn_end);
    for (size_t i = 0; i < c->n_listeners; i++)
        listener_close(&c->listeners[i]);
    free(c->listeners);
    hmap_fini(&c->watches);
    denied_fini(&c->denied);
    servers_free(c->servers);
    roster_free(c->roster);
    egress_free(c->egress);
    flow_table_free(c->flows);
    loop_free(c->loop);
    hmap_fini(&c->callers);
    arena_fini(&c->scratch);
    conf_unref(w->conf);
    conf_unref(w->first_conf);
    free(w);
}

void worker_run(struct worker *w)
{
    loop_run(w->context.loop);
}

void worker_stop(struct worker *w)
{
    loop_stop(w->context.loop);
}
