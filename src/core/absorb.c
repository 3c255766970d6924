#include "core/absorb.h"

#include "base/err.h"
#include "core/accept.h"
#include "core/commit.h"
#include "core/expiry.h"
#include "core/licence.h"
#include "core/survey.h"
#include "core/upreg.h"

enum { RFC_BRIEF_S = 3600 }; /* what lasts an hour is never too brief (RFC 3261 10.3 step 7) */

static uint32_t grant_s(const struct absorb_input *in, const struct register_contact *c,
                        const struct upreg *u)
{
    return expiry_grant_on_s(in, c->expires_s, u);
}

const struct upreg *absorb_upreg(const struct absorb_input *in)
{
    struct survey s;
    survey_take(in, &s);
    return upreg_find(in, &s);
}

bool absorb_is_left(const struct absorb_input *in, const struct upreg *u)
{
    struct survey s;
    survey_take(in, &s);
    return upreg_is_left(in, &s, u);
}

/* ---------------------------------------------------------------- verdicts */

struct decision {
    const struct absorb_input *in;
    struct survey s;
};

static bool reject(enum reason why, unsigned status, struct verdict *v)
{
    *v = (struct verdict){.what = VERDICT_REJECT, .reason = why, .status = (uint16_t)status};
    return true;
}

static enum forward_as forward_as(const struct decision *d)
{
    if (d->in->view->is_star) {
        const struct upreg *u = upreg_find(d->in, &d->s);
        return u && u->is_fixed ? FORWARD_REFRESH : FORWARD_REMOVAL; /* a line stays registered */
    }
    if (d->in->view->n_contacts == 0)
        return FORWARD_QUERY;
    return register_is_removal(d->in->view) && upreg_is_last(d->in, &d->s) ? FORWARD_REMOVAL
                                                                           : FORWARD_REFRESH;
}

/* Whom we have challenged ourselves needs upstream no more than one that is known (D56a). What it
 * stands on must be ours to renew. */
static bool is_servable(const struct decision *d, enum reason why)
{
    const struct absorb_input *in = d->in;
    const struct absorb_conf *conf = in->conf;
    bool is_new = why == REASON_NEW_CONTACT || why == REASON_NEW_LINE || why == REASON_LAPSED ||
                  why == REASON_CHANGED;
    if (!is_new || !in->is_down || !register_serve_s(in) || !in->view->is_proven ||
        conf->authentication != AUTH_LOCAL || conf->is_by_flow || conf->mode == MODE_MIRROR ||
        in->view->is_bulk)
        return false;
    const struct upreg *u = upreg_find(in, &d->s);
    return !u || u->state != UPREG_LIVE || u->dead_at_s + register_serve_s(in) > in->now_s;
}

/* One REGISTER in flight per upstream contact; the next one goes on its own proof (D60). */
static bool forward(const struct decision *d, enum reason why, struct verdict *v)
{
    if (is_servable(d, why))
        *v = (struct verdict){.what = VERDICT_COMMIT, .reason = REASON_SERVED_NEW};
    else if (d->in->is_upstream_busy)
        *v = (struct verdict){.what = VERDICT_WAIT, .reason = REASON_IN_FLIGHT};
    else
        *v = (struct verdict){.what = VERDICT_FORWARD, .reason = why, .as = forward_as(d)};
    return true;
}

/* ---------------------------------------------------------------- judging one contact */

/* What upstream's registration makes of a licence (D56a). */
static enum reason judge_upstream(const struct absorb_input *in, const struct binding *b,
                                  enum reason licence)
{
    const struct upreg *u = binding_upreg(in->now_state, b->upreg_id);
    uint32_t serve_s = register_serve_s(in);
    if (!u || u->state != UPREG_LIVE || u->dead_at_s + serve_s <= in->now_s)
        return REASON_UPSTREAM_DUE;
    enum reason due = REASON_UPSTREAM_DUE;
    if (upreg_is_moved(in->conf, u))
        due = REASON_MOVED;
    else if (in->now_s < expiry_refresh_by_s(in->now_state, u) && !register_is_lost(in, u))
        return licence;
    if (serve_s)
        return REASON_SERVED;
    return in->is_upstream_busy && expiry_has_room(in, u) ? REASON_POSTPONED_IN_FLIGHT : due;
}

static bool is_licence(enum reason r)
{
    switch (r) {
    case REASON_LICENSED_FLOW:
    case REASON_LICENSED_SESSION:
    case REASON_LICENSED_SOURCE:
    case REASON_LICENSED_DIGEST:
    case REASON_TRUSTED:
        return true;
    default:
        return false;
    }
}

static enum reason judge_refresh(const struct decision *d, const struct register_contact *c, int at)
{
    enum reason licence = licence_refresh(d->in, c, at);
    if (!is_licence(licence))
        return licence;
    /* From its grace it comes back into a line that has filled up: that evicts, by a commit. */
    if (!survey_has(d->s.current, at) && survey_excess(d->in, &d->s))
        return REASON_LAPSED;
    return judge_upstream(d->in, &d->in->now_state->bindings[at], licence);
}

static enum reason judge_removal(const struct decision *d, int at)
{
    if (survey_has(d->s.alive, at))
        return licence_is_removal(d->in, at) ? REASON_REMOVED_LOCALLY : REASON_REMOVAL_UNLICENSED;
    return licence_is_line(d->in, d->s.alive) ? REASON_NOTHING_TO_REMOVE
                                              : REASON_REMOVAL_UNLICENSED;
}

static enum reason judge_contact(const struct decision *d, size_t k)
{
    const struct register_contact *c = &d->in->view->contacts[k];
    int at = d->s.at[k];
    if (c->expires_s == 0)
        return judge_removal(d, at);
    if (survey_has(d->s.alive, at))
        return judge_refresh(d, c, at);
    if (at >= 0)
        return REASON_LAPSED;
    return d->s.alive ? REASON_NEW_CONTACT : REASON_NEW_LINE;
}

static bool is_covered(enum reason r)
{
    return is_licence(r) || r == REASON_REPEAT || r == REASON_POSTPONED_IN_FLIGHT ||
           r == REASON_SERVED || r == REASON_REMOVED_LOCALLY || r == REASON_NOTHING_TO_REMOVE;
}

/* Which of two covered contacts' reasons tells more: what is done rather than what is not. */
static enum reason weightier(enum reason a, enum reason b)
{
    static const enum reason order[] = {
        REASON_REMOVED_LOCALLY, REASON_SERVED,          REASON_POSTPONED_IN_FLIGHT,
        REASON_LICENSED_DIGEST, REASON_TRUSTED,         REASON_LICENSED_SESSION,
        REASON_LICENSED_FLOW,   REASON_LICENSED_SOURCE, REASON_REPEAT};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

/* Of all contacts: a reason that is_covered if each one's is. */
static enum reason judge_contacts(const struct decision *d)
{
    enum reason covered = REASON_MAX, open = REASON_MAX;
    for (size_t k = 0; k < d->in->view->n_contacts; k++) {
        enum reason r = judge_contact(d, k);
        if (!is_covered(r))
            open = open == REASON_MAX ? r : open;
        else
            covered = covered == REASON_MAX ? r : weightier(covered, r);
    }
    if (open == REASON_MAX)
        return covered;
    bool is_ours = open == REASON_UPSTREAM_DUE || open == REASON_MOVED; /* no contact's fault */
    return covered == REASON_MAX || is_ours ? open : REASON_MIXED;
}

/* ---------------------------------------------------------------- licensed commits */

/* The device asks for clearly more than at the last commit, and the time by which upstream must be
 * refreshed rests on that. What the spread may account for is no reason to commit. */
static bool is_longer(const struct absorb_input *in, const struct register_contact *c,
                      const struct binding *b)
{
    const struct upreg *u = binding_upreg(in->now_state, b->upreg_id);
    if (!u)
        return false;
    uint64_t now_s = grant_s(in, c, u);
    return b->granted_s < now_s - now_s * in->conf->expires_spread_percent / 100;
}

static bool is_by_digest(const struct decision *d, size_t k)
{
    return d->in->view->is_proven &&
           licence_refresh(d->in, &d->in->view->contacts[k], d->s.at[k]) == REASON_LICENSED_DIGEST;
}

/* Of what a licence covers: by L3, or by a session (L1), the binding takes the REGISTER's way. */
static bool is_moved_here(const struct decision *d, size_t k)
{
    const struct register_view *view = d->in->view;
    return view->contacts[k].expires_s != 0 &&
           (is_by_digest(d, k) ||
            !binding_is_same_way(&d->in->now_state->bindings[d->s.at[k]].way, &view->way));
}

static bool is_any_moved_here(const struct decision *d)
{
    for (size_t k = 0; k < d->in->view->n_contacts; k++)
        if (is_moved_here(d, k))
            return true;
    return false;
}

static bool is_any_longer(const struct decision *d)
{
    const struct absorb_input *in = d->in;
    for (size_t k = 0; k < in->view->n_contacts; k++) {
        const struct register_contact *c = &in->view->contacts[k];
        if (c->expires_s != 0 && is_longer(in, c, &in->now_state->bindings[d->s.at[k]]))
            return true;
    }
    return false;
}

static void commit_licensed(const struct decision *d, struct aor_record *next)
{
    const struct absorb_input *in = d->in;
    BUG_ON(next->n_bindings != in->now_state->n_bindings);
    for (size_t k = 0; k < in->view->n_contacts; k++) {
        const struct register_contact *c = &in->view->contacts[k];
        if (c->expires_s == 0)
            continue;
        struct binding *b = &next->bindings[d->s.at[k]];
        const struct upreg *u = binding_upreg(next, b->upreg_id);
        if (u) /* a repeat may have lost it */
            commit_extend(in, grant_s(in, c, u), b);
        if (is_moved_here(d, k))
            commit_move(in, is_by_digest(d, k), b);
    }
    commit_drop(next, d->s.removed | ~d->s.alive);
    commit_settle(next, in->now_s);
}

/* ---------------------------------------------------------------- rules, in order */

/* True: decided. RFC 3261 10.3: who may ask at all comes first (D10). */
typedef bool rule_fn(const struct decision *d, struct verdict *v);

static bool refuse_source(const struct decision *d, struct verdict *v)
{
    if (d->in->conf->authentication != AUTH_TRUSTED || d->in->view->is_source_trusted)
        return false;
    return reject(REASON_NOT_ALLOWED, 403, v);
}

static bool refuse_star(const struct decision *d, struct verdict *v)
{
    const struct register_view *view = d->in->view;
    if (!view->is_star || (view->n_contacts == 0 && view->expires_s == 0))
        return false;
    return reject(REASON_BAD_STAR, 400, v);
}

/* A line may be replaced as a whole: as many removals as additions. */
static bool refuse_many(const struct decision *d, struct verdict *v)
{
    const struct register_view *view = d->in->view;
    size_t max = d->in->conf->max_contacts, n_adds = 0;
    for (size_t k = 0; k < view->n_contacts; k++)
        n_adds += view->contacts[k].expires_s != 0;
    if (n_adds <= max && view->n_contacts <= 2 * max && view->n_contacts <= RECORD_BINDINGS_MAX)
        return false;
    return reject(REASON_TOO_MANY, 400, v);
}

static bool refuse_brief(const struct decision *d, struct verdict *v)
{
    for (size_t k = 0; k < d->in->view->n_contacts; k++) {
        int64_t asked_s = d->in->view->contacts[k].expires_s;
        if (asked_s > 0 && asked_s < d->in->conf->min_expires_s && asked_s < RFC_BRIEF_S)
            return reject(REASON_TOO_BRIEF, 423, v);
    }
    return false;
}

/* A removal that comes too late could not be applied whatever upstream said to it, and upstream
 * cannot know: it sees a sequence of ours. Relayed, it would end a registration that is kept here
 * (D12, D27). An update is relayed nevertheless, its sender has yet to be judged (D10); what
 * upstream accepts is then not applied. */
static bool refuse_stale(const struct decision *d, struct verdict *v)
{
    for (int at = 0; at < (int)d->in->now_state->n_bindings; at++) {
        if (!survey_has(d->s.removed, at))
            continue;
        if (d->in->view->is_star ? licence_is_stale_star(d->in, at) : licence_is_stale(d->in, at))
            return reject(REASON_STALE_CSEQ, 500, v);
    }
    return false;
}

/* Before relaying; eviction happens at the commit (D87). */
static bool refuse_full(const struct decision *d, struct verdict *v)
{
    bool is_full = d->in->conf->when_full == FULL_REJECT && survey_excess(d->in, &d->s);
    if (!is_full && !survey_is_beyond_record(&d->s))
        return false;
    return reject(REASON_FULL, 503, v);
}

static bool relay_mirrored(const struct decision *d, struct verdict *v)
{
    return d->in->conf->mode == MODE_MIRROR && !register_serve_s(d->in) &&
           forward(d, REASON_MIRROR, v);
}

static bool answer_query(const struct decision *d, struct verdict *v)
{
    if (d->in->view->n_contacts > 0 || d->in->view->is_star)
        return false;
    if (!licence_is_line(d->in, d->s.alive))
        return forward(d, REASON_QUERY_UNLICENSED, v);
    *v = (struct verdict){.what = VERDICT_ABSORB, .reason = REASON_QUERY};
    return true;
}

/* No licence covers a star (D59a). */
static bool relay_star(const struct decision *d, struct verdict *v)
{
    return d->in->view->is_star && forward(d, REASON_REMOVAL_ALL, v);
}

static bool relay_last(const struct decision *d, struct verdict *v)
{
    return register_is_removal(d->in->view) && d->s.removed && upreg_is_last(d->in, &d->s) &&
           forward(d, REASON_REMOVAL_LAST, v);
}

static bool judge_all(const struct decision *d, struct verdict *v)
{
    enum reason why = judge_contacts(d);
    if (!is_covered(why))
        return forward(d, why, v);
    bool is_commit =
        d->s.removed || is_any_moved_here(d) || (why != REASON_REPEAT && is_any_longer(d));
    *v = (struct verdict){.what = is_commit ? VERDICT_COMMIT : VERDICT_ABSORB, .reason = why};
    return true;
}

/* Those that need no look at the record come first, and bound what the look may cost. */
static rule_fn *const front_rules[] = {refuse_source, refuse_star, refuse_many, refuse_brief};
static rule_fn *const rules[] = {refuse_stale, refuse_full, relay_mirrored, answer_query,
                                 relay_star,   relay_last,  judge_all};

static bool apply_rules(rule_fn *const *list, size_t n, const struct decision *d, struct verdict *v)
{
    for (size_t i = 0; i < n; i++)
        if (list[i](d, v))
            return true;
    return false;
}

/* D10: what no licence covers has to prove itself before anything else is said of it. */
static bool is_proof_missing(const struct absorb_input *in)
{
    return in->conf->authentication == AUTH_LOCAL && !in->view->is_proven;
}

static struct verdict challenge(void)
{
    return (struct verdict){.what = VERDICT_CHALLENGE, .reason = REASON_UNPROVEN, .status = 401};
}

struct verdict absorb_decide(const struct absorb_input *in, struct aor_record *next)
{
    struct decision d = {.in = in};
    struct verdict v = {0};
    if (apply_rules(front_rules, sizeof front_rules / sizeof *front_rules, &d, &v))
        return is_proof_missing(in) ? challenge() : v;
    survey_take(in, &d.s);
    apply_rules(rules, sizeof rules / sizeof *rules, &d, &v);
    bool is_licensed = v.what == VERDICT_ABSORB || v.what == VERDICT_COMMIT;
    if (!is_licensed && is_proof_missing(in) && !licence_is_whole(in, &d.s))
        return challenge();
    if (v.what == VERDICT_COMMIT && next && v.reason != REASON_SERVED_NEW)
        commit_licensed(&d, next);
    return v;
}

bool absorb_is_still(enum reason why)
{
    return why == REASON_REPEAT || why == REASON_QUERY || why == REASON_NOTHING_TO_REMOVE;
}

void absorb_extend(const struct absorb_input *in, struct aor_record *next)
{
    struct decision d = {.in = in};
    survey_take(in, &d.s);
    commit_licensed(&d, next);
}

/* ---------------------------------------------------------------- upstream said yes */

/* Ids of further new contacts: any odd step meets no value twice. */
static uint64_t derived_id(uint64_t id, size_t n)
{
    uint64_t derived = id + n * 0x9e3779b97f4a7c15;
    return derived ? derived : 0x9e3779b97f4a7c15;
}

static void put_contacts(const struct absorb_input *in, const struct upstream_grant *grant,
                         const struct survey *s, struct aor_record *next)
{
    const struct register_view *view = in->view;
    const struct upreg *u = binding_upreg(next, accept_upreg_id(grant));
    BUG_ON(!u);
    struct commit_terms terms = {
        .proof = accept_proof(in), .upreg_id = u->id, .n_old = next->n_bindings};
    for (size_t k = 0; k < view->n_contacts; k++) {
        const struct register_contact *c = &view->contacts[k];
        if (c->expires_s == 0)
            continue;
        bool is_known = survey_has(s->alive, s->at[k]);
        terms.granted_s = grant_s(in, c, u);
        terms.new_id = derived_id(grant->new_binding_id, k);
        commit_contact(in, c, is_known ? in->now_state->bindings[s->at[k]].id : 0, &terms, next);
    }
}

/* Our own REGISTER names no contact: nobody's proof or lease moves. */
static enum reason apply_own(const struct absorb_input *in, const struct upstream_grant *grant,
                             struct aor_record *next)
{
    uint64_t id = in->view->own_upreg_id;
    enum reason why = grant->is_removal ? REASON_DEREGISTERED : REASON_UPSTREAM_DEAD;
    if (accept_is_granted(grant))
        why = REASON_ACCEPTED;
    else if (!grant->is_removal)
        commit_drop(next, survey_of_upreg(next, id));
    commit_upstream(next, id, grant, in->now_s);
    if (in->view->is_line && accept_is_granted(grant))
        commit_fix(next, id);
    commit_settle(next, in->now_s);
    return why;
}

enum reason absorb_apply(const struct absorb_input *in, const struct upstream_grant *grant,
                         struct aor_record *next)
{
    BUG_ON(next->n_bindings != in->now_state->n_bindings);
    if (in->view->own_upreg_id)
        return apply_own(in, grant, next);
    struct survey s;
    survey_take(in, &s);
    uint64_t evicted = 0;
    bool is_granted = accept_is_granted(grant);
    enum reason why = accept_judge(in, grant, &s, &evicted);
    if (why == REASON_ACCEPTED)
        commit_drop(next, ~s.alive | s.removed | evicted | (is_granted ? 0 : s.kept));
    commit_upstream(next, accept_upreg_id(grant), grant, in->now_s);
    if (why == REASON_ACCEPTED && is_granted)
        put_contacts(in, grant, &s, next);
    else if (why == REASON_ACCEPTED && !grant->is_removal)
        why = REASON_NOT_GRANTED;
    commit_settle(next, in->now_s);
    return why == REASON_ACCEPTED && evicted ? REASON_EVICTED : why;
}

/* ---------------------------------------------------------------- upstream says nothing */

static void begin_ended(const struct absorb_input *in, const struct upstream_grant *grant,
                        struct aor_record *next)
{
    const uint64_t id = accept_upreg_id(grant);
    struct upreg *u = binding_upreg(next, id);
    struct upstream_grant begun = *grant;
    if (u && u->state == UPREG_LIVE)
        return;
    if (u && str_eq(u->call_id, grant->call_id))
        begun.cseq = u->cseq;
    commit_upstream(next, id, &begun, in->now_s);
    binding_upreg(next, id)->dead_at_s = in->now_s;
}

enum reason absorb_serve(const struct absorb_input *in, const struct upstream_grant *grant,
                         struct aor_record *next)
{
    BUG_ON(next->n_bindings != in->now_state->n_bindings);
    struct survey s;
    survey_take(in, &s);
    uint64_t evicted = 0;
    enum reason why = accept_judge(in, grant, &s, &evicted);
    if (why != REASON_ACCEPTED)
        return why;
    commit_drop(next, ~s.alive | s.removed | evicted);
    begin_ended(in, grant, next);
    put_contacts(in, grant, &s, next);
    commit_settle(next, in->now_s);
    return evicted ? REASON_EVICTED : REASON_ACCEPTED;
}

/* ---------------------------------------------------------------- upstream said no */

/* 404 and 410: upstream has nothing there. 403 to a removal: it stays until it runs out (D58). */
static bool refused_own(const struct absorb_input *in, unsigned status, struct aor_record *next)
{
    struct upreg *u = binding_upreg(next, in->view->own_upreg_id);
    bool is_gone = status == 404 || status == 410;
    bool is_challenge = status == 401 || status == 407;
    if (!u || !(is_gone || is_challenge || status == 403))
        return false;
    if (u->state == UPREG_LIVE) {
        if (is_challenge)
            return false;
        commit_drop(next, survey_of_upreg(next, u->id));
    } else if (!is_gone) {
        u->state = UPREG_ORPHAN;
        return true;
    }
    if (is_gone)
        u->dead_at_s = in->now_s;
    commit_settle(next, in->now_s);
    return true;
}

bool absorb_refused(const struct absorb_input *in, unsigned status, struct aor_record *next)
{
    BUG_ON(next->n_bindings != in->now_state->n_bindings);
    if (in->view->own_upreg_id)
        return refused_own(in, status, next);
    if ((status != 403 && status != 404 && status != 410) || in->view->is_star)
        return false;
    struct survey s;
    survey_take(in, &s);
    uint64_t gone = 0;
    for (int at = 0; at < (int)in->now_state->n_bindings; at++)
        if (survey_has(s.kept | s.removed, at) && licence_is_own(in, at))
            gone |= (uint64_t)1 << at;
    if (!gone)
        return false;
    commit_drop(next, gone);
    if (in->conf->mode == MODE_AOR_THROTTLE)
        commit_distrust(next);
    commit_settle(next, in->now_s);
    return true;
}

/* ---------------------------------------------------------------- time */

size_t absorb_lapse(const struct absorb_conf *conf, const struct lease_view *leases, uint64_t now_s,
                    struct aor_record *next)
{
    uint64_t lapsed = 0;
    for (size_t i = 0; i < next->n_bindings; i++)
        if (leases[i].expires_at_s + conf->grace_s <= now_s)
            lapsed |= (uint64_t)1 << i;
    commit_drop(next, lapsed);
    return (size_t)__builtin_popcountll(lapsed) + commit_settle(next, now_s);
}
