#include "service/call.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "core/txnfsm.h"
#include "net/loop.h"
#include "service/auth.h"
#include "service/caller.h"
#include "service/calllog.h"
#include "service/challenge.h"
#include "service/elsewhere.h"
#include "service/follow.h"
#include "service/hunt.h"
#include "service/late.h"
#include "service/local.h"
#include "service/reach.h"
#include "service/reply.h"
#include "service/servers.h"
#include "service/silence.h"
#include "service/told.h"
#include "service/trial.h"
#include "service/txn.h"

/* Longer than three minutes (RFC 3261 16.6 step 11). */
enum { TIMER_C_MS = 185 * 1000, ARENA_LIMIT = 1024 * 1024, LOOK_MS = 20 };

struct branch {
    struct call *call;
    struct txn *client;
    struct wheel_timer timer_c;
    struct identity identity; /* of its answers */
    struct addr peer;
};

struct call {
    struct list link;
    struct context *context;
    struct arena arena;
    struct flow_ref source;
    struct txn *server;
    struct fork fork;
    struct str cancel_reason; /* what those hear that are cancelled (D72), or none */
    struct hunt hunt;
    struct str followed; /* the line whose devices' redirects are, or none */
    struct calllog log;
    struct caller caller; /* nobody, unless a phone of ours calls */
    bool is_group_due;    /* the next group has its turn once the handlers are through */
    uint32_t ring_timeout_s;
    struct trial trial;
    struct str own_realm; /* of the challenges that are not for the caller; or none */
    struct wheel_timer ring;
    struct late_watch late; /* for devices that register while it rings */
    struct wheel_timer look;
    uint32_t breadth; /* that the branches share */
    struct ongoing ongoing;
    unsigned n_holds; /* handlers that are at work on it */
    struct branch branches[FORK_BRANCHES_MAX];
    const struct msg *failures[FORK_BRANCHES_MAX]; /* of each branch, for the choice among them */
};

static bool has_client(const struct call *k)
{
    for (size_t i = 0; i < k->fork.n; i++)
        if (k->branches[i].client)
            return true;
    return false;
}

static void stop_waiting(struct call *k)
{
    loop_timer_stop(k->context->loop, &k->look);
    late_unwatch(k->context, &k->late);
}

static void free_call(struct call *k)
{
    for (size_t i = 0; i < k->fork.n; i++)
        loop_timer_stop(k->context->loop, &k->branches[i].timer_c);
    loop_timer_stop(k->context->loop, &k->ring);
    stop_waiting(k);
    caller_del(k->context, &k->caller);
    ongoing_end(k->context, &k->ongoing);
    list_del(&k->link);
    arena_fini(&k->arena);
    stats_dec(STAT_CALLS);
    free(k);
}

static void start_group(struct call *k);

/* Once nobody waits for an answer any more; a stop may end transactions without one. */
static void end_log(struct call *k)
{
    if (k->server && txn_server_is_open(k->server))
        return;
    k->log.is_drained |= !k->log.status && k->context->is_draining;
    calllog_end(&k->log, &k->fork, loop_now_ms(k->context->loop));
}

/* What began with hold() is done: the next group has its turn; an answer may have ended the
 * server's transaction meanwhile. A caller whom nobody will answer any more gets no answer (no
 * memory for one). */
static void release(struct call *k)
{
    while (k->n_holds == 1 && k->is_group_due)
        start_group(k);
    if (!fork_is_open(&k->fork))
        stop_waiting(k);
    if (k->n_holds == 1 && !has_client(k) && k->server && txn_server_is_open(k->server))
        txn_server_drop(k->server);
    end_log(k);
    if (--k->n_holds == 0 && !has_client(k) && !k->server)
        free_call(k);
}

static void hold(struct call *k)
{
    k->n_holds++;
}

static void answer(struct call *k, unsigned status)
{
    if (!k->server || !txn_server_is_open(k->server))
        return;
    calllog_on_response(&k->log, status, loop_now_ms(k->context->loop));
    ongoing_on_answer(k->context, &k->ongoing, &(struct ongoing_answer){.status = status});
    txn_server_reply(k->server, &(struct build_reply){.status = status});
}

/* ---------------------------------------------------------------- cancelling */

static void arm_timer_c(struct branch *b, uint64_t ms)
{
    if (b->call->fork.is_invite)
        loop_timer_start(b->call->context->loop, &b->timer_c, ms);
}

static void cancel_rest(struct call *k)
{
    for (int i = fork_next_cancel(&k->fork); i >= 0; i = fork_next_cancel(&k->fork)) {
        struct branch *b = &k->branches[i];
        if (!b->client)
            continue;
        (void)txn_client_cancel(b->client, k->cancel_reason); /* failing that, the timer ends it */
        arm_timer_c(b, TXN_TIMEOUT_MS); /* 9.1: 64*T1 later it counts as cancelled */
    }
}

static void on_event(struct branch *b, unsigned status, const struct msg *m);

/* Rang too long, or did not answer the CANCEL (9.1: its transaction may be destroyed). */
static void on_timer_c(void *arg)
{
    struct branch *b = arg;
    struct call *k = b->call;
    struct fork_branch *state = &k->fork.branches[b - k->branches];
    hold(k);
    if (!state->is_cancel_sent) {
        stats_inc(STAT_TIMER_C);
        state->is_cancel_wanted = true;
        cancel_rest(k);
    } else {
        if (b->client)
            txn_client_drop(b->client);
        b->client = NULL;
        on_event(b, k->fork.is_cancelled ? 487 : 408, NULL);
    }
    release(k);
}

/* ---------------------------------------------------------------- answers */

static void forward(struct branch *b, const struct msg *m, struct str extra)
{
    struct call *k = b->call;
    struct str bytes;
    if (!k->server)
        return;
    if (!b->identity.is_from_phone)
        told_note(k->context, m);
    int err = forward_response(k->context, m, &b->identity, extra, &bytes);
    if (err == 0) {
        const struct ongoing_answer a = {m->status, m, &b->peer};
        ongoing_on_answer(k->context, &k->ongoing, &a);
        calllog_on_response(&k->log, m->status, loop_now_ms(k->context->loop));
        txn_server_send(k->server, m->status, bytes);
    } else if (m->status >= 200) {
        answer(k, err == ERR_PARSE ? 502 : 500);
    }
}

static void send_best(struct call *k)
{
    int best = fork_best(&k->fork);
    unsigned status = best < 0 ? 500 : k->fork.branches[best].status;
    const struct msg *m = best < 0 ? NULL : k->failures[best];
    if (k->fork.is_cancelled && status < 600)
        answer(k, 487);
    else if (m && auth_is_for_us(k->context, m, k->own_realm))
        answer(k, 503);
    else if (status == 503 || !m || m->status != status)
        answer(k, status == 503 ? 500 : status); /* 16.7 step 6: it is not us who is overloaded */
    else if (status == 401 || status == 407)
        forward(&k->branches[best], m,
                challenge_lines(k->context, k->failures, k->fork.n, (size_t)best));
    else
        forward(&k->branches[best], m, STR_NONE);
}

/* Early media that another branch's keeps from the caller (RFC 3261 16.7 lets a proxy choose). */
static bool is_unheard(struct call *k, const struct branch *b, const struct msg *m)
{
    bool is_media = m->status < 200 && m->body.n && !msg_find(m, STR("RSeq"));
    if (!is_media || fork_is_media_heard(&k->fork, (size_t)(b - k->branches)))
        return false;
    stats_inc(STAT_MEDIA_UNHEARD);
    return true;
}

static void act(struct call *k, unsigned actions)
{
    if (actions & FORK_CANCEL_REST)
        cancel_rest(k);
    if (actions & FORK_NEXT)
        k->is_group_due = true;
    if (actions & FORK_SEND_BEST)
        send_best(k);
    if ((actions & FORK_DROP) && k->server)
        txn_server_drop(k->server);
}

static void on_ring_timeout(void *arg)
{
    struct call *k = arg;
    bool is_silent = trial_on_silence(&k->trial);
    unsigned actions = is_silent ? fork_on_silence(&k->fork) : fork_on_ring_timeout(&k->fork);
    if (!actions)
        return;
    stats_add(STAT_RING_TIMEOUT, !is_silent);
    hold(k);
    act(k, actions);
    release(k);
}

/* What becomes of an answer; *m is NULL where it is not told. */
static unsigned judge(struct branch *b, unsigned status, const struct msg **m)
{
    struct call *k = b->call;
    size_t branch = (size_t)(b - k->branches);
    const struct follow f = {.context = k->context,
                             .source = &k->source,
                             .request = k->server ? txn_server_request(k->server) : NULL,
                             .aor = k->server ? k->followed : STR_NONE,
                             .fork = &k->fork,
                             .hunt = &k->hunt,
                             .arena = &k->arena,
                             .breadth = fork_breadth_left(&k->fork, k->breadth, (int)branch)};
    return follow_on_response(&f, branch, status, m);
}

/* One answer of a branch: 408 for its silence, 503 for a transport that failed, without m. */
static void on_event(struct branch *b, unsigned status, const struct msg *m)
{
    struct call *k = b->call;
    trial_note(&k->trial, (size_t)(b - k->branches), status, m != NULL);
    unsigned actions = judge(b, status, &m);
    if (m && status >= 300)
        k->failures[b - k->branches] = msg_copy(&k->arena, m);
    if (m && (actions & FORK_FORWARD) && !is_unheard(k, b, m))
        forward(b, m, STR_NONE);
    k->cancel_reason = elsewhere_reason(&k->arena, &k->fork, k->cancel_reason, status);
    act(k, actions);
}

static bool is_server(const struct branch *b)
{
    return trial_is_server(&b->call->trial, (size_t)(b - b->call->branches));
}

static void on_response(struct branch *b, const struct msg *m)
{
    struct call *k = b->call;
    bool is_given_up = k->fork.branches[b - k->branches].is_silent;
    if (k->server && is_server(b))
        trial_tell(&k->trial, (size_t)(b - k->branches), txn_server_request(k->server), m->status);
    if (!is_given_up && trial_on_response(&k->trial, m->status))
        loop_timer_stop(k->context->loop, &k->ring);
    if (m->status >= 200)
        loop_timer_stop(k->context->loop, &b->timer_c);
    else if (m->status > 100 && !k->fork.branches[b - k->branches].is_cancel_sent)
        arm_timer_c(b, TIMER_C_MS);
    on_event(b, m->status, m);
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct branch *b = arg;
    struct call *k = b->call;
    (void)t;
    hold(k);
    switch (what) {
    case TXN_NOTE_MESSAGE:
        on_response(b, m);
        break;
    case TXN_NOTE_TIMEOUT:
        (void)trial_is_lost(&k->trial);
        on_event(b, k->fork.is_cancelled ? 487 : 408, NULL);
        break;
    case TXN_NOTE_ERROR:
    case TXN_NOTE_GONE: /* a device is away then (D69); else 16.9 */
        (void)trial_is_lost(&k->trial);
        on_event(b, what == TXN_NOTE_GONE && !is_server(b) ? 480 : 503, NULL);
        break;
    case TXN_NOTE_END:
        b->client = NULL;
        loop_timer_stop(k->context->loop, &b->timer_c);
        break;
    default:
        break;
    }
    release(k);
}

/* D72: why upstream gives up is told to the devices; what a phone says of it is not believed. */
static void on_cancel(struct call *k, const struct msg *cancel)
{
    if (!fork_on_cancel(&k->fork))
        return;
    stats_inc(STAT_CANCELLED);
    struct str reason = elsewhere_of_cancel(&k->arena, cancel);
    if (!str_is_none(reason) && servers_owner(k->context, &k->source))
        k->cancel_reason = reason;
    cancel_rest(k);
}

static void on_server(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct call *k = arg;
    (void)t;
    hold(k);
    switch (what) {
    case TXN_NOTE_CANCEL:
        on_cancel(k, m);
        break;
    case TXN_NOTE_LATE:
        answer(k, 100);
        break;
    case TXN_NOTE_END:
        k->server = NULL;
        break;
    default:
        break;
    }
    release(k);
}

/* ---------------------------------------------------------------- start */

/* A branch that cannot be sent has failed as if 503 had come. */
static void start_branch(struct call *k, const struct msg *m, const struct forward_plan *plan)
{
    struct forward f;
    const struct packet p = {.flow = k->source};
    int at = fork_add(&k->fork);
    BUG_ON(at < 0);
    struct branch *b = &k->branches[at];
    b->call = k;
    calllog_add_branch(&k->log, (size_t)at, &plan->flow.peer);
    b->identity = identity_of_answers(&plan->identity);
    b->peer = plan->flow.peer;
    wheel_timer_init(&b->timer_c, on_timer_c, b);
    int err = forward_build(k->context, &p, m, plan, &f) == FORWARD_OK ? 0 : ERR_NOMEM;
    const struct txn_request request = {.flow = f.flow,
                                        .bytes = f.bytes,
                                        .branch = f.branch,
                                        .is_invite = k->fork.is_invite,
                                        .method = m->method_name};
    if (!err)
        err = txn_client_new(k->context->txns, &request, &(struct txn_user){on_client, b},
                             &b->client);
    if (err) {
        log_debug("branch not sent: %s", err_text(err));
        return;
    }
    stats_inc(STAT_FORWARDED);
    k->fork.branches[at].breadth = plan->max_breadth;
    arm_timer_c(b, TIMER_C_MS);
}

/* While there is another group, this one has its time (D68); who joins it has what is left of that.
 */
static void start_ring(struct call *k, bool is_joined)
{
    uint64_t ms = (uint64_t)(k->trial.mark ? SILENCE_S : k->ring_timeout_s) * 1000;
    bool is_running = is_joined && k->fork.has_more;
    fork_set_more(&k->fork, hunt_has_more(&k->hunt));
    if (hunt_has_more(&k->hunt) && (k->fork.is_invite || k->trial.mark) && !is_running)
        loop_timer_start(k->context->loop, &k->ring, ms);
    act(k, fork_step(&k->fork));
}

static void wait_for_devices(struct call *k);

/* The devices have it in place of the upstream, and may have become others meanwhile. */
static void begin_local(struct call *k)
{
    k->trial.mark = 0;
    stats_inc(STAT_LOCAL_OUTAGE);
    wait_for_devices(k);
    if (k->late.is_set)
        loop_timer_start(k->context->loop, &k->look, LOOK_MS);
}

/* Sends to the targets that are next, at once; those of a redirect beside whoever rings. What is
 * left after them is tried when they have failed, or have rung for ring-timeout. */
static void start_group(struct call *k)
{
    k->is_group_due = false;
    if (!k->server) /* nobody waits for it */
        return;
    const struct msg *m = txn_server_request(k->server);
    size_t first = k->fork.n;
    bool is_joined = fork_is_awaited(&k->fork);
    size_t n_ended = hunt_del_ended(&k->hunt, loop_now_ms(k->context->loop));
    stats_add(STAT_REDIRECT_EXPIRED, (int64_t)n_ended);
    trial_pass(&k->trial);
    bool is_to_server = hunt_is_server_next(&k->hunt);
    stats_add(STAT_FAILOVER_CALL, first && is_to_server);
    if (first && k->trial.mark && !is_to_server)
        begin_local(k);
    for (size_t n = hunt_group_size(&k->hunt); n > 0; n--) {
        const struct hunt_entry *e = &k->hunt.list[k->hunt.next++];
        start_branch(k, m, e->plan);
        if (is_to_server)
            k->trial.servers[k->fork.n - 1] = e->plan->flow;
        k->fork.branches[k->fork.n - 1].is_last_resort = e->is_last_resort;
    }
    start_ring(k, is_joined);
    for (size_t i = first, n = k->fork.n; i < n; i++)
        if (!k->branches[i].client)
            on_event(&k->branches[i], 503, NULL);
}

/* ---------------------------------------------------------------- late fork */

/* Half of what is left, so that something is left for the next one. */
static bool admit(struct call *k, const struct msg *m, struct target *t,
                  const struct target_set *now)
{
    uint32_t left = fork_breadth_left(&k->fork, k->breadth, -1);
    bool is_due;
    t->plan.max_breadth = left - left / 2;
    if (left == 0 || hunt_count(&k->hunt) >= now->max_devices ||
        hunt_add(&k->hunt, t, now->is_by_q, &k->arena, &is_due))
        return false;
    if (!is_due) {
        start_ring(k, true);
        return true;
    }
    start_branch(k, m, &t->plan);
    struct branch *b = &k->branches[k->fork.n - 1];
    if (!b->client)
        on_event(b, 503, NULL);
    return true;
}

/* Who is called now and was not before joins. The line is looked up anew. */
static void look_again(struct call *k)
{
    struct target_set now = {0};
    const struct packet p = {.flow = k->source};
    if (!k->server || !fork_is_open(&k->fork))
        return;
    const struct msg *m = txn_server_request(k->server);
    if (target_find(k->context, &p, m, &now) != FORWARD_OK)
        return;
    (void)local_add(k->context, &p, m, &now);
    for (size_t i = 0; i < now.n; i++) {
        struct target *t = &now.list[i];
        if (t->device && !hunt_has(&k->hunt, t->device))
            stats_inc(admit(k, m, t, &now) ? STAT_LATE_FORKS : STAT_LATE_REFUSED);
    }
}

static void on_look(void *arg)
{
    struct call *k = arg;
    hold(k);
    look_again(k);
    release(k);
}

static void on_arrival(struct late_watch *w)
{
    on_look(container_of(w, struct call, late));
}

/* With several workers a device may have come between the snapshot that this turn reads and the
 * watch; one look more sees it. Without memory the call goes on with those it has. */
static void wait_for_devices(struct call *k)
{
    struct context *c = k->context;
    k->late.on_arrival = on_arrival;
    if (str_is_none(k->late.aor) || late_watch(c, &k->late))
        return;
    if (c->n_workers > 1)
        loop_timer_start(c->loop, &k->look, LOOK_MS);
}

/* ---------------------------------------------------------------- the door */

/* What outlives the request of who calls whom. */
static void note_parties(struct call *k, const struct msg *m, const struct target_set *set)
{
    const struct calllog_origin origin = {
        .to = set->aor, .from = &k->source.peer, .now_ms = loop_now_ms(k->context->loop)};
    const struct caller who = {.aor = set->caller, .way = reach_way(&k->source)};
    calllog_start(&k->log, &k->arena, m, &origin);
    if (k->fork.is_invite && !str_is_none(set->caller))
        caller_add(k->context, &k->arena, m, &who, &k->caller);
}

static int call_new(struct context *c, const struct packet *p, const struct msg *m,
                    const struct target_set *targets, struct call **out)
{
    struct call *k = calloc(1, sizeof *k);
    if (!k)
        return ERR_NOMEM;
    k->context = c;
    k->source = p->flow;
    fork_init(&k->fork, m->method == METHOD_INVITE, &targets->policy);
    wheel_timer_init(&k->ring, on_ring_timeout, k);
    wheel_timer_init(&k->look, on_look, k);
    arena_init(&k->arena, ARENA_LIMIT);
    struct flow_ref reply_to = reply_flow(&m->via, &p->flow);
    int err = txn_server_new(c->txns, m, &reply_to, &(struct txn_user){on_server, k}, &k->server);
    if (err) {
        free(k);
        return err;
    }
    list_add(&c->calls, &k->link);
    stats_inc(STAT_CALLS);
    note_parties(k, m, targets);
    *out = k;
    return 0;
}

int call_start(struct context *c, const struct packet *p, const struct msg *m,
               const struct target_set *targets)
{
    struct call *k;
    int err = call_new(c, p, m, targets, &k);
    if (err)
        return err;
    hold(k);
    if (k->fork.is_invite)
        answer(k, 100);
    hunt_init(&k->hunt, targets);
    k->ring_timeout_s = targets->ring_timeout_s;
    k->breadth = targets->breadth;
    k->ongoing = targets->ongoing;
    trial_init(&k->trial, c, targets, &k->hunt, &k->fork);
    if (!str_is_none(targets->own_realm))
        k->own_realm = str_dup(&k->arena, targets->own_realm);
    if (targets->can_grow)
        k->late.aor =
            str_dup(&k->arena, str_is_none(targets->joins) ? targets->aor : targets->joins);
    if (targets->is_followed)
        k->followed = str_dup(&k->arena, targets->aor);
    bool is_kept = hunt_keep(&k->hunt, &k->arena) == 0;
    if (is_kept)
        start_group(k);
    else
        answer(k, 503);
    if (is_kept && !k->trial.mark) /* nobody joins a call that has not begun */
        wait_for_devices(k);
    release(k);
    return 0;
}

static void give_up(struct call *k)
{
    if (!k->server || !txn_server_is_open(k->server))
        return;
    hold(k);
    k->log.is_drained = true;
    if (fork_on_cancel(&k->fork))
        cancel_rest(k); /* it would ring on for nobody */
    answer(k, 503);
    release(k);
}

void call_give_up_all(struct context *c)
{
    list_each_safe (it, &c->calls)
        give_up(container_of(it, struct call, link));
}
