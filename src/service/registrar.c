#include "service/registrar.h"

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/expiry.h"
#include "net/loop.h"
#include "service/auth.h"
#include "service/flight.h"
#include "service/forward.h"
#include "service/guard.h"
#include "service/late.h"
#include "service/location.h"
#include "service/memo.h"
#include "service/outage.h"
#include "service/pacer.h"
#include "service/pulse.h"
#include "service/reach.h"
#include "service/refusal.h"
#include "service/refused.h"
#include "service/regreply.h"
#include "service/reply.h"
#include "service/shadow.h"
#include "service/shield.h"
#include "service/ledger.h"
#include "service/trailnote.h"
#include "service/upstream.h"
#include "store/store.h"

/* A refresh that a commit has overtaken is decided anew, but not for ever. */
enum { TRIES = 3 };

/* One decision: on what, and what it was. */
struct decision {
    struct absorb_input in;
    struct location location;
    struct upreq up;                 /* only the registration's names */
    struct verdict verdict, untried; /* the latter: were it not the trial */
    enum pace_class pace_class;      /* VERDICT_FORWARD */
    bool is_trial;                   /* it tries whether upstream is still down */
    enum outage_trial trial;
};

/* D56a: a licensed refresh that finds no turn by the pace is answered here, if it can be. */
static void judge_turn(struct context *c, const struct regview *v, struct decision *d)
{
    d->pace_class = pacer_class(&d->in, &d->verdict);
    if (upstream_has_turn(c, v, d->up.upreg_id, d->pace_class))
        return;
    d->in.is_upstream_busy = true;
    struct verdict instead = absorb_decide(&d->in, NULL);
    if (instead.what != VERDICT_ABSORB && instead.what != VERDICT_COMMIT) {
        d->in.is_upstream_busy = false; /* it waits for its turn by the pace */
        return;
    }
    d->verdict = instead;
    if (v->domain->upstream->shield)
        shield_count(v->domain->upstream, SHIELD_POSTPONED, 1);
}

/* Registers here, or keeps registered. */
static bool is_extending(const struct verdict *v)
{
    return (v->what == VERDICT_ABSORB || v->what == VERDICT_COMMIT) &&
           !absorb_is_still(v->reason) && v->reason != REASON_REMOVED_LOCALLY;
}

/* What becomes of it for want of a way upstream. */
static bool is_held_back(const struct verdict *v)
{
    bool is_served = v->reason == REASON_SERVED || v->reason == REASON_SERVED_NEW ||
                     v->reason == REASON_POSTPONED_IN_FLIGHT;
    return v->what == VERDICT_WAIT ||
           (is_served && (v->what == VERDICT_ABSORB || v->what == VERDICT_COMMIT));
}

/* One that would go upstream, were it not down, may try it. */
static void judge_trial(const struct context *c, const struct regview *v, struct decision *d)
{
    d->trial = d->verdict.what == VERDICT_WAIT ? OUTAGE_TRIAL_REFUSED : OUTAGE_TRIAL_SERVED;
    if (!outage_is_down(v->domain->upstream) || !is_held_back(&d->verdict) ||
        upstream_is_blocked(c->upstream, d->up.upreg_id) ||
        !outage_can_try(v->domain->upstream, d->trial))
        return;
    d->in.is_upstream_busy = false;
    struct verdict instead = absorb_decide(&d->in, NULL);
    d->untried = d->verdict;
    d->is_trial = instead.what == VERDICT_FORWARD;
    d->in.is_upstream_busy = !d->is_trial;
    if (!d->is_trial)
        return;
    d->verdict = instead;
    d->pace_class = pacer_class(&d->in, &d->verdict);
}

/* D56a: nothing is sent upstream that is down, so nothing waits for it either; is_in_flight: but
 * for the end of what tries it for this very registration. */
static void judge_outage(const struct regview *v, bool is_in_flight, struct decision *d)
{
    if (!outage_is_down(v->domain->upstream))
        return;
    bool is_waiting = d->verdict.what == VERDICT_WAIT && !is_in_flight;
    bool is_lost = outage_state(v->domain->upstream) == HEALTH_DOWN; /* it, not the right to send */
    if (is_waiting || (is_lost && !d->in.conf->serve_limit_s && is_extending(&d->verdict)))
        d->verdict =
            (struct verdict){.what = VERDICT_REJECT, .reason = REASON_UPSTREAM_DOWN, .status = 503};
}

/* is_silent: upstream has had its REGISTER and says nothing. */
static int decide(struct context *c, const struct regview *v, bool is_silent, struct decision *d)
{
    int err = location_read(c, &c->scratch, v->view.aor, &d->location);
    if (err)
        return err;
    d->in = (struct absorb_input){.conf = &v->domain->absorb,
                                  .view = &v->view,
                                  .now_state = d->location.record,
                                  .leases = d->location.leases,
                                  .lost_s = shield_lost_s(v->domain->upstream),
                                  .now_s = sys_service_s()};
    err = upreq_name(c, &c->scratch, v->domain, &d->in, &d->up);
    if (err)
        return err;
    bool is_in_flight = is_silent || upstream_is_blocked(c->upstream, d->up.upreg_id);
    d->in.is_upstream_busy = is_in_flight || upstream_is_left_alone(c->upstream, v->domain);
    d->in.is_outage = outage_serves(v->domain->upstream);
    d->in.is_down = outage_is_down(v->domain->upstream);
    d->is_trial = false;
    d->verdict = absorb_decide(&d->in, NULL);
    if (d->verdict.what == VERDICT_FORWARD)
        judge_turn(c, v, d);
    if (!is_silent)
        judge_trial(c, v, d);
    judge_outage(v, is_in_flight, d);
    return 0;
}

/* status: of the answer; 0: it is still to come. decision NULL: nothing was looked at. */
struct told {
    const struct packet *packet;
    const struct decision *decision;
    enum reason why;
    unsigned status;
};

static void count(struct context *c, const struct regview *v, const struct told *t)
{
    reg_count(v->domain, v->view.aor, t->why);
    trailnote_add(c, &(struct trailnote){.aor = v->view.aor,
                                         .why = t->why,
                                         .status = t->status,
                                         .flow = &t->packet->flow,
                                         .in = t->decision ? &t->decision->in : NULL});
}

/* ---------------------------------------------------------------- absorbing */

/* Those who come in a surge must not make another one. */
static uint32_t granted_s(const struct context *c, const struct absorb_input *in, int64_t asked_s,
                          const struct upreg *u)
{
    uint32_t s = expiry_grant_on_s(in, asked_s, u);
    return surge_is_on(&c->surge) ? expiry_scatter_s(in, s) : s;
}

static bool is_in_its_time(const struct decision *d, const struct binding *b)
{
    uint64_t now_s = d->in.now_s;
    uint64_t expires_at_s = d->in.leases[b - d->in.now_state->bindings].expires_at_s;
    return surge_counts(expires_at_s > now_s ? expires_at_s - now_s : 0, b->granted_s);
}

/* *is_timely becomes true, or stays as it is. */
static enum lease_result extend(struct context *c, const struct regview *v,
                                const struct decision *d, const struct register_contact *contact,
                                bool *is_timely)
{
    const struct absorb_input *in = &d->in;
    const struct binding *b =
        binding_find(in->now_state, contact->uri, contact->instance, contact->reg_id);
    BUG_ON(!in->conf);
    if (!b || contact->expires_s == 0) /* nothing to remove (D18) */
        return LEASE_REPEAT;
    const struct upreg *u = binding_upreg(in->now_state, b->upreg_id);
    if (!u)
        return LEASE_STALE;
    uint64_t expires_at_s;
    const struct lease_refresh refresh = {.ref = b->lease,
                                          .expires_at_s =
                                              in->now_s + granted_s(c, in, contact->expires_s, u),
                                          .cseq = in->view->cseq,
                                          .branch_hash = in->view->branch_hash,
                                          .is_equal_cseq_allowed = in->conf->is_equal_cseq_allowed};
    enum lease_result got = lease_extend(store_leases(c->store), &refresh, &expires_at_s);
    if (got != LEASE_EXTENDED)
        return got;
    *is_timely |= is_in_its_time(d, b);
    pulse_on_refresh(c, v->domain, &d->location, (size_t)(b - in->now_state->bindings));
    return got;
}

/* False: a lease has moved on since the decision, or a commit has it. */
static bool extend_all(struct context *c, const struct regview *v, const struct decision *d)
{
    bool is_timely = false, is_done = true;
    if (absorb_is_still(d->verdict.reason))
        return true;
    for (size_t i = 0; i < d->in.view->n_contacts && is_done; i++) {
        enum lease_result got = extend(c, v, d, &d->in.view->contacts[i], &is_timely);
        is_done = got == LEASE_EXTENDED || got == LEASE_REPEAT;
    }
    if (is_timely)
        surge_note(&c->surge, loop_now_ms(c->loop));
    return is_done;
}

static struct str ok_lines(struct context *c, const struct regview *v, const struct msg *m,
                           const struct location *now)
{
    const struct regreply_input in = {.domain = v->domain,
                                      .record = now->record,
                                      .leases = now->leases,
                                      .view = &v->view,
                                      .base_len = m->bytes.n,
                                      .is_path_asked = v->is_path_asked,
                                      .most_s = regreply_most_s(c, v->domain),
                                      .now_s = sys_service_s()};
    return regreply_lines(c, &in);
}

/* The answer once the leases are extended; STR_NONE: it could not be built. */
static struct str absorbed_lines(struct context *c, const struct regview *v, const struct msg *m,
                                 const struct told *t)
{
    struct location now = t->decision->location;
    count(c, v, t);
    ledger_count(c->ledger, v->domain->name, LEDGER_ABSORBED);
    return location_refresh(c, &c->scratch, v->view.aor, &now) ? STR_NONE : ok_lines(c, v, m, &now);
}

static bool answer_absorbed(struct context *c, const struct packet *p, const struct msg *m,
                            const struct regview *v, const struct decision *d)
{
    const struct told t = {p, d, d->verdict.reason, 200};
    struct str lines = extend_all(c, v, d) ? absorbed_lines(c, v, m, &t) : STR_NONE;
    if (str_is_none(lines))
        return false;
    char tag[MARK_TAG_LEN];
    reach_hold(c, v->domain, &p->flow);
    const struct build_reply reply = {
        .status = 200, .to_tag = mark_tag_of_hash(v->view.spread, tag), .headers = lines};
    reply_send(c, p, m, &reply);
    if (c->in_hand_us)
        stats_add_time_us(STAT_ABSORB_TIME, sys_now_us() - c->in_hand_us);
    memo_learn(c, &(struct memo_lesson){p, m, v, &d->in, &d->verdict, &reply});
    return true;
}

bool registrar_absorb(struct context *c, const struct packet *p, const struct msg *m)
{
    struct regview v;
    struct decision d;
    if (regview_parse(c, &c->scratch, p, m, &v) != REASON_MAX || decide(c, &v, false, &d) ||
        d.verdict.what != VERDICT_ABSORB)
        return false;
    if (!answer_absorbed(c, p, m, &v, &d))
        return false;
    stats_inc(STAT_REGISTER_IN);
    ledger_count(c->ledger, v.domain->name, LEDGER_IN);
    return true;
}

/* ---------------------------------------------------------------- the other verdicts */

static void on_committed(struct inbox_node *node, void *arg)
{
    struct store_result *result = container_of(node, struct store_result, node);
    struct reg *r = (struct reg *)(uintptr_t)result->cookie;
    (void)arg;
    r->n_storing--;
    if (result->outcome == STORE_FAILED) {
        reg_refuse(r, REASON_STORE, 503);
    } else if (result->outcome == STORE_UNCHANGED) {
        registrar_resume(r); /* the record has changed: decide anew */
    } else {
        reg_decided(r, (enum reason)result->code, 200);
        reg_answer_ok(r);
        if (r->v.view.is_proven) /* it is elsewhere now, or has begun anew */
            late_announce(r->context, r->v.view.aor);
    }
    store_result_free(result);
    reg_free_if_done(r);
}

/* What will be asked for upstream once it is back. */
static void plan_grant(const struct decision *d, struct upstream_grant *out)
{
    *out = (struct upstream_grant){.upreg_id = d->up.upreg_id,
                                   .contact = STR_NONE,
                                   .call_id = d->up.call_id,
                                   .granted_s = d->in.conf->upstream_expires_s,
                                   .service_route = STR_NONE,
                                   .associated = STR_NONE,
                                   .pub_gruu = STR_NONE,
                                   .temp_gruu = STR_NONE,
                                   .form = d->in.conf->form,
                                   .new_upreg_id = d->up.upreg_id};
    sys_random(&out->new_binding_id, sizeof out->new_binding_id);
}

static void commit(struct reg *r, const struct decision *d)
{
    struct regchange what = {.kind = REGCHANGE_LICENSED,
                             .conf = r->v.domain->absorb,
                             .view = r->v.view,
                             .is_upstream_busy = d->in.is_upstream_busy,
                             .is_outage = d->in.is_outage,
                             .is_down = d->in.is_down};
    if (d->verdict.reason == REASON_SERVED_NEW) {
        what.kind = REGCHANGE_SERVED;
        plan_grant(d, &what.grant);
    }
    if (++r->n_attempts > TRIES || reg_store(r, &what, on_committed))
        reg_refuse(r, REASON_STORE, 503);
}

/* The writer that has the lease, be it on a stranger's behalf, must not cost the device its
 * refresh: it takes them in turn, and extends the lease itself behind that one. */
static void absorb_late(struct reg *r, const struct decision *d)
{
    if (!extend_all(r->context, &r->v, d)) {
        commit(r, d);
        return;
    }
    const struct packet p = {.flow = r->flow};
    const struct told t = {&p, d, d->verdict.reason, 200};
    struct str lines = absorbed_lines(r->context, &r->v, reg_request(r), &t);
    if (str_is_none(lines))
        reg_refuse(r, REASON_NO_MEMORY, 503);
    else
        reg_answer(r, &(struct build_reply){.status = 200, .headers = lines});
}

/* ---------------------------------------------------------------- proof */

/* True: the sender has answered our challenge, and is to be decided about anew. Else *refusal is
 * what he hears. */
static bool prove(struct context *c, const struct packet *p, const struct msg *m, struct regview *v,
                  struct build_reply *refusal)
{
    static const enum reason reasons[] = {
        [AUTH_UNPROVEN] = REASON_UNPROVEN,
        [AUTH_DISPROVEN] = REASON_DISPROVEN,
        [AUTH_OTHER_USER] = REASON_OTHER_USER,
        [AUTH_BANNED] = REASON_OTHER_USER,
    };
    /* who is banned comes here as a device of the line */
    const struct auth_claim claim = {
        .domain = v->domain, .lines = {v->view.aor}, .n_lines = 1, .own = v->view.aor};
    struct auth_result result;
    v->view.is_proven = auth_check(c, p, m, &claim, &result) == AUTH_PROVEN;
    if (v->view.is_proven)
        return true;
    bool is_other = result.verdict == AUTH_OTHER_USER || result.verdict == AUTH_BANNED;
    unsigned status = is_other ? 403 : 401;
    count(c, v, &(struct told){p, NULL, reasons[result.verdict], status});
    *refusal = (struct build_reply){.status = 403};
    if (!is_other)
        *refusal = auth_challenge(c, p, &claim, &result);
    return false;
}

/* It was let in by a licence that has ended while it waited. False: it has its answer. */
static bool prove_late(struct reg *r, struct decision *d)
{
    struct build_reply refusal;
    const struct packet p = {.flow = r->flow};
    if (!prove(r->context, &p, reg_request(r), &r->v, &refusal)) {
        reg_answer(r, &refusal);
        return false;
    }
    int err = decide(r->context, &r->v, r->is_silent, d);
    if (err)
        reg_refuse(r, REASON_STORE, 503);
    return !err;
}

/* How the device of the first contact is reached. */
static struct way way_of(const struct decision *d)
{
    const struct register_contact *contact = d->in.view->contacts;
    const struct binding *b =
        d->in.view->n_contacts
            ? binding_find(d->in.now_state, contact->uri, contact->instance, contact->reg_id)
            : NULL;
    return b ? b->way : (struct way){0};
}

static void forward(struct reg *r, const struct decision *d)
{
    r->pace_class = d->pace_class;
    if (d->is_trial)
        flight_charge(r);
    if (d->is_trial || upstream_take_turn(r))
        upstream_submit(r, &d->verdict, &d->in);
    else
        pacer_wait(r, d->pace_class);
}

/* Another one is the trial. */
static void give_up_trial(const struct regview *v, struct decision *d)
{
    d->is_trial = false;
    d->in.is_upstream_busy = true;
    d->verdict = d->untried;
    judge_outage(v, false, d);
}

static void act(struct reg *r, struct decision *d)
{
    if (d->is_trial && !outage_take_trial(r->v.domain->upstream, d->trial))
        give_up_trial(&r->v, d);
    r->before = way_of(d);
    pulse_remember(&d->location, &r->v.view, &r->past);
    r->up.upreg_id = d->up.upreg_id;
    r->up.call_id = str_dup(&r->arena, d->up.call_id);
    switch (d->verdict.what) {
    case VERDICT_ABSORB:
        absorb_late(r, d);
        break;
    case VERDICT_COMMIT:
        commit(r, d);
        break;
    case VERDICT_FORWARD:
        forward(r, d);
        break;
    case VERDICT_WAIT:
        upstream_wait(r);
        break;
    case VERDICT_CHALLENGE: /* who comes here has been asked */
        break;
    case VERDICT_REJECT:
        reg_decided(r, d->verdict.reason, d->verdict.status);
        reg_refuse(r, d->verdict.reason, d->verdict.status);
        break;
    }
}

/* What keeps a REGISTER from being sent on (D25, D63, RFC 3261 16.3); REASON_MAX: nothing. One that
 * ends here may have no hops left. */
static enum reason relay_fault(struct context *c, const struct packet *p, const struct msg *m,
                               const struct verdict *v)
{
    if (v->what != VERDICT_FORWARD && v->what != VERDICT_WAIT)
        return REASON_MAX;
    if (m->max_forwards == 0)
        return REASON_HOPS;
    return forward_is_loop(c, p, m) ? REASON_LOOP : REASON_MAX;
}

void registrar_resume(struct reg *r)
{
    struct decision d;
    if (reg_is_answered(r)) { /* its phone is gone */
        reg_free_if_done(r);
        return;
    }
    store_reader_reset(r->context->reader); /* it may be older than what is waited for */
    if (decide(r->context, &r->v, r->is_silent, &d)) {
        reg_refuse(r, REASON_STORE, 503);
        return;
    }
    if (d.verdict.what == VERDICT_CHALLENGE && !prove_late(r, &d))
        return;
    const struct packet p = {.flow = r->flow};
    enum reason fault = relay_fault(r->context, &p, reg_request(r), &d.verdict);
    if (fault != REASON_MAX) /* it was to be answered here, until the record changed */
        d.verdict = (struct verdict){.what = VERDICT_REJECT, .reason = fault};
    act(r, &d);
}

static void refuse(struct context *c, const struct packet *p, const struct msg *m,
                   const struct regview *v, const struct verdict *why)
{
    struct build_reply reply = regreply_refusal(c, m, v->domain, why);
    count(c, v, &(struct told){p, NULL, why->reason, reply.status});
    reply_send(c, p, m, &reply);
}

static void refuse_for(struct context *c, const struct packet *p, const struct msg *m,
                       const struct regview *v, enum reason reason)
{
    refuse(c, p, m, v, &(struct verdict){.what = VERDICT_REJECT, .reason = reason});
}

/* What needs no transaction of its own is answered without one. */
static void begin(struct context *c, const struct packet *p, const struct msg *m,
                  const struct regview *v, struct decision *d)
{
    struct reg *r;
    unsigned lately = d->verdict.what == VERDICT_FORWARD ? refused_find(c, m, v) : 0;
    enum reason fault = relay_fault(c, p, m, &d->verdict);
    if (d->verdict.what == VERDICT_REJECT)
        refuse(c, p, m, v, &d->verdict);
    else if (fault != REASON_MAX)
        refuse_for(c, p, m, v, fault);
    else if (lately)
        refuse(c, p, m, v,
               &(struct verdict){VERDICT_REJECT, REASON_REFUSED_LATELY, (uint16_t)lately, 0});
    else if (reg_new(c, p, m, v, &r))
        refuse_for(c, p, m, v, REASON_NO_MEMORY);
    else
        act(r, d);
}

/* A limit or a ban never meets a live binding of the line (in its grace: D64), from the way that it
 * was accepted on, or in its session. */
static bool is_vouched_for(const struct regview *v, const struct decision *d)
{
    const struct aor_record *record = d->location.record;
    if (d->verdict.what == VERDICT_ABSORB || d->verdict.what == VERDICT_COMMIT)
        return true;
    if (d->in.conf->authentication == AUTH_TRUSTED && v->view.is_source_trusted)
        return true;
    for (size_t i = 0; i < record->n_bindings; i++)
        if (binding_is_from(&record->bindings[i], &v->view.way, &v->view.family) &&
            d->location.leases[i].expires_at_s + d->in.conf->grace_s > d->in.now_s)
            return true;
    return false;
}

static void challenge(struct context *c, const struct packet *p, const struct msg *m,
                      struct regview *v)
{
    struct decision d;
    struct build_reply refusal;
    if (!prove(c, p, m, v, &refusal))
        reply_send(c, p, m, &refusal);
    else if (decide(c, v, false, &d))
        refuse_for(c, p, m, v, REASON_STORE);
    else if (d.verdict.what != VERDICT_ABSORB || !answer_absorbed(c, p, m, v, &d))
        begin(c, p, m, v, &d);
}

static void refuse_registration(struct context *c, const struct packet *p, const struct msg *m)
{
    stats_inc(STAT_REFUSED_METHOD);
    const struct build_reply reply = {
        .status = 405,
        .headers = STR("Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, SUBSCRIBE, "
                       "NOTIFY, PUBLISH, INFO, REFER, MESSAGE, UPDATE\r\n")};
    reply_send(c, p, m, &reply);
}

/* Nothing is known of it, or its line cannot be read. */
static void refuse_unread(struct context *c, const struct packet *p, const struct msg *m,
                          const struct regview *v, enum reason why)
{
    if (!guard_let_in(c, p, m))
        return;
    if (v->domain && v->domain->registration == CONF_REGISTER_REFUSE) {
        refuse_registration(c, p, m);
        return;
    }
    refusal_note_register(p, m, why);
    refuse_for(c, p, m, v, why);
}

void registrar_request(struct context *c, const struct packet *p, const struct msg *m)
{
    struct regview v;
    struct decision d;
    stats_inc(STAT_REGISTER_IN);
    enum reason why = regview_parse(c, &c->scratch, p, m, &v);
    ledger_count(c->ledger, v.domain ? v.domain->name : STR_NONE, LEDGER_IN);
    BUG_ON(why == REASON_MAX && !v.domain);
    if (why != REASON_MAX || v.domain->registration == CONF_REGISTER_REFUSE)
        refuse_unread(c, p, m, &v, why);
    else if (decide(c, &v, false, &d))
        refuse_for(c, p, m, &v, REASON_STORE);
    else if ((d.verdict.what == VERDICT_ABSORB && answer_absorbed(c, p, m, &v, &d)) ||
             (!is_vouched_for(&v, &d) && !guard_let_in(c, p, m)))
        return;
    else if (d.verdict.what == VERDICT_CHALLENGE)
        challenge(c, p, m, &v);
    else {
        shadow_judge(c, &v, &d.in);
        begin(c, p, m, &v, &d);
    }
}
