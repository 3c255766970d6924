#include "service/renew.h"

#include "base/err.h"
#include "base/sys.h"
#include "core/expiry.h"
#include "conf/upcreds.h"
#include "service/flight.h"
#include "service/keeper.h"
#include "service/leg.h"
#include "service/location.h"
#include "service/outage.h"
#include "service/own.h"
#include "service/pacer.h"
#include "service/shield.h"
#include "service/turn.h"
#include "service/upstream.h"
#include "store/store.h"

enum { NO_ROOM_MS = 15000 };

/* ---------------------------------------------------------------- sending one */

/* One of ours is on its way, or will be. */
static bool is_own_under_way(const struct upstream *up, uint64_t upreg_id)
{
    const struct leg *l = upstream_leg(up, upreg_id);
    return l && (l->retry || (l->busy && l->busy->is_own));
}

/* One of ours that is wanted. */
struct order {
    const struct conf_domain *domain;
    const struct absorb_input *in; /* of its AoR */
    const struct upreg *upreg;
    enum forward_as as;
    uint64_t wait_ms;
    bool is_trial; /* of whether upstream is still down */
};

/* It goes now, or waits for its turn. One that finds no room even for that comes again later. */
static int take_turn(struct reg *r, const struct absorb_input *in, bool is_trial)
{
    struct context *c = r->context;
    const struct upreg *u = binding_upreg(in->now_state, r->up.upreg_id);
    const struct upreg none = {0};
    r->pace_class = pacer_class_own(u ? u : &none, r->up.as, in->now_s);
    if (is_trial)
        flight_charge(r);
    bool has_turn = is_trial || pacer_take(c, r->v.domain->upstream, r->pace_class);
    int err = has_turn ? upstream_start(r, in) : 0;
    bool is_held_back =
        has_turn && r->is_held_back && !r->v.view.is_line; /* those the keeper asks */
    if (err && !is_held_back)
        return err;
    if (is_held_back || (!has_turn && !pacer_wait_own(r, r->pace_class)))
        upstream_hold(r, NO_ROOM_MS + r->up.upreg_id % NO_ROOM_MS);
    return 0;
}

static int begin_own(struct reg *r, const struct order *o)
{
    const struct upstream *up = r->context->upstream;
    struct absorb_input in = *o->in;
    bool is_busy = upstream_is_blocked(up, o->upreg->id);
    in.view = &r->v.view;
    r->up.as = o->as;
    r->up.upreg_id = r->v.view.own_upreg_id = o->upreg->id;
    r->v.view.has_account = o->in->view->has_account;
    r->v.view.is_line = o->upreg->is_fixed;
    r->is_held = o->upreg->dead_at_s > o->in->now_s;
    r->up.call_id = str_dup(&r->arena, o->upreg->call_id);
    int err = r->arena.has_failed ? ERR_NOMEM : upstream_join(r);
    if (err)
        return err;
    if (!is_busy && (o->is_trial || !o->wait_ms))
        return take_turn(r, &in, o->is_trial);
    upstream_hold(r, is_busy ? 0 : o->wait_ms);
    return 0;
}

/* What upstream that is down must have is found by recover once it is back. */
static void leave(struct context *c, const struct order *o)
{
    if (o->upreg->is_fixed)
        keeper_on_failure(c->keeper, o->in->now_state->aor,
                          &(struct keeper_failure){.why = REASON_UPSTREAM_DOWN});
}

static void submit_own(struct context *c, const struct order *wanted)
{
    const struct conf_upstream *u = wanted->domain->upstream;
    struct order order = *wanted, *o = &order;
    struct reg *r;
    if (is_own_under_way(c->upstream, o->upreg->id))
        return;
    o->is_trial = outage_is_down(u) && !upstream_is_blocked(c->upstream, o->upreg->id) &&
                  outage_take_trial(u, OUTAGE_TRIAL_SERVED);
    if (outage_is_down(u) && !o->is_trial) {
        leave(c, o);
        return;
    }
    if (reg_new_own(c, o->domain, o->in->now_state->aor, &r))
        return;
    int err = begin_own(r, o);
    if (err)
        own_failed(r, flight_fault(r, err));
    else if (r->v.view.is_line && !r->waits_since_ms)
        keeper_on_attempt(c->keeper, r->v.view.aor);
    if (err)
        turn_leave(r);
    reg_free_if_done(r);
}

/* ---------------------------------------------------------------- what an AoR needs */

/* An AoR as it is now. */
struct state {
    const struct conf_domain *domain;
    struct location location;
    struct register_view view;
    struct absorb_input in;
};

static bool read_state(struct context *c, struct str aor, struct state *s)
{
    const struct conf_domain *d = s->domain = regview_domain(c->conf, aor);
    if (!d || location_read(c, &c->scratch, aor, &s->location))
        return false;
    s->view =
        (struct register_view){.aor = aor, .has_account = upcreds_has(d->upcreds, aor, d->name)};
    s->in = (struct absorb_input){.conf = &d->absorb,
                                  .view = &s->view,
                                  .now_state = s->location.record,
                                  .leases = s->location.leases,
                                  .lost_s = shield_lost_s(d->upstream),
                                  .now_s = sys_service_s()};
    return true;
}

/* In mirror the sequence is the phone's, and a CSeq of ours in it would make its next one too low;
 * but for a fixed line, which never was a phone's. */
static bool is_sequence_ours(struct context *c, const struct state *s, const struct upreg *u)
{
    return s->domain->absorb.mode != MODE_MIRROR || keeper_is_ours(c, s->domain, &s->in, u);
}

/* Upstream has lost its data since it had this one, which is ours to register again. */
static bool is_lost(const struct state *s, const struct upreg *u)
{
    return expiry_can_refresh(&s->in) && !u->is_fixed && u->state == UPREG_LIVE &&
           u->dead_at_s > s->in.now_s && register_is_lost(&s->in, u);
}

static void look_at(struct context *c, const struct state *s, const struct upreg *u, bool is_prompt)
{
    struct order o = {.domain = s->domain, .in = &s->in, .upreg = u, .as = FORWARD_REFRESH};
    bool is_leaving = u->state == UPREG_LEAVING && u->dead_at_s > s->in.now_s;
    if (is_leaving && is_sequence_ours(c, s, u))
        o.as = FORWARD_REMOVAL;
    else if (!expiry_is_refresh_ours(&s->in, u) && !is_lost(s, u))
        return;
    else if (!is_prompt)
        o.wait_ms = own_jitter_ms(c, &s->view, u);
    submit_own(c, &o);
}

void renew_look(struct context *c, struct str aor, bool is_prompt)
{
    struct state s;
    struct upreg line;
    if (!read_state(c, aor, &s))
        return;
    const struct order o = {.domain = s.domain, .in = &s.in, .upreg = &line, .as = FORWARD_REFRESH};
    if (keeper_review(c->keeper, s.domain, &s.in, &line))
        submit_own(c, &o);
    for (size_t i = 0; i < s.in.now_state->n_upregs; i++)
        if (!s.in.now_state->upregs[i].is_fixed)
            look_at(c, &s, &s.in.now_state->upregs[i], is_prompt);
}

void renew_now(struct context *c, struct str aor)
{
    renew_look(c, aor, true);
}

void renew_on_event(struct inbox_node *node, void *arg)
{
    struct store_event *event = container_of(node, struct store_event, node);
    renew_look(arg, event->aor, false);
    store_event_free(event);
}

/* ---------------------------------------------------------------- upstream has lost its data */

bool renew_lost(struct context *c, struct str aor, struct str upstream, bool is_sent)
{
    struct state s;
    bool is_any = false;
    if (!read_state(c, aor, &s) || !str_eq(str_of(s.domain->upstream->name), upstream))
        return false;
    for (size_t i = 0; i < s.in.now_state->n_upregs; i++) {
        const struct upreg *u = &s.in.now_state->upregs[i];
        const struct order o = {.domain = s.domain, .in = &s.in, .upreg = u, .as = FORWARD_REFRESH};
        if (!is_lost(&s, u))
            continue;
        if (is_sent)
            submit_own(c, &o);
        is_any = true;
    }
    return is_any;
}

/* ---------------------------------------------------------------- upstream is back */

enum { URGENT_S = 64 };

static bool is_stood_on(const struct aor_record *r, const struct upreg *u)
{
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].upreg_id == u->id)
            return true;
    return false;
}

/* Ours to send now, as far as that is asked for. */
static bool is_order(struct context *c, const struct state *s, const struct upreg *u,
                     enum renew_which which, struct order *o)
{
    uint64_t now_s = s->in.now_s;
    *o = (struct order){.domain = s->domain, .in = &s->in, .upreg = u, .as = FORWARD_REFRESH};
    if (which == RENEW_ALL && u->state == UPREG_LEAVING && u->dead_at_s > now_s) {
        o->as = FORWARD_REMOVAL;
        return is_sequence_ours(c, s, u);
    }
    return which != RENEW_NONE && (which == RENEW_ALL || u->dead_at_s < now_s + URGENT_S) &&
           expiry_is_refresh_ours(&s->in, u);
}

struct renew_overdue renew_overdue(struct context *c, struct str aor,
                                   const struct conf_upstream *upstream, enum renew_which which)
{
    struct renew_overdue found = {false, false};
    struct state s;
    if (!read_state(c, aor, &s) || s.domain->upstream != upstream)
        return found;
    for (size_t i = 0; i < s.in.now_state->n_upregs; i++) {
        const struct upreg *u = &s.in.now_state->upregs[i];
        struct order o;
        if (u->is_fixed)
            continue;
        if (u->state == UPREG_LIVE && u->dead_at_s <= s.in.now_s)
            found.is_dropped |= is_stood_on(s.in.now_state, u);
        if (!is_order(c, &s, u, which, &o))
            continue;
        submit_own(c, &o);
        found.is_sent = true;
    }
    return found;
}
