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
#include "service/leg.h"
#include "service/location.h"
#include "service/refused.h"
#include "service/regreply.h"
#include "service/turn.h"
#include "service/txn.h"
#include "sip/contact.h"

/* A silent registrar stops blocking others after 5 s; the phone is told after 10 (D60, D61). */
enum { ANSWER_MS = 10000, LEFT_ALONE_MAX_S = 60 };

/* Our own REGISTERs that fail: 30 s, doubled up to 5 minutes. */
enum { RETRY_FIRST_MS = 30000, RETRY_DOUBLINGS = 4, RETRY_MOST_MS = 300000 };

struct upstream {
    struct context *context;
    struct hmap legs;
    void (*resume)(struct reg *r);
    struct learned *learned;
};

int upstream_new(struct context *c, void (*resume)(struct reg *r), struct upstream **out)
{
    struct upstream *u = calloc(1, sizeof *u);
    if (!u)
        return ERR_NOMEM;
    u->context = c;
    u->resume = resume;
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

static bool is_left_alone(const struct upstream *u, const struct conf_domain *d)
{
    return learned_is_blocked(u->learned, d->upstream->name, sys_service_s());
}

bool upstream_is_busy(const struct upstream *u, const struct conf_domain *d, uint64_t upreg_id)
{
    const struct leg *l = leg_find(&u->legs, upreg_id);
    return (l && l->busy) || is_left_alone(u, d);
}

void upstream_wait(struct reg *r)
{
    const struct upstream *u = r->context->upstream;
    if (r->is_silent)
        return; /* its own is on the way: patience ends the wait */
    if (is_left_alone(u, r->v.domain)) {
        reg_count(r->v.domain, r->v.view.aor, REASON_UPSTREAM_ERROR);
        reg_refuse(r, REASON_UPSTREAM_ERROR, 503);
    } else {
        turn_wait(leg_find(&u->legs, r->up.upreg_id), r);
    }
}

static void tidy(struct context *c, struct str aor);

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
    r->is_storing = false;
    reg_count(r->v.domain, r->v.view.aor, adopted(r, why));
    if (has_failed)
        reg_refuse(r, why, 503);
    else if (why == REASON_FULL)
        reg_refuse(r, why, 503);
    else if (why == REASON_NOT_PROVEN)
        reg_refuse(r, why, r->v.domain->absorb.authentication == AUTH_LOCAL ? 503 : 403);
    else if (why == REASON_NOT_GRANTED || why == REASON_STALE_CSEQ)
        reg_refuse(r, why, 500);
    else
        on_kept(r);
    store_result_free(result);
    turn_leave(r);
    tidy(r->context, r->v.view.aor);
    reg_free_if_done(r);
}

/* What nobody waits for: the record follows, the phone has its answer. */
static void on_noted(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    struct reg *r = (struct reg *)(uintptr_t)result->cookie;
    bool is_committed = result->outcome == STORE_COMMITTED;
    (void)arg;
    r->is_storing = false;
    if (is_committed && result->code != REASON_REFUSED) /* counted already */
        reg_count(r->v.domain, r->v.view.aor, (enum reason)result->code);
    store_result_free(result);
    turn_leave(r);
    if (is_committed) /* it may have been the last device */
        tidy(r->context, r->v.view.aor);
    reg_free_if_done(r);
}

static void change(struct reg *r, const struct regchange *what, inbox_fn *on_result)
{
    if (reg_store(r, what, on_result) == 0)
        return;
    reg_refuse(r, REASON_STORE, 503);
    turn_leave(r);
}

/* ---------------------------------------------------------------- our own, again */

/* While a phone's is on its way it stays: a stranger's must not end it. */
static void on_retry(void *arg)
{
    struct reg *r = arg;
    struct context *c = r->context;
    if (r->leg->busy) {
        loop_timer_start(c->loop, &r->patience, RETRY_FIRST_MS);
        return;
    }
    struct str aor = str_dup(&c->scratch, r->v.view.aor);
    r->leg->retry = NULL;
    turn_leave(r);
    reg_free_if_done(r);
    tidy(c, aor);
}

/* D58: our own is tried again until it is done, no longer wanted, or upstream's own deadline has
 * come, which tidy sees. False: it is a phone's, or another one is waiting for the same. */
static bool retry_own(struct reg *r)
{
    struct leg *l = r->leg;
    if (!r->is_own || !l || l->retry)
        return false;
    uint64_t wait_ms = (uint64_t)RETRY_FIRST_MS
                       << (l->n_retries < RETRY_DOUBLINGS ? l->n_retries : RETRY_DOUBLINGS);
    l->n_retries++;
    l->retry = r;
    wheel_timer_init(&r->patience, on_retry, r);
    loop_timer_start(r->context->loop, &r->patience,
                     wait_ms < RETRY_MOST_MS ? wait_ms : RETRY_MOST_MS);
    turn_unblock(r);
    return true;
}

/* ---------------------------------------------------------------- answers */

static void pass_answer(struct reg *r, const struct msg *m)
{
    struct context *c = r->context;
    struct build b;
    struct str bytes;
    if (reg_is_answered(r))
        return;
    build_init(&b, &c->scratch, m);
    upreq_restore(&b, reg_request(r), &r->up);
    if (build_finish(&b, &bytes))
        reg_refuse(r, REASON_NO_MEMORY, 503);
    else
        reg_answer_bytes(r, m->status, bytes);
}

static void finish(struct reg *r, enum reason why, unsigned status)
{
    reg_count(r->v.domain, r->v.view.aor, why);
    reg_refuse(r, why, status);
    if (r->leg)
        leg_release(r->leg);
    if (!retry_own(r))
        turn_leave(r);
}

static void raise_alarm(const struct reg *r, enum alarm_code code)
{
    (void)alarm_raise(r->context->alarms, code, r->v.domain->upstream->name, sys_service_s());
}

static void disprove_alarm(const struct reg *r, enum alarm_code code)
{
    (void)alarm_disprove(r->context->alarms, code, r->v.domain->upstream->name, sys_service_s());
}

/* A phone's, for upstream to judge, that brings no proof. */
static bool is_unproven(const struct reg *r)
{
    return !r->is_own && !r->v.view.has_authorization &&
           r->v.domain->absorb.authentication == AUTH_RELAY;
}

static void judge_acceptance(const struct reg *r)
{
    disprove_alarm(r, ALARM_CONTACT_MISSING);
    if (r->v.domain->absorb.authentication != AUTH_RELAY)
        disprove_alarm(r, ALARM_CHALLENGES_US);
    if (is_unproven(r))
        raise_alarm(r, ALARM_UNCHALLENGED);
}

static void judge_challenge(const struct reg *r)
{
    if (r->v.domain->absorb.authentication != AUTH_RELAY)
        raise_alarm(r, ALARM_CHALLENGES_US);
    if (is_unproven(r))
        disprove_alarm(r, ALARM_UNCHALLENGED);
}

static void on_accepted(struct reg *r, const struct msg *m)
{
    struct regchange what;
    begin_change(r, REGCHANGE_ACCEPTED, &what);
    enum reason why = upreq_read(r->context, m, &r->up, &what.grant);
    if (why == REASON_CONTACT_MISSING) {
        raise_alarm(r, ALARM_CONTACT_MISSING);
        log_warn("upstream \"%s\": a 2xx to the REGISTER of %.*s: %s", r->v.domain->upstream->name,
                 STR_FMT(r->v.view.aor), reason_word(why));
        finish(r, why, 500);
        return;
    }
    judge_acceptance(r);
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

/* A challenge is for whom upstream has to be shown a proof: in relay and trusted the phone, whose
 * answer is relayed. In local it is us, and we have no answer: the phone has proven itself and
 * could not tell upstream's challenge from ours. */
static void on_challenged(struct reg *r, const struct msg *m)
{
    bool is_ours = r->v.domain->absorb.authentication == AUTH_LOCAL;
    judge_challenge(r);
    if (is_ours && !r->is_own) {
        finish(r, REASON_CHALLENGED_US, 503);
        return;
    }
    reg_count(r->v.domain, r->v.view.aor, REASON_CHALLENGED);
    if (r->is_own && r->up.as == FORWARD_REMOVAL) {
        struct regchange what;
        begin_change(r, REGCHANGE_REFUSED, &what);
        what.status = m->status;
        change(r, &what, on_noted);
        return;
    }
    tell_guard(r, m->status, m);
    pass_answer(r, m);
    if (!retry_own(r))
        turn_leave(r); /* the bindings stay pending for the answer to the challenge (D30) */
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
        reg_count(r->v.domain, r->v.view.aor, REASON_UPSTREAM_BRIEF);
        if (flight_repeat(r) == 0)
            return;
    }
    finish(r, REASON_UPSTREAM_ERROR, 500);
}

/* D56: a 503 with Retry-After speaks for the server. It is left alone for that time, capped; a
 * licensed refresh is answered here meanwhile, this one as well. */
static bool leave_alone(struct reg *r, const struct msg *m)
{
    struct upstream *u = r->context->upstream;
    struct str value = msg_value(m, HDR_RETRY_AFTER);
    uint64_t s = 0;
    size_t n = 0;
    while (n < value.n && ascii_is_digit(value.p[n]))
        n++;
    if (m->status != 503 || r->is_own ||
        str_to_u64((struct str){value.p, n}, LEFT_ALONE_MAX_S, &s) == ERR_PARSE || s == 0)
        return false;
    learned_block(&u->learned, r->v.domain->upstream->name, sys_service_s() + s);
    turn_leave(r);
    u->resume(r);
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
        finish(r, REASON_UPSTREAM_TIMEOUT, 504);
        return;
    }
    if (r->leg)
        leg_release(r->leg);
    if (leave_alone(r, m))
        return;
    if (m->status == 503 || m->status < 400 || (r->is_own && !is_hard(m->status))) {
        finish(r, REASON_UPSTREAM_ERROR, m->status == 503 ? 503 : 500);
        return;
    }
    reg_count(r->v.domain, r->v.view.aor, REASON_REFUSED);
    tell_guard(r, m->status, NULL);
    pass_answer(r, m);
    if (!is_hard(m->status)) {
        turn_leave(r);
        return;
    }
    begin_change(r, REGCHANGE_REFUSED, &what);
    what.status = m->status;
    change(r, &what, on_noted);
}

static void on_final(struct reg *r, const struct msg *m)
{
    loop_timer_stop(r->context->loop, &r->patience);
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
    finish(r, REASON_UPSTREAM_TIMEOUT, 504);
}

static void on_client(struct txn *t, enum txn_note what, const struct msg *m, void *arg)
{
    struct reg *r = arg;
    (void)t;
    switch (what) {
    case TXN_NOTE_MESSAGE:
        if (m->status >= 200)
            on_final(r, m);
        break;
    case TXN_NOTE_TIMEOUT:
    case TXN_NOTE_ERROR:
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
    if (!r->has_unblocked) {
        r->has_unblocked = r->is_silent = true;
        loop_timer_start(r->context->loop, &r->patience, ANSWER_MS - TURN_MS);
        leg_release(r->leg);
        turn_unblock(r);
        r->context->upstream->resume(r); /* a licensed refresh is answered here now (D56a) */
        return;
    }
    if (reg_is_answered(r))
        return;
    reg_count(r->v.domain, r->v.view.aor, REASON_UPSTREAM_TIMEOUT);
    reg_refuse(r, REASON_UPSTREAM_TIMEOUT, 504); /* a late 2xx is adopted (D62) */
}

static int join(struct reg *r)
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

static int start(struct reg *r, const struct absorb_input *in)
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
    int err = join(r);
    if (!err)
        err = start(r, in);
    if (err)
        finish(r, err == ERR_ABSENT ? REASON_NO_EGRESS : REASON_UPSTREAM_ERROR, status_of(err));
}

/* ---------------------------------------------------------------- events of the store */

/* One of ours is on its way, or will be. */
static bool is_own_under_way(const struct upstream *up, uint64_t upreg_id)
{
    const struct leg *l = leg_find(&up->legs, upreg_id);
    return l && (l->retry || (l->busy && l->busy->is_own));
}

static void submit_own(struct context *c, const struct conf_domain *d, const struct location *now,
                       const struct upreg *u, enum forward_as as)
{
    struct reg *r;
    bool is_busy = upstream_is_busy(c->upstream, d, u->id);
    if (is_own_under_way(c->upstream, u->id) || reg_new_own(c, d, now->record->aor, &r))
        return;
    r->up.as = as;
    r->up.upreg_id = r->v.view.own_upreg_id = u->id;
    r->up.call_id = str_dup(&r->arena, u->call_id);
    const struct absorb_input in = {.conf = &d->absorb,
                                    .view = &r->v.view,
                                    .now_state = now->record,
                                    .leases = now->leases,
                                    .now_s = sys_service_s()};
    int err = r->arena.has_failed ? ERR_NOMEM : join(r);
    if (!err && is_busy)
        (void)retry_own(r);
    else if (!err)
        err = start(r, &in);
    if (err)
        turn_leave(r);
    reg_free_if_done(r);
}

/* What an AoR's upstream registrations need of us: a removal once no device stands on them, a
 * refresh where we may. In mirror the sequence is the phone's, and a CSeq of ours in it would make
 * its next one too low. */
static void tidy(struct context *c, struct str aor)
{
    const struct conf_domain *d = regview_domain(c->conf, aor);
    struct location now;
    if (!d || d->absorb.mode == MODE_MIRROR || location_read(c, &c->scratch, aor, &now))
        return;
    for (size_t i = 0; i < now.record->n_upregs; i++) {
        const struct upreg *u = &now.record->upregs[i];
        if (u->state == UPREG_LEAVING && u->dead_at_s > sys_service_s())
            submit_own(c, d, &now, u, FORWARD_REMOVAL);
        else if (absorb_is_refresh_ours(&d->absorb, now.record, u, sys_service_s()))
            submit_own(c, d, &now, u, FORWARD_REFRESH);
    }
}

void upstream_on_event(struct inbox_node *node, void *arg)
{
    struct store_event *event = container_of(node, struct store_event, node);
    struct upstream *u = arg;
    tidy(u->context, event->aor);
    store_event_free(event);
}
