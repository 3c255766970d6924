#include "service/upstream.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/alarm.h"
#include "service/flight.h"
#include "service/guard.h"
#include "service/late.h"
#include "service/learned.h"
#include "service/lostdata.h"
#include "service/leg.h"
#include "service/own.h"
#include "service/pacer.h"
#include "service/postpone.h"
#include "service/refused.h"
#include "service/regreply.h"
#include "service/shadow.h"
#include "service/shield.h"
#include "service/trailnote.h"
#include "service/turn.h"
#include "service/txn.h"
#include "sip/contact.h"

/* A silent registrar stops blocking others after 5 s; the phone is told after 10 (D60, D61). */
enum { ANSWER_MS = 10000 };

/* Ours that must wait for a phone's. */
enum { RETRY_BUSY_MS = 30000 };

struct upstream {
    struct context *context;
    struct hmap legs;
    void (*resume)(struct reg *r);
    void (*look)(struct context *c, struct str aor, bool is_prompt);
    struct learned *learned;
};

int upstream_new(struct context *c, const struct upstream_calls *calls, struct upstream **out)
{
    struct upstream *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    u->context = c;
    u->resume = calls->resume;
    u->look = calls->look;
    hmap_init(&u->legs);
    *out = u;
    return 0;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    for (struct hmap_node *n = hmap_any(&u->legs); n; n = hmap_any(&u->legs)) {
        struct leg *l = container_of(n, struct leg, node);
        list_splice(&u->context->regs, &l->waiting);
        leg_free(l);
    }
    reg_free_all(u->context);
    learned_free(u->learned);
    hmap_fini(&u->legs);
    free(u);
}

bool upstream_is_left_alone(const struct upstream *u, const struct conf_domain *d)
{
    return d->upstream->shield && shield_is_paused(d->upstream, loop_now_ms(u->context->loop));
}

const struct leg *upstream_leg(const struct upstream *u, uint64_t upreg_id)
{
    return leg_find(&u->legs, upreg_id);
}

bool upstream_is_blocked(const struct upstream *u, uint64_t upreg_id)
{
    const struct leg *l = leg_find(&u->legs, upreg_id);
    return l && l->busy;
}

/* NULL: no turn is kept for it. */
static struct leg *leg_with_turn(const struct context *c, const struct regview *v,
                                 uint64_t upreg_id)
{
    struct leg *l = leg_find(&c->upstream->legs, upreg_id);
    return l && l->has_turn && v->view.has_authorization ? l : NULL;
}

bool upstream_has_turn(const struct context *c, const struct regview *v, uint64_t upreg_id,
                       enum pace_class k)
{
    return leg_with_turn(c, v, upreg_id) || pacer_can(c, v->domain->upstream, k);
}

bool upstream_take_turn(struct reg *r)
{
    struct leg *l = leg_with_turn(r->context, &r->v, r->up.upreg_id);
    r->is_answer = l;
    if (!l)
        return pacer_take(r->context, r->v.domain->upstream, r->pace_class);
    l->has_turn = false;
    return true;
}

void upstream_wait(struct reg *r)
{
    const struct upstream *u = r->context->upstream;
    if (r->is_silent)
        return; /* its own is on the way: patience ends the wait */
    if (!upstream_is_blocked(u, r->up.upreg_id) && upstream_is_left_alone(u, r->v.domain)) {
        reg_decided(r, REASON_UPSTREAM_ERROR, 503);
        reg_refuse(r, REASON_UPSTREAM_ERROR, 503);
    } else {
        turn_wait(leg_find(&u->legs, r->up.upreg_id), r);
    }
}

/* ---------------------------------------------------------------- changes */

static void begin_change(const struct reg *r, enum regchange_kind kind, struct regchange *out)
{
    *out = (struct regchange){.kind = kind, .conf = r->v.domain->absorb, .view = r->v.view};
}

/* A 2xx that came after the phone had been told of a timeout (D62). */
static enum reason adopted(const struct reg *r, enum reason why)
{
    bool is_late = !r->is_own && reg_is_answered(r);
    return is_late && why == REASON_ACCEPTED ? REASON_ADOPTED : why;
}

/* What the answer to a phone's REGISTER says of its source. */
static void tell_guard(struct reg *r, unsigned status, const struct msg *answer)
{
    const struct msg *request = reg_request(r);
    if (r->is_own || !request)
        return;
    guard_on_answer(r->context,
                    &(struct guard_case){&r->flow, request, answer, r->v.view.aor, status});
    if (status == 403 || status == 404)
        refused_note(r->context, request, &r->v, status);
}

static void on_kept(struct reg *r)
{
    tell_guard(r, 200, NULL);
    shadow_on_accepted(r->context, &r->v);
    reg_answer_ok(r);
    late_announce(r->context, r->v.view.aor);
}

static void on_stored(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    struct reg *r = (struct reg *)(uintptr_t)result->cookie;
    bool has_failed = result->outcome == STORE_FAILED; /* the code is an ERR_… then */
    enum reason why = has_failed ? REASON_STORE : (enum reason)result->code;
    (void)arg;
    r->n_storing--;
    reg_decided(r, adopted(r, why), r->status);
    if (r->is_own && why == REASON_ACCEPTED && result->outcome == STORE_COMMITTED)
        own_count(why);
    else if (r->is_own)
        own_failed(r, why);
    if (has_failed || why == REASON_FULL)
        reg_refuse(r, why, 503);
    else if (why == REASON_NOT_PROVEN)
        reg_refuse(r, why, r->v.domain->absorb.authentication == AUTH_LOCAL ? 503 : 403);
    else if (why == REASON_NOT_GRANTED || why == REASON_STALE_CSEQ)
        reg_refuse(r, why, 500);
    else
        on_kept(r);
    store_result_free(result);
    turn_leave(r);
    r->context->upstream->look(r->context, r->v.view.aor, false);
    reg_free_if_done(r);
}

/* What nobody waits for: the record follows, the phone has its answer. */
static void on_noted(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    struct reg *r = (struct reg *)(uintptr_t)result->cookie;
    bool is_committed = result->outcome == STORE_COMMITTED;
    (void)arg;
    r->n_storing--;
    if (is_committed && result->code != REASON_REFUSED) /* counted already */
        reg_decided(r, (enum reason)result->code, r->status);
    store_result_free(result);
    turn_leave(r);
    if (is_committed) /* it may have been the last device */
        r->context->upstream->look(r->context, r->v.view.aor, false);
    reg_free_if_done(r);
}

static void change(struct reg *r, const struct regchange *what, inbox_fn *on_result)
{
    if (reg_store(r, what, on_result) == 0)
        return;
    if (r->is_own)
        own_failed(r, REASON_STORE);
    reg_refuse(r, REASON_STORE, 503);
    turn_leave(r);
}

/* ---------------------------------------------------------------- our own, again */

/* To go right behind the phone's that is on its way. A removal rather leaves that phone the time to
 * answer a challenge, which may end the need for it (D58). */
static bool is_urgent(const struct reg *r)
{
    return r->leg->busy && r->up.as != FORWARD_REMOVAL;
}

/* While a phone's is on its way it stays: a stranger's must not end it. */
static void on_retry(void *arg)
{
    struct reg *r = arg;
    struct context *c = r->context;
    r->leg->is_retry_next = is_urgent(r);
    if (r->leg->busy) {
        loop_timer_start(c->loop, &r->patience, RETRY_BUSY_MS);
        return;
    }
    struct str aor = str_dup(&c->scratch, r->v.view.aor);
    r->leg->retry = NULL;
    turn_leave(r);
    reg_free_if_done(r);
    c->upstream->look(c, aor, true);
}

void upstream_hold(struct reg *r, uint64_t wait_ms)
{
    r->leg->retry = r;
    r->leg->is_retry_next = !wait_ms && is_urgent(r);
    r->leg->on_retry = on_retry;
    wheel_timer_init(&r->patience, on_retry, r);
    loop_timer_start(r->context->loop, &r->patience, wait_ms ? wait_ms : RETRY_BUSY_MS);
    turn_unblock(r);
}

/* D58: our own is tried again until it is done, no longer wanted, or upstream's own deadline has
 * come, which `look` sees. False: it is a phone's, or another one is waiting for the same. */
static bool retry_own(struct reg *r, enum reason why)
{
    struct leg *l = r->leg;
    if (r->is_own)
        own_failed(r, why);
    if (!r->is_own || !l || l->retry || r->v.view.is_line)
        return false;
    uint64_t wait_ms = own_wait_ms(r, why);
    l->n_retries++;
    upstream_hold(r, wait_ms);
    return true;
}

/* ---------------------------------------------------------------- answers */

static void finish(struct reg *r, enum reason why, unsigned status)
{
    reg_decided(r, why, r->status ? r->status : status);
    reg_refuse(r, why, status);
    if (r->leg)
        leg_release(r->leg);
    if (!retry_own(r, why))
        turn_leave(r);
}

static void on_accepted(struct reg *r, const struct msg *m)
{
    struct regchange what;
    begin_change(r, REGCHANGE_ACCEPTED, &what);
    enum reason why = upreq_read(r->context, m, &r->up, &what.grant);
    if (why == REASON_CONTACT_MISSING) {
        (void)alarm_raise(r->context->alarms, ALARM_CONTACT_MISSING, r->v.domain->upstream->name,
                          sys_service_s());
        log_warn("upstream \"%s\": a 2xx to the REGISTER of %.*s: %s", r->v.domain->upstream->name,
                 STR_FMT(LOG_NAME_OF(r->v.view.aor)), reason_word(why));
        finish(r, why, 500);
        return;
    }
    own_judge_acceptance(r);
    own_on_accepted(r, m);
    r->leg->n_retries = 0;
    what.n_leaving = r->n_leaving;
    memcpy(what.leaving, r->leaving, sizeof what.leaving);
    leg_release(r->leg);
    if (r->up.as == FORWARD_QUERY) {
        r->answer = m;
        reg_answer_ok(r);
        r->answer = NULL;
        turn_leave(r);
        return;
    }
    r->answer = msg_copy(&r->arena, m); /* without memory our own 200 serves as well */
    change(r, &what, on_stored);
}

/* D58: it stays upstream until it runs out. */
static void leave_behind(struct reg *r, unsigned status, enum reason why)
{
    struct regchange what;
    if (why == REASON_CHALLENGED)
        own_judge_challenge(r);
    own_count(why);
    begin_change(r, REGCHANGE_REFUSED, &what);
    what.status = status;
    change(r, &what, on_noted);
}

/* The phone's answer to the challenge must find its turn (D56a). */
static void keep_turn(struct reg *r)
{
    if (r->is_own || !r->leg || r->leg->has_turn)
        return;
    flight_charge(r);
    r->leg->has_turn = true;
}

/* A challenge is for whom upstream has to be shown a proof: in relay and trusted the phone, whose
 * answer is relayed. In local it is us: the phone has proven itself, and could not tell upstream's
 * challenge from ours. */
static void on_unanswered(struct reg *r, const struct msg *m)
{
    bool is_proven_here = r->v.domain->absorb.authentication == AUTH_LOCAL && !r->is_own;
    own_judge_challenge(r);
    if (is_proven_here) {
        finish(r, REASON_CHALLENGED_US, 503);
        return;
    }
    reg_decided(r, REASON_CHALLENGED, r->status);
    tell_guard(r, m->status, m);
    reg_pass_answer(r, m);
    keep_turn(r);
    if (!retry_own(r, REASON_CHALLENGED))
        turn_leave(r); /* the bindings stay pending for the answer to the challenge (D30) */
}

/* One that was silent for so long that others have gone is not sent again beside them (D60). */
static bool go_again(struct reg *r, enum reason why)
{
    struct leg *l = r->leg;
    if (l->busy && l->busy != r)
        return false;
    l->busy = r;
    reg_decided(r, why, r->status);
    flight_charge(r);
    return flight_repeat(r) == 0;
}

static void on_challenged(struct reg *r, const struct msg *m)
{
    enum own_answer got = own_on_challenge(r, m);
    enum reason why = got == OWN_REFUSED ? REASON_CREDENTIALS : REASON_CHALLENGED;
    if (got == OWN_ANSWERED && go_again(r, REASON_ANSWERED))
        return;
    if (got == OWN_ANSWERED)
        finish(r, REASON_UPSTREAM_ERROR, 503);
    else if (r->is_own && r->up.as == FORWARD_REMOVAL)
        leave_behind(r, m->status, why);
    else if (got == OWN_REFUSED)
        finish(r, why, 503);
    else
        on_unanswered(r, m);
}

/* False: the 423 asks for nothing more than we have asked for. */
static bool learn_min(struct reg *r, const struct msg *m)
{
    uint32_t min_s;
    if (contact_expires(msg_value(m, HDR_MIN_EXPIRES), &min_s) || min_s <= r->up.expires_s)
        return false;
    r->up.expires_s = min_s;
    learned_raise(&r->context->upstream->learned, r->v.domain->upstream->name, min_s);
    return true;
}

/* D54: our stretched expiry was too brief: once more, and never shown to a phone that did not ask
 * for it. */
static void on_too_brief(struct reg *r, const struct msg *m)
{
    bool is_longer = learn_min(r, m);
    if (is_longer && !r->has_tried_423) {
        r->has_tried_423 = true;
        if (go_again(r, REASON_UPSTREAM_BRIEF))
            return;
    }
    finish(r, REASON_UPSTREAM_ERROR, 500);
}

/* To the next server, which is not asked whether it has a turn: what the phone waits for has had
 * one. That one server fails says nothing of the upstream's pace. */
static bool divert(struct reg *r)
{
    if (!flight_divert(r, r->status == 503 ? reg_left_alone_s(r) : 0))
        return false;
    flight_charge(r);
    return true;
}

/* D56: a 503 with Retry-After speaks for the server. It is left alone for that time, capped; a
 * licensed refresh is answered here meanwhile, this one as well. */
static bool leave_alone(struct reg *r, const struct msg *m)
{
    const struct conf_upstream *u = r->v.domain->upstream;
    uint32_t s = reg_left_alone_s(r);
    if (m->status != 503 || s == 0 || !u->shield || r->is_held_back) /* another one is there */
        return false;
    log_info("upstream \"%s\": 503, Retry-After: %u: no REGISTER is sent for %u s", u->name,
             r->retry_after_s, s);
    shield_pause(u, s, loop_now_ms(r->context->loop));
    if (r->is_own)
        return false;
    turn_leave(r);
    r->context->upstream->resume(r);
    return true;
}

/* What ends a binding; all else is upstream's trouble, not the line's (D53). */
static bool is_hard(unsigned status)
{
    return status == 403 || status == 404 || status == 410;
}

/* D53: what the refusal is evidence of, the policy knows. D55: core addresses stay here. D56: a
 * server's 503 is told with a time of our own. */
static void on_refused(struct reg *r, const struct msg *m)
{
    struct regchange what;
    if (m->status == 408) { /* another hop's word for silence; not to be said on (RFC 4320 4.2) */
        if (!postpone_reg(r))
            finish(r, REASON_UPSTREAM_TIMEOUT, 504);
        return;
    }
    if (r->leg)
        leg_release(r->leg);
    bool is_away = m->status >= 502 && m->status <= 504;
    if (leave_alone(r, m) || (is_away && postpone_reg(r)))
        return;
    if (m->status == 503 || m->status < 400 || (r->is_own && !is_hard(m->status))) {
        finish(r, REASON_UPSTREAM_ERROR, m->status == 503 ? 503 : 500);
        return;
    }
    reg_decided(r, REASON_REFUSED, r->status);
    tell_guard(r, m->status, NULL);
    reg_pass_answer(r, m);
    if (!is_hard(m->status)) {
        turn_leave(r);
        return;
    }
    if (r->is_own)
        own_failed(r, REASON_REFUSED);
    begin_change(r, REGCHANGE_REFUSED, &what);
    what.status = m->status;
    change(r, &what, on_noted);
}

static void on_final(struct reg *r, const struct msg *m)
{
    loop_timer_stop(r->context->loop, &r->patience);
    r->status = m->status;
    r->retry_after_s = own_retry_after_s(m);
    if (m->status == 503 && divert(r))
        return;
    flight_note(r, m->status);
    lostdata_judge(r, m);
    if (m->status < 300)
        on_accepted(r, m);
    else if (m->status == 401 || m->status == 407)
        on_challenged(r, m);
    else if (m->status == 423 && r->up.as == FORWARD_REFRESH && !r->up.is_mirror)
        on_too_brief(r, m);
    else
        on_refused(r, m);
}

static void on_silence(struct reg *r)
{
    loop_timer_stop(r->context->loop, &r->patience);
    r->status = 0;
    if (divert(r))
        return;
    if (!r->has_unblocked) { /* else that was noted */
        flight_note(r, 0);
        if (postpone_reg(r))
            return;
    }
    finish(r, REASON_UPSTREAM_TIMEOUT, 504);
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct reg *r = arg;
    (void)t;
    switch (what) {
    case TXN_NOTE_MESSAGE:
        shield_heed(r->v.domain->upstream, &r->up.flow, m);
        if (m->status >= 200)
            on_final(r, m);
        break;
    case TXN_NOTE_TIMEOUT:
    case TXN_NOTE_ERROR:
    case TXN_NOTE_GONE:
        on_silence(r);
        break;
    case TXN_NOTE_END:
        r->client = NULL;
        reg_free_if_done(r);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- sending */

static void on_patience(void *arg)
{
    struct reg *r = arg;
    r->status = 0;
    if (!r->has_unblocked && divert(r))
        return;
    if (!r->has_unblocked) {
        flight_note(r, 0);
        r->has_unblocked = r->is_silent = true;
        loop_timer_start(r->context->loop, &r->patience, ANSWER_MS - TURN_MS);
        leg_release(r->leg);
        r->context->upstream->resume(r); /* a licensed refresh is answered here now (D56a) */
        turn_unblock(r);                 /* the next one behind it: its CSeq is higher */
        return;
    }
    if (reg_is_answered(r))
        return;
    reg_decided(r, REASON_UPSTREAM_TIMEOUT, 504);
    reg_refuse(r, REASON_UPSTREAM_TIMEOUT, 504); /* a late 2xx is adopted (D62) */
}

int upstream_join(struct reg *r)
{
    struct context *c = r->context;
    struct leg *l = leg_get(c, &c->upstream->legs, r->up.upreg_id);
    if (!l)
        return ERR_NOMEM;
    l->resume = c->upstream->resume;
    l->on_answer = on_client;
    l->on_patience = on_patience;
    r->leg = l;
    leg_join(l);
    return 0;
}

int upstream_start(struct reg *r, const struct absorb_input *in)
{
    r->leg->busy = r;
    return flight_start(r, in,
                        learned_min_s(r->context->upstream->learned, r->v.domain->upstream->name));
}

/* Not sent at all. What no datagram holds will not fit later either (D83). */
static unsigned status_of(int err)
{
    return err == ERR_ABSENT ? 500 : err == ERR_IO ? 513 : 503;
}

void upstream_submit(struct reg *r, const struct verdict *v, const struct absorb_input *in)
{
    r->reason = v->reason;
    r->up.as = v->as;
    reg_count(r->v.domain, r->v.view.aor, v->reason);
    trailnote_add(
        r->context,
        &(struct trailnote){.aor = r->v.view.aor, .why = v->reason, .flow = &r->flow, .in = in});
    int err = upstream_join(r);
    if (!err)
        err = upstream_start(r, in);
    bool is_out_of_reach = err == ERR_GONE || err == ERR_AGAIN;
    if (is_out_of_reach)
        flight_note(r, 0);
    if (err && !postpone_reg(r))
        finish(r, flight_fault(r, err), status_of(err));
}
