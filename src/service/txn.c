#include "service/txn.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/txnfsm.h"
#include "net/loop.h"
#include "service/mark.h"
#include "service/match.h"
#include "sip/hop.h"

/* A transaction's own memory: its request, the index of it, an ACK or a CANCEL. */
enum { ARENA_LIMIT = 512 * 1024, ARENA_KEEP = 4096, POOL_MAX = 1024 };

struct txn {
    struct hmap_node node;
    struct list link; /* in the table's alive, dead or pool */
    struct txn_table *table;
    struct arena arena;
    enum txnfsm_kind kind;
    enum txnfsm_state state;
    bool is_dead;         /* waits for the reaper */
    uint32_t interval_ms; /* of the last retransmission */
    struct wheel_timer retransmit, life;
    uint64_t began_ms; /* server */
    struct flow_ref flow;
    struct str key;                   /* client: the branch */
    struct str method;                /* client: of the request */
    const struct msg *request;        /* server: a copy; INVITE client: indexed when first needed */
    struct str sent;                  /* client: the request */
    const _Atomic uint64_t *until_ms; /* client: of the request */
    struct str ack;                   /* INVITE client, Completed */
    struct str last_tag;              /* INVITE server: To tag of the last response made here */
    char *reply;                      /* server: the last response; heap, grown as needed */
    size_t reply_len, reply_cap;
    struct txn_user user;
};

struct txn_table {
    struct txn_conf conf;
    struct loop_hook *reaper;
    struct hmap servers, clients;
    struct match_sieve sieve; /* of servers */
    struct list alive, dead, pool;
    size_t n_alive, n_pool, n_open;
    uint64_t answered_ms; /* when an INVITE got its last 2xx; 0: none has */
};

static bool is_server(const struct txn *t)
{
    return t->kind == TXN_INVITE_SERVER || t->kind == TXN_SERVER;
}

static bool is_reliable(const struct txn *t)
{
    return flow_is_reliable((enum flow_transport)t->flow.transport);
}

static bool is_open(const struct txn *t)
{
    return is_server(t) && (t->state == TXN_TRYING || t->state == TXN_PROCEEDING);
}

static void note(struct txn *t, enum txn_note what, const struct msg *m)
{
    if (t->user.fn)
        t->user.fn(t, what, m, t->user.arg);
}

/* ---------------------------------------------------------------- life and death */

static void free_txn(struct txn *t)
{
    arena_fini(&t->arena);
    free(t->reply);
    free(t);
}

static void step(struct txn *t, enum txnfsm_event event, const struct msg *m, struct str bytes);

static bool reopen(struct txn *t)
{
    const struct txn_conf *conf = &t->table->conf;
    const struct msg *answered = is_server(t) ? t->request : NULL;
    return conf->reopen && conf->reopen(answered, &t->flow, conf->arg) == 0;
}

/* On a stream nothing is sent again (17.1.1.1); a client looks whether it still lives (ADR 10). */
static void on_retransmit(void *arg)
{
    struct txn *t = arg;
    bool is_let = !t->until_ms || sys_now_ms() < atomic_load(t->until_ms);
    if (!is_reliable(t) && is_let)
        step(t, TXN_EV_RETRANSMIT, NULL, STR_NONE);
    else if (!is_reliable(t) || flow_is_live(t->table->conf.flows, &t->flow) ||
             (t->state == TXN_PROCEEDING && reopen(t))) /* who has it answers over another one */
        loop_timer_start(t->table->conf.loop, &t->retransmit, TXN_T1_MS);
    else
        step(t, TXN_EV_ERROR, NULL, STR_NONE);
}

static void on_life(void *arg)
{
    struct txn *t = arg;
    step(t, TXN_EV_LIFE, NULL, STR_NONE);
}

static struct txn *take(struct txn_table *table)
{
    struct list *l = list_pop(&table->pool);
    if (l) {
        table->n_pool--;
        return container_of(l, struct txn, link);
    }
    struct txn *t = calloc(1, sizeof *t);
    if (t)
        arena_init(&t->arena, ARENA_LIMIT);
    return t;
}

static int check_room(const struct txn_table *table, size_t n)
{
    if (table->n_alive + n <= table->conf.max)
        return 0;
    stats_inc(STAT_TXN_FULL);
    return ERR_FULL;
}

static int new_txn(struct txn_table *table, enum txnfsm_kind kind, const struct flow_ref *flow,
                   struct txn **out)
{
    struct txn *t = take(table);
    if (!t)
        return ERR_NOMEM;
    *t = (struct txn){.table = table,
                      .arena = t->arena,
                      .kind = kind,
                      .state = txnfsm_first(kind),
                      .flow = *flow,
                      .reply = t->reply,
                      .reply_cap = t->reply_cap};
    list_init(&t->link);
    wheel_timer_init(&t->retransmit, on_retransmit, t);
    wheel_timer_init(&t->life, on_life, t);
    *out = t;
    return 0;
}

/* Back to the pool, or to the heap. */
static void put(struct txn *t)
{
    struct txn_table *table = t->table;
    if (table->n_pool >= POOL_MAX || t->reply_cap > ARENA_KEEP) {
        free_txn(t);
        return;
    }
    arena_reset(&t->arena, ARENA_KEEP);
    list_add(&table->pool, &t->link);
    table->n_pool++;
}

static void reap(void *arg)
{
    struct txn_table *table = arg;
    for (struct list *l = list_pop(&table->dead); l; l = list_pop(&table->dead))
        put(container_of(l, struct txn, link));
}

static struct hmap *map_of(struct txn *t)
{
    return is_server(t) ? &t->table->servers : &t->table->clients;
}

static int enlist(struct txn *t, uint64_t hash)
{
    t->node.hash = hash;
    if (hmap_add(map_of(t), &t->node))
        return ERR_NOMEM;
    match_sieve_move(&t->table->sieve, t->key, is_server(t));
    list_add(&t->table->alive, &t->link);
    t->table->n_alive++;
    t->table->n_open += is_open(t);
    stats_inc(is_server(t) ? STAT_TXN_SERVER : STAT_TXN_CLIENT);
    return 0;
}

static void terminate(struct txn *t)
{
    if (t->is_dead)
        return;
    t->is_dead = true;
    loop_timer_stop(t->table->conf.loop, &t->retransmit);
    loop_timer_stop(t->table->conf.loop, &t->life);
    hmap_del(map_of(t), &t->node);
    match_sieve_move(&t->table->sieve, t->key, -is_server(t));
    list_del(&t->link);
    list_add(&t->table->dead, &t->link);
    t->table->n_alive--;
    stats_dec(is_server(t) ? STAT_TXN_SERVER : STAT_TXN_CLIENT);
    note(t, TXN_NOTE_END, NULL);
    t->user.fn = NULL;
}

/* The only place where a state changes. */
static void enter(struct txn *t, enum txnfsm_state next)
{
    if (next == t->state)
        return;
    log_debug("transaction %.*s: %s -> %s", STR_FMT(t->key), txnfsm_state_name(t->state),
              txnfsm_state_name(next));
    bool was_open = is_open(t);
    t->state = next;
    t->table->n_open -= was_open && !is_open(t);
    if (t->kind == TXN_INVITE_SERVER && next == TXN_ACCEPTED)
        t->table->answered_ms = loop_now_ms(t->table->conf.loop);
}

static void drop(struct txn *t)
{
    enter(t, TXN_TERMINATED);
    terminate(t);
}

/* ---------------------------------------------------------------- the machine's hands */

static int send_bytes(struct txn *t, struct str bytes)
{
    int err = bytes.n ? flow_send(t->table->conf.flows, &t->flow, bytes) : 0;
    return err == ERR_GONE && reopen(t) ? flow_send(t->table->conf.flows, &t->flow, bytes) : err;
}

/* Keeps a response for its repeats. Without memory it is sent once and not repeated. */
static void keep_reply(struct txn *t, struct str bytes)
{
    char *p = bytes.n > t->reply_cap ? realloc(t->reply, bytes.n) : t->reply;
    t->reply_len = 0;
    if (!p || !bytes.n)
        return;
    t->reply = p;
    t->reply_cap = bytes.n > t->reply_cap ? bytes.n : t->reply_cap;
    memcpy(p, bytes.p, bytes.n);
    t->reply_len = bytes.n;
}

/* The INVITE as it was sent, indexed: for its ACK and CANCEL. */
static const struct msg *sent_request(struct txn *t)
{
    struct msg *m;
    struct msg_fault fault;
    if (!t->request && !msg_index(&t->arena, t->sent, &msg_limits_none, &m, &fault))
        t->request = m;
    return t->request;
}

static int send_ack(struct txn *t, const struct msg *response)
{
    if (!t->ack.n) {
        const struct msg *invite = sent_request(t);
        if (!invite || hop_ack(&t->arena, invite, response, &t->ack))
            return 0; /* out of memory: the response comes again */
    }
    return send_bytes(t, t->ack);
}

static void arm_timers(struct txn *t, unsigned actions)
{
    struct loop *loop = t->table->conf.loop;
    if ((actions & TXN_STOP_RETRANSMIT) || is_reliable(t))
        loop_timer_stop(loop, &t->retransmit);
    if (is_reliable(t) && !is_server(t) && t->state < TXN_ACCEPTED)
        loop_timer_start(loop, &t->retransmit, TXN_T1_MS);
    if (actions & TXN_STOP_LIFE)
        loop_timer_stop(loop, &t->life);
    if ((actions & TXN_ARM_RETRANSMIT) && !is_reliable(t)) {
        t->interval_ms = txnfsm_retransmit_ms(t->kind, t->state, t->interval_ms);
        loop_timer_start(loop, &t->retransmit, t->interval_ms);
    }
    if (actions & TXN_ARM_TIMEOUT)
        loop_timer_start(loop, &t->life, TXN_TIMEOUT_MS);
    if (actions & TXN_ARM_LATE)
        loop_timer_start(loop, &t->life, TXN_LATE_MS);
    if (actions & TXN_ARM_LINGER)
        loop_timer_start(loop, &t->life, txnfsm_linger_ms(t->kind, t->state, is_reliable(t)));
}

static int send_what(struct txn *t, unsigned actions, const struct msg *m, struct str bytes)
{
    if (actions & TXN_SEND) {
        if (is_server(t))
            keep_reply(t, bytes);
        return send_bytes(t, bytes);
    }
    if (actions & TXN_RESEND) {
        const struct str last = is_server(t) ? (struct str){t->reply, t->reply_len} : t->sent;
        stats_add(STAT_RESENT, last.n != 0);
        return send_bytes(t, last);
    }
    if (actions & TXN_SEND_ACK)
        return send_ack(t, m);
    return 0;
}

static void tell(struct txn *t, unsigned actions, const struct msg *m)
{
    if (actions & TXN_UP)
        note(t, TXN_NOTE_MESSAGE, m);
    if (actions & TXN_UP_TIMEOUT) {
        stats_inc(is_server(t) ? STAT_TXN_TIMEOUT_SERVER : STAT_TXN_TIMEOUT_CLIENT);
        note(t, TXN_NOTE_TIMEOUT, NULL);
    }
    if (actions & TXN_UP_ERROR)
        note(t, is_reliable(t) ? TXN_NOTE_GONE : TXN_NOTE_ERROR, NULL);
    if (actions & TXN_UP_LATE)
        note(t, TXN_NOTE_LATE, NULL);
}

static int step_once(struct txn *t, enum txnfsm_event event, const struct msg *m, struct str bytes)
{
    struct txnfsm_step s = txnfsm_step(t->kind, t->state, event);
    enter(t, (enum txnfsm_state)s.next);
    int err = send_what(t, s.actions, m, bytes);
    arm_timers(t, s.actions);
    tell(t, s.actions, m);
    if (t->state == TXN_TERMINATED)
        terminate(t);
    return t->is_dead ? 0 : err;
}

/* One event: state, message out, timers, word to the user, end. A datagram that finds the send
 * queue full was lost like any other; only a dead flow is the transport's failure. */
static void step(struct txn *t, enum txnfsm_event event, const struct msg *m, struct str bytes)
{
    if (step_once(t, event, m, bytes) == ERR_GONE)
        (void)step_once(t, TXN_EV_ERROR, NULL, STR_NONE);
}

/* ---------------------------------------------------------------- server side */

static struct txn *server_find(struct txn_table *table, const struct match *what)
{
    struct hmap_node *n = match_first(&table->servers, &table->sieve, what);
    for (; n; n = hmap_next(n)) {
        struct txn *t = container_of(n, struct txn, node);
        if (match_is(what, t->request, &t->flow.peer))
            return t;
    }
    return NULL;
}

/* By the old rules a CANCEL's top Via is the INVITE's, so the same comparison serves. */
struct txn *txn_server_of_cancel(struct txn_table *t, const struct msg *cancel,
                                 const struct addr *source)
{
    return server_find(t, &(struct match){cancel, source, STR("INVITE"), cancel->to_tag});
}

/* An ACK's To tag is the response's (17.2.3), which the first INVITE of a dialog has not. */
static struct txn *find_acknowledged(struct txn_table *table, const struct msg *ack,
                                     const struct addr *source)
{
    struct txn *t = txn_server_of_cancel(table, ack, source);
    if (t || via_has_cookie(&ack->via))
        return t;
    t = server_find(table, &(struct match){ack, source, STR("INVITE"), STR_NONE});
    return t && t->last_tag.n && !str_eq(ack->to_tag, t->last_tag) ? NULL : t;
}

int txn_server_new(struct txn_table *table, const struct msg *request,
                   const struct flow_ref *reply_to, const struct txn_user *user, struct txn **out)
{
    struct txn *t;
    const struct match what = {request, &reply_to->peer, request->method_name, request->to_tag};
    int err = check_room(table, 2); /* the other is the client that this one will have */
    if (!err)
        err = new_txn(table, request->method == METHOD_INVITE ? TXN_INVITE_SERVER : TXN_SERVER,
                      reply_to, &t);
    if (err)
        return err;
    t->user = *user;
    t->request = msg_copy(&t->arena, request);
    t->key = t->request ? t->request->via.branch : STR_NONE;
    if (!t->request || enlist(t, match_hash(&table->servers.key, &what))) {
        put(t);
        return ERR_NOMEM;
    }
    t->began_ms = loop_now_ms(table->conf.loop);
    *out = t;
    step(t, TXN_EV_START, NULL, STR_NONE);
    return 0;
}

static bool receive_ack(struct txn_table *table, const struct msg *ack, const struct addr *source)
{
    struct txn *t = find_acknowledged(table, ack, source);
    if (!t)
        return false;
    bool is_hop_by_hop = t->state != TXN_ACCEPTED;
    step(t, TXN_EV_ACK, ack, STR_NONE);
    return is_hop_by_hop;
}

bool txn_server_receive(struct txn_table *table, const struct msg *request,
                        const struct addr *source)
{
    if (request->method == METHOD_ACK)
        return receive_ack(table, request, source);
    struct txn *t =
        server_find(table, &(struct match){request, source, request->method_name, request->to_tag});
    if (!t)
        return false;
    stats_inc(STAT_REPEATED);
    step(t, TXN_EV_REQUEST, request, STR_NONE);
    return true;
}

bool txn_server_has(const struct txn_table *t, const struct via *via, struct str method,
                    const struct addr *source)
{
    return match_is_likely(&t->servers, &t->sieve, via, method, source);
}

void txn_server_cancelled(struct txn *t, const struct msg *cancel)
{
    note(t, TXN_NOTE_CANCEL, cancel);
}

/* RFC 4320 4.2: the client's Timer F began before we had its request. */
static bool is_too_late(const struct txn *t, unsigned status)
{
    return t->kind == TXN_SERVER && status >= 200 && is_open(t) &&
           loop_now_ms(t->table->conf.loop) - t->began_ms >= TXN_TIMEOUT_MS;
}

void txn_server_send(struct txn *t, unsigned status, struct str bytes)
{
    if (is_too_late(t, status))
        drop(t);
    else
        step(t, txnfsm_event_of(status), NULL, bytes);
}

void txn_server_reply(struct txn *t, const struct build_reply *reply)
{
    char tag[MARK_TAG_LEN];
    struct str own_tag = mark_tag(t->table->conf.marks, t->request, tag);
    struct build_reply r = *reply;
    if (r.status > 100 && !r.to_tag.n)
        r.to_tag = own_tag;
    struct str bytes;
    if (build_response(&t->arena, t->request, &t->flow.peer, &r, &bytes)) {
        if (r.status >= 200)
            drop(t); /* no memory: without an answer it would stay for ever */
        return;
    }
    if (r.status > 100 && t->kind == TXN_INVITE_SERVER)
        t->last_tag = str_dup(&t->arena, r.to_tag);
    txn_server_send(t, r.status, bytes);
}

void txn_server_drop(struct txn *t)
{
    drop(t);
}

bool txn_server_is_open(const struct txn *t)
{
    return is_open(t);
}

const struct msg *txn_server_request(const struct txn *t)
{
    return t->request;
}

/* ---------------------------------------------------------------- client side */

static int start_client(struct txn_table *table, const struct txn_request *request,
                        const struct txn_user *user, struct txn **out)
{
    struct txn *t;
    int err =
        new_txn(table, request->is_invite ? TXN_INVITE_CLIENT : TXN_CLIENT, &request->flow, &t);
    if (err)
        return err;
    t->sent = str_dup(&t->arena, request->bytes);
    t->key = str_dup(&t->arena, request->branch);
    t->method = str_dup(&t->arena, request->method);
    t->until_ms = request->until_ms;
    if (t->arena.has_failed || enlist(t, hmap_hash(&table->clients, t->key))) {
        put(t);
        return ERR_NOMEM;
    }
    err = send_bytes(t, t->sent);
    if (err == ERR_GONE || err == ERR_IO) {
        drop(t); /* without a user yet: nobody is told */
        return err;
    }
    struct txnfsm_step first = txnfsm_step(t->kind, t->state, TXN_EV_START);
    arm_timers(t, first.actions);
    t->user = *user;
    *out = t;
    return 0;
}

int txn_client_new(struct txn_table *table, const struct txn_request *request,
                   const struct txn_user *user, struct txn **out)
{
    int err = check_room(table, 1);
    return err ? err : start_client(table, request, user, out);
}

bool txn_client_receive(struct txn_table *table, const struct msg *response)
{
    struct hmap_node *n =
        hmap_first(&table->clients, hmap_hash(&table->clients, response->via.branch));
    for (; n; n = hmap_next(n)) {
        struct txn *t = container_of(n, struct txn, node);
        if (str_eq(t->key, response->via.branch) && str_eq(t->method, response->method_name)) {
            step(t, txnfsm_event_of(response->status), response, STR_NONE);
            return true;
        }
    }
    return false;
}

int txn_client_cancel(struct txn *t, struct str reason)
{
    struct str bytes;
    const struct msg *invite = sent_request(t);
    if (!invite || hop_cancel(&t->arena, invite, reason, &bytes))
        return ERR_NOMEM;
    const struct txn_request cancel = {
        .flow = t->flow, .bytes = bytes, .branch = t->key, .method = STR("CANCEL")};
    struct txn *own; /* runs by itself; a full table takes it, too: it makes room */
    return start_client(t->table, &cancel, &(struct txn_user){0}, &own);
}

void txn_client_drop(struct txn *t)
{
    t->user.fn = NULL;
    drop(t);
}

int txn_table_new(const struct txn_conf *conf, struct txn_table **out)
{
    struct txn_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->conf = *conf;
    if (loop_hook_new(conf->loop, reap, t, &t->reaper)) {
        free(t);
        return ERR_NOMEM;
    }
    hmap_init(&t->servers);
    hmap_init(&t->clients);
    list_init(&t->alive);
    list_init(&t->dead);
    list_init(&t->pool);
    *out = t;
    return 0;
}

void txn_table_free(struct txn_table *t)
{
    if (!t)
        return;
    while (!list_is_empty(&t->alive))
        drop(container_of(t->alive.next, struct txn, link));
    reap(t);
    for (struct list *l = list_pop(&t->pool); l; l = list_pop(&t->pool))
        free_txn(container_of(l, struct txn, link));
    hmap_fini(&t->servers);
    hmap_fini(&t->clients);
    loop_hook_free(t->reaper);
    free(t);
}

void txn_table_set_max(struct txn_table *t, uint32_t max)
{
    t->conf.max = max;
}

bool txn_table_is_idle(const struct txn_table *t)
{
    return t->n_open == 0 &&
           (!t->answered_ms || loop_now_ms(t->conf.loop) - t->answered_ms >= TXN_ACK_MS);
}

size_t txn_table_size(const struct txn_table *t)
{
    return t->n_alive;
}
