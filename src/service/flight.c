#include "service/flight.h"

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/loop.h"
#include "service/leg.h"
#include "service/lostdata.h"
#include "service/outage.h"
#include "service/own.h"
#include "service/shield.h"
#include "service/ledger.h"
#include "service/trailnote.h"
#include "service/turn.h"

/* ---------------------------------------------------------------- sending */

static int build_once(struct reg *r, struct forward *out)
{
    if (r->is_own)
        return upreq_own(r->context, &r->up, out);
    const struct packet p = {.flow = r->flow};
    const struct msg *m = reg_request(r);
    return m ? upreq_forward(r->context, &p, m, &r->up, out) : ERR_GONE;
}

/* A large one may go over TCP (D83); its Contact stays as it is (D47). */
static int build(struct reg *r, struct forward *out)
{
    const struct flow_ref flow = r->up.flow;
    int err = build_once(r, out);
    if (!err && servers_grow(r->context->servers, out->bytes.n, &r->up.flow))
        err = build_once(r, out);
    r->up.flow = flow;
    return err;
}

/* One sequence for each registration (D32). One that is used up goes on under another Call-ID,
 * which the leg remembers: upstream has to accept it before the record does (D33). */
static int count_on(struct reg *r)
{
    struct upreq *u = &r->up;
    if (u->is_mirror) {
        u->cseq = r->v.view.cseq;
        return 0;
    }
    u->cseq = token_cseq(r->leg->cseq, sys_service_s());
    if (!u->cseq) {
        if (upreq_renew(r->context, &r->arena, u))
            return ERR_NOMEM;
        BUG_ON(u->call_id.n != sizeof r->leg->renewed);
        memcpy(r->leg->renewed, u->call_id.p, u->call_id.n);
        r->leg->is_renewed = true;
    }
    r->leg->cseq = u->cseq;
    return 0;
}

static int send_one(struct reg *r)
{
    struct context *c = r->context;
    const struct shield *shield = r->v.domain->upstream->shield;
    struct forward f;
    if (shield && !shield_may_send(shield))
        return ERR_AGAIN; /* whatever was decided before: another node may act */
    int err = count_on(r);
    own_authorize(r);
    if (!err)
        err = upreq_aim_again(c, &r->up);
    if (!err)
        err = build(r, &f);
    if (err)
        return err;
    const struct txn_request request = {.flow = f.flow,
                                        .bytes = f.bytes,
                                        .branch = f.branch,
                                        .method = STR("REGISTER"),
                                        .until_ms = shield ? shield_limit(shield) : NULL};
    if (r->client)
        txn_client_drop(r->client);
    r->client = NULL;
    err = txn_client_new(c->txns, &request, &(struct txn_user){r->leg->on_answer, r}, &r->client);
    if (err)
        return err;
    stats_inc(STAT_REGISTER_OUT);
    if (r->v.domain->upstream->shield)
        shield_count(r->v.domain->upstream, SHIELD_SENT, 1);
    ledger_count(c->ledger, r->v.domain->name, r->is_own ? LEDGER_OWN : LEDGER_RELAYED);
    r->sent_ms = loop_now_ms(c->loop);
    wheel_timer_init(&r->patience, r->leg->on_patience, r);
    loop_timer_start(c->loop, &r->patience, TURN_MS);
    return 0;
}

/* RFC 7339: the server that it is for lets it go. */
static bool is_let(struct reg *r)
{
    unsigned right = r->is_answer ? THROTTLE_ALWAYS : (unsigned)r->pace_class;
    r->is_held_back = !shield_is_let(r->v.domain->upstream, &r->up.flow, right);
    return !r->is_held_back;
}

int flight_repeat(struct reg *r)
{
    (void)shield_is_let(r->v.domain->upstream, &r->up.flow, THROTTLE_ALWAYS);
    return send_one(r);
}

/* What is not sent after all is still with the server that it was sent to. */
bool flight_divert(struct reg *r, uint32_t for_s)
{
    struct context *c = r->context;
    const struct flow_ref flow = r->up.flow;
    const struct server_tries tries = r->up.tries;
    servers_on_failure(c->servers, &flow, for_s);
    bool is_ours = r->leg && r->leg->busy == r;
    int err = is_ours ? upreq_aim(c, &r->up) : ERR_GONE;
    while (!err && !is_let(r))
        err = upreq_aim(c, &r->up);
    if (!err)
        err = send_one(r);
    if (err) {
        r->up.flow = flow;
        r->up.tries = tries;
        return false;
    }
    stats_inc(STAT_FAILOVER_REGISTER);
    return true;
}

void flight_charge(const struct reg *r)
{
    const struct conf_upstream *u = r->v.domain->upstream;
    if (!u->shield)
        return;
    shield_charge(u, loop_now_ms(r->context->loop));
}

/* What it tells of upstream's state. A line that nothing is known of is anybody's invention, so
 * there only what the server says of itself counts. */
static void note_pace(const struct reg *r, unsigned status)
{
    const struct conf_upstream *u = r->v.domain->upstream;
    uint64_t now_ms = loop_now_ms(r->context->loop);
    if (u->shield && status)
        shield_on_answer(u, now_ms - r->sent_ms);
    bool is_trouble = status == 0 || status == 408 || (status >= 500 && status < 600);
    if (!u->shield || (is_trouble && status && status != 503 && r->pace_class == PACE_NEW))
        return;
    shield_note(u, !is_trouble && now_ms < r->sent_ms + PACE_LATE_MS, now_ms);
}

/* What comes from elsewhere than the line's devices may be made up by anybody, and an edge before
 * upstream refuses it or drops it whether upstream is there or not. Only the registrar accepts; and
 * a line that is known is challenged by who knows it. */
static void note_outage(const struct reg *r, unsigned status)
{
    bool is_challenge = status == 401 || status == 407;
    bool is_accepted = status >= 200 && status < 300;
    if (r->is_heard || is_accepted || (is_challenge && r->pace_class != PACE_NEW))
        outage_on_register(r->context, r->v.domain->upstream, status);
}

void flight_note(const struct reg *r, unsigned status)
{
    note_pace(r, status);
    note_outage(r, status);
    struct servers *s = r->context->servers;
    const struct server_want want = {
        .upstream = r->v.domain->upstream, .aor = r->v.view.aor, .home = r->up.home};
    if (status == 0)
        return;
    if (status != 503 && status != 408)
        servers_on_answer(s, &r->up.flow);
    if (status < 300)
        servers_unstick(s, &want);
    else if (status == 401 || status == 407)
        servers_stick(s, &want, &r->up.flow);
}

/* ---------------------------------------------------------------- what is asked for */

/* Registrations upstream that no device needs any more, by other contacts than ours (D58), or none
 * after this REGISTER, because its device moves to another mode; with a star all of the line, as
 * only its sender has the proof (D59). And (take_moved) our own by the contact that it had before a
 * reload, or before the device moved. */
static void take_leaving(struct reg *r, const struct absorb_input *in)
{
    const struct aor_record *record = in->now_state;
    for (size_t i = 0; i < record->n_upregs && r->n_leaving < REGCHANGE_LEAVING_MAX; i++) {
        const struct upreg *u = &record->upregs[i];
        bool is_going = u->state != UPREG_LIVE || r->v.view.is_star || absorb_is_left(in, u);
        if (u->is_fixed || u->id == r->up.upreg_id || !is_going || str_is_none(u->contact))
            continue;
        r->up.leaving[r->n_leaving] = str_dup(&r->arena, u->contact);
        r->leaving[r->n_leaving++] = u->id;
    }
    r->up.n_leaving = r->n_leaving;
}

static void take_moved(struct reg *r, const struct upreg *known)
{
    if (known && r->up.n_leaving < UPREQ_LEAVING_MAX && upreq_is_moved(&r->up, known))
        r->up.leaving[r->up.n_leaving++] = str_dup(&r->arena, known->contact);
}

/* With insertion by Path the phone's contact stands upstream: the one that stays, if any does. */
static struct str contact_of(const struct register_view *v)
{
    size_t i = 0;
    while (i < v->n_contacts && v->contacts[i].expires_s == 0)
        i++;
    return i < v->n_contacts ? v->contacts[i].uri : v->n_contacts ? v->contacts[0].uri : STR_NONE;
}

/* What stands upstream is removed, and refreshed by ourselves, as it stands there; a phone's
 * REGISTER moves it to what the configuration asks for by now. */
static void choose_contact(struct reg *r, const struct aor_record *record)
{
    struct upreq *u = &r->up;
    const struct upreg *known = binding_upreg(record, u->upreg_id);
    u->form = u->domain->absorb.form;
    bool is_kept = (r->is_own && !u->is_line) || u->as == FORWARD_REMOVAL;
    if (known && !str_is_none(known->contact) && is_kept) {
        u->contact = str_dup(&r->arena, known->contact);
        u->form = known->form;
    } else if (!str_is_none(u->path) && r->v.view.n_contacts) {
        upreq_keep_contact(r->context, &r->arena, record, contact_of(&r->v.view), u);
    }
}

/* What is removed is removed where it stands; what the operator sends back is registered as if it
 * stood nowhere. */
static struct server_at home_of(const struct upreq *u, const struct aor_record *record,
                                const struct upreg *known)
{
    if (u->as == FORWARD_REMOVAL && known && known->server.addr.family)
        return known->server;
    uint64_t since_s = u->as == FORWARD_REFRESH ? shield_rehome_s(u->domain->upstream) : 0;
    const struct server_at *home = binding_home(record, u->upreg_id, sys_service_s(), since_s);
    return home ? *home : (struct server_at){.transport = 0};
}

/* A line that no server has may go to another one than the first. */
static int aim(struct reg *r)
{
    int err = upreq_plan(r->context, &r->arena, &r->up);
    while (!err && !is_let(r))
        err = r->up.home.addr.family ? ERR_FULL : upreq_plan(r->context, &r->arena, &r->up);
    return r->is_held_back ? ERR_FULL : err;
}

static int plan(struct reg *r, const struct absorb_input *in, uint32_t least_s)
{
    struct upreq *u = &r->up;
    u->domain = r->v.domain;
    u->aor = r->v.view.aor;
    u->is_mirror = r->v.domain->absorb.mode == MODE_MIRROR && !r->is_own;
    u->is_line = r->v.view.is_line;
    if (r->leg->is_renewed && !u->is_mirror)
        u->call_id = str_dup(&r->arena, (struct str){r->leg->renewed, sizeof r->leg->renewed});
    const struct upreg *known = binding_upreg(in->now_state, u->upreg_id);
    u->is_bulk = r->v.view.is_bulk || (known && known->is_bulk);
    u->home = home_of(u, in->now_state, known);
    device_find(&r->arena, in, u->upreg_id, &u->device);
    int err = aim(r);
    if (err)
        return err;
    u->expires_s = upreq_expires_s(u, &r->v.view, least_s);
    choose_contact(r, in->now_state);
    if (!r->is_own) /* each of them has one of its own */
        take_leaving(r, in);
    if (!r->is_own || u->is_line)
        take_moved(r, known);
    if (known && known->cseq > r->leg->cseq && str_eq(known->call_id, u->call_id))
        r->leg->cseq = known->cseq;
    return r->arena.has_failed ? ERR_NOMEM : 0;
}

/* A stranger's REGISTER must not stop the owner's refreshes. */
static bool is_own_binding(const struct binding *b, const struct register_view *v)
{
    return binding_is_from(b, &v->way, &v->family) && str_eq(b->call_id, v->call_id);
}

static void hold_bindings(struct reg *r, const struct aor_record *record)
{
    struct lease_ref refs[LEG_REFS];
    size_t n = 0;
    for (size_t i = 0; i < r->v.view.n_contacts && n < LEG_REFS; i++) {
        const struct register_contact *contact = &r->v.view.contacts[i];
        const struct binding *b =
            binding_find(record, contact->uri, contact->instance, contact->reg_id);
        if (b && b->lease.generation && is_own_binding(b, &r->v.view))
            refs[n++] = b->lease;
    }
    leg_hold(r->leg, refs, n);
}

/* The turn that it has had is another one's. */
static void hold_back(const struct reg *r)
{
    shield_give_back(r->v.domain->upstream);
    trailnote_add(r->context, &(struct trailnote){.aor = r->v.view.aor,
                                                  .why = REASON_OVERLOADED,
                                                  .flow = r->is_own ? NULL : &r->flow});
}

int flight_start(struct reg *r, const struct absorb_input *in, uint32_t least_s)
{
    r->is_held_back = false;
    int err = plan(r, in, least_s);
    if (r->is_held_back) {
        hold_back(r);
        return err;
    }
    lostdata_prepare(r, in);
    own_begin(r);
    if (!err)
        err = send_one(r);
    if (!err)
        hold_bindings(r, in->now_state);
    return err;
}

enum reason flight_fault(const struct reg *r, int err)
{
    return r->is_held_back     ? REASON_OVERLOADED
           : err == ERR_ABSENT ? REASON_NO_EGRESS
                               : REASON_UPSTREAM_ERROR;
}
