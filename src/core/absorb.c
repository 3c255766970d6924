#include "core/absorb.h"

#include "base/err.h"
#include "core/accept.h"
#include "core/commit.h"
#include "core/licence.h"
#include "core/survey.h"
#include "core/upreg.h"

enum {
    SAFETY_S = 32,     /* a device's registration ends so long before upstream's (timer F) */
    MARGIN_S = 64,     /* two lost transactions beside two device intervals */
    RFC_BRIEF_S = 3600 /* what lasts an hour is never too brief (RFC 3261 10.3 step 7) */
};

/* ---------------------------------------------------------------- arithmetic of expiries */

static uint64_t between(uint64_t v, uint64_t min, uint64_t max)
{
    v = v < max ? v : max;
    return v > min ? v : min;
}

/* Up to so many percent less, the same for a retransmission, never below the minimum (D89). */
static uint64_t spread_out(const struct absorb_input *in, uint64_t v)
{
    uint64_t most = v * in->conf->expires_spread_percent / 100;
    uint64_t less = in->view->spread % (most + 1);
    return v - less > in->conf->min_expires_s ? v - less : in->conf->min_expires_s;
}

/* How long a device may rely on upstream (D37, D51). */
static uint64_t reliable_s(const struct absorb_input *in, uint64_t dead_at_s)
{
    uint64_t until_s = in->now_s + (in->conf->mode == MODE_MIRROR ? 0 : SAFETY_S);
    return dead_at_s > until_s ? dead_at_s - until_s : 0;
}

uint32_t absorb_grant_s(const struct absorb_input *in, int64_t asked_s, uint64_t dead_at_s,
                        bool can_refresh)
{
    const struct absorb_conf *conf = in->conf;
    uint64_t v = asked_s < 0 ? conf->default_expires_s : (uint64_t)asked_s;
    v = between(v, conf->min_expires_s, conf->max_expires_s);
    if (conf->mode != MODE_MIRROR)
        v = spread_out(in, v);
    if (!can_refresh && v > reliable_s(in, dead_at_s))
        v = reliable_s(in, dead_at_s);
    return v ? (uint32_t)v : 1;
}

uint64_t absorb_told_s(const struct absorb_input *in, const struct upreg *u, uint64_t left_s)
{
    if (!u || !left_s || absorb_can_refresh(in))
        return left_s;
    uint64_t most_s = reliable_s(in, u->dead_at_s);
    return left_s <= most_s ? left_s : most_s ? most_s : 1;
}

bool absorb_can_refresh(const struct absorb_input *in)
{
    return (in->conf->authentication != AUTH_RELAY || in->view->has_account) &&
           in->conf->mode != MODE_MIRROR;
}

/* A device with an interval so long leaves no time for a refresh of ours between two of its own:
 * then it is the device's REGISTER that refreshes upstream, so upstream's end binds it. */
static bool is_plannable(const struct upreg *u, uint64_t interval_s)
{
    return 2 * interval_s + MARGIN_S < u->granted_s;
}

uint32_t absorb_grant_on_s(const struct absorb_input *in, int64_t asked_s, const struct upreg *u)
{
    bool can_refresh = absorb_can_refresh(in);
    uint32_t v = absorb_grant_s(in, asked_s, u->dead_at_s, can_refresh);
    return can_refresh && !is_plannable(u, v) ? absorb_grant_s(in, asked_s, u->dead_at_s, false)
                                              : v;
}

static uint32_t grant_s(const struct absorb_input *in, const struct register_contact *c,
                        const struct upreg *u)
{
    return absorb_grant_on_s(in, c->expires_s, u);
}

uint64_t absorb_refresh_by_s(const struct aor_record *r, const struct upreg *u)
{
    uint64_t longest_s = 0;
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].upreg_id == u->id && r->bindings[i].granted_s > longest_s)
            longest_s = r->bindings[i].granted_s;
    uint64_t early_s = 2 * longest_s + MARGIN_S;
    if (early_s < u->granted_s / 10)
        early_s = u->granted_s / 10;
    return u->dead_at_s > early_s ? u->dead_at_s - early_s : 0;
}

bool absorb_is_refresh_ours(const struct absorb_input *in, const struct upreg *u)
{
    uint64_t by_s = absorb_refresh_by_s(in->now_state, u);
    bool is_planned = by_s + u->granted_s > u->dead_at_s;
    return absorb_can_refresh(in) && u->state == UPREG_LIVE && by_s <= in->now_s &&
           (is_planned || u->dead_at_s <= in->now_s);
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

/* One REGISTER in flight per upstream contact; the next one goes on its own proof (D60). */
static bool forward(const struct decision *d, enum reason why, struct verdict *v)
{
    if (d->in->is_upstream_busy)
        *v = (struct verdict){.what = VERDICT_WAIT, .reason = REASON_IN_FLIGHT};
    else
        *v = (struct verdict){.what = VERDICT_FORWARD, .reason = why, .as = forward_as(d)};
    return true;
}

/* ---------------------------------------------------------------- judging one contact */

/* A postponed refresh leaves the device an interval worth having; else it rather waits a moment. */
static bool has_room(const struct absorb_input *in, const struct upreg *u)
{
    return absorb_can_refresh(in) || reliable_s(in, u->dead_at_s) >= in->conf->min_expires_s;
}

/* What upstream's registration makes of a licence (D56a). */
static enum reason judge_upstream(const struct absorb_input *in, const struct binding *b,
                                  enum reason licence)
{
    const struct upreg *u = binding_upreg(in->now_state, b->upreg_id);
    if (!u || u->state != UPREG_LIVE || u->dead_at_s <= in->now_s)
        return REASON_UPSTREAM_DUE;
    enum reason due = REASON_UPSTREAM_DUE;
    if (upreg_is_moved(in->conf, u))
        due = REASON_MOVED;
    else if (in->now_s < absorb_refresh_by_s(in->now_state, u))
        return licence;
    return in->is_upstream_busy && has_room(in, u) ? REASON_POSTPONED_IN_FLIGHT : due;
}

static enum reason judge_refresh(const struct decision *d, const struct register_contact *c, int at)
{
    enum reason licence = licence_refresh(d->in, c, at);
    switch (licence) {
    case REASON_LICENSED_FLOW:
    case REASON_LICENSED_SOURCE:
    case REASON_LICENSED_DIGEST:
    case REASON_TRUSTED:
        break;
    default:
        return licence;
    }
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
    switch (r) {
    case REASON_LICENSED_FLOW:
    case REASON_LICENSED_SOURCE:
    case REASON_LICENSED_DIGEST:
    case REASON_TRUSTED:
    case REASON_REPEAT:
    case REASON_POSTPONED_IN_FLIGHT:
    case REASON_REMOVED_LOCALLY:
    case REASON_NOTHING_TO_REMOVE:
        return true;
    default:
        return false;
    }
}

/* Which of two covered contacts' reasons tells more: what is done rather than what is not. */
static enum reason weightier(enum reason a, enum reason b)
{
    static const enum reason order[] = {
        REASON_REMOVED_LOCALLY, REASON_POSTPONED_IN_FLIGHT, REASON_LICENSED_DIGEST, REASON_TRUSTED,
        REASON_LICENSED_FLOW,   REASON_LICENSED_SOURCE,     REASON_REPEAT};
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

/* By L3 alone: the binding takes the REGISTER's way, Call-ID and proof. */
static bool is_moved_here(const struct decision *d, size_t k)
{
    const struct register_contact *c = &d->in->view->contacts[k];
    return d->in->view->is_proven && c->expires_s != 0 &&
           licence_refresh(d->in, c, d->s.at[k]) == REASON_LICENSED_DIGEST;
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
            commit_move(in, b);
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
    return d->in->conf->mode == MODE_MIRROR && forward(d, REASON_MIRROR, v);
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
    if (v.what == VERDICT_COMMIT && next)
        commit_licensed(&d, next);
    return v;
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
