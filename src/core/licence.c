#include "core/licence.h"

/* A REGISTER, or one contact of it, and the binding that it names. */
struct claim {
    const struct absorb_input *in;
    const struct register_contact *c; /* NULL: not about a contact's content */
    const struct binding *b;
    const struct lease_view *lease;
};

static struct claim claim_of(const struct absorb_input *in, const struct register_contact *c,
                             int at)
{
    return (struct claim){in, c, &in->now_state->bindings[at], &in->leases[at]};
}

/* ---------------------------------------------------------------- one condition each */

static uint32_t last_cseq(const struct claim *q)
{
    return q->lease->is_held && q->lease->cseq > q->b->cseq ? q->lease->cseq : q->b->cseq;
}

static bool is_other_call_id(const struct claim *q)
{
    return !str_eq(q->b->call_id, q->in->view->call_id);
}

static bool is_here(const struct claim *q)
{
    return binding_is_same_way(&q->b->way, &q->in->view->way);
}

static bool is_other_way(const struct claim *q)
{
    return !binding_is_from(q->b, &q->in->view->way, &q->in->view->family);
}

/* Without a lease there is nothing to extend: another commit has overtaken this snapshot. */
static bool is_leaseless(const struct claim *q)
{
    return !q->lease->is_held;
}

/* What an access list proved, it proves only as long as there is one; where we ask for proof, a 2xx
 * that asked for none is not one. */
static bool is_unproven(const struct claim *q)
{
    enum proof_kind kind = q->b->proof.kind;
    enum absorb_auth authentication = q->in->conf->authentication;
    return kind == PROOF_NONE || (kind == PROOF_TRUSTED && authentication != AUTH_TRUSTED) ||
           (kind == PROOF_OPEN && authentication == AUTH_LOCAL);
}

/* On another connection it is none: the device has to be reached by that one now. */
static bool is_repeat(const struct claim *q)
{
    return q->lease->is_held && is_here(q) && q->in->view->cseq == q->lease->cseq &&
           q->in->view->branch_hash == q->lease->branch_hash;
}

static bool is_pending(const struct claim *q)
{
    return q->lease->is_pending;
}

static bool is_not_rising(const struct claim *q)
{
    uint32_t last = last_cseq(q), now = q->in->view->cseq;
    return now < last || (now == last && !q->in->conf->is_equal_cseq_allowed);
}

/* D27: within one Call-ID only. */
static bool is_stale_here(const struct claim *q)
{
    return !is_other_call_id(q) && is_not_rising(q);
}

static bool is_reproof_due(const struct claim *q)
{
    uint64_t at_s = q->b->proof.at_s;
    uint64_t good_s = (uint64_t)q->in->conf->reproof_s + register_serve_s(q->in);
    return q->in->now_s > at_s && q->in->now_s - at_s >= good_s;
}

/* Bytes are compared: calls go to the contact's very bytes (D65). */
static bool is_changed(const struct claim *q)
{
    const struct register_contact *c = q->c;
    const struct binding *b = q->b;
    return !str_eq(c->uri, b->contact) || !str_eq(c->params, b->params) ||
           !str_eq(c->instance, b->instance) || c->reg_id != b->reg_id || c->q != b->q ||
           !str_eq(q->in->view->path, b->path);
}

/* ---------------------------------------------------------------- lists of conditions */

struct check {
    bool (*is)(const struct claim *q);
    enum reason why;
};

/* A repeat comes before all that could send it upstream: it is never relayed (D29). */
static const struct check refresh_checks[] = {
    {is_other_call_id, REASON_NEW_CALL_ID},
    {is_other_way, REASON_NEW_SOURCE},
    {is_leaseless, REASON_NOT_PROVEN},
    {is_unproven, REASON_NOT_PROVEN},
    {is_repeat, REASON_REPEAT},
    {is_pending, REASON_UPSTREAM_PENDING},
    {is_not_rising, REASON_OLD_CSEQ},
    {is_reproof_due, REASON_REPROOF},
    {is_changed, REASON_CHANGED},
};

/* What remains to be asked where the sender has just proven himself (L3). */
static const struct check proven_checks[] = {
    {is_pending, REASON_UPSTREAM_PENDING},
    {is_stale_here, REASON_OLD_CSEQ},
    {is_changed, REASON_CHANGED},
};

/* The sender's right, whatever keeps it from being used here and now. */
static const struct check whole_checks[] = {
    {is_other_call_id, REASON_NEW_CALL_ID}, {is_other_way, REASON_NEW_SOURCE},
    {is_leaseless, REASON_NOT_PROVEN},      {is_unproven, REASON_NOT_PROVEN},
    {is_not_rising, REASON_OLD_CSEQ},       {is_reproof_due, REASON_REPROOF},
};

/* For what touches a binding without telling anything of it: removals, queries. */
static const struct check sender_checks[] = {
    {is_other_call_id, REASON_NEW_CALL_ID}, {is_other_way, REASON_NEW_SOURCE},
    {is_leaseless, REASON_NOT_PROVEN},      {is_unproven, REASON_NOT_PROVEN},
    {is_pending, REASON_UPSTREAM_PENDING},  {is_not_rising, REASON_OLD_CSEQ},
    {is_reproof_due, REASON_REPROOF},
};

/* Its own device's, whatever made it necessary to ask upstream. */
static const struct check own_checks[] = {
    {is_other_call_id, REASON_NEW_CALL_ID},
    {is_other_way, REASON_NEW_SOURCE},
    {is_unproven, REASON_NOT_PROVEN},
    {is_not_rising, REASON_OLD_CSEQ},
};

#define COUNT(checks) (sizeof(checks) / sizeof *(checks))

static enum reason granted(const struct claim *q)
{
    if (q->b->proof.kind == PROOF_TRUSTED)
        return REASON_TRUSTED;
    if (!is_here(q))
        return REASON_LICENSED_SESSION;
    return q->b->way.flow_id ? REASON_LICENSED_FLOW : REASON_LICENSED_SOURCE;
}

/* The first of the conditions that is there; REASON_MAX: none is. */
static enum reason objection(const struct check *checks, size_t n, const struct claim *q)
{
    for (size_t i = 0; i < n; i++)
        if (checks[i].is(q))
            return checks[i].why;
    return REASON_MAX;
}

static bool passes(const struct check *checks, size_t n, const struct claim *q)
{
    return objection(checks, n, q) == REASON_MAX;
}

/* ---------------------------------------------------------------- questions */

/* L1 or L2 first: they cost no commit. */
enum reason licence_refresh(const struct absorb_input *in, const struct register_contact *c, int at)
{
    const struct claim q = claim_of(in, c, at);
    enum reason why = objection(refresh_checks, COUNT(refresh_checks), &q);
    if (why == REASON_MAX)
        return granted(&q);
    if (why == REASON_REPEAT || !in->view->is_proven)
        return why;
    why = objection(proven_checks, COUNT(proven_checks), &q);
    return why == REASON_MAX ? REASON_LICENSED_DIGEST : why;
}

bool licence_is_whole(const struct absorb_input *in, const struct survey *s)
{
    for (size_t k = 0; k < in->view->n_contacts; k++) {
        const struct register_contact *c = &in->view->contacts[k];
        if (!survey_has(s->alive, s->at[k]))
            return false;
        const struct claim q = claim_of(in, c, s->at[k]);
        if (!passes(whole_checks, COUNT(whole_checks), &q) || (c->expires_s && is_changed(&q)))
            return false;
    }
    return in->view->n_contacts > 0 && !in->view->is_star;
}

bool licence_is_removal(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return in->view->is_proven || passes(sender_checks, COUNT(sender_checks), &q);
}

bool licence_is_line(const struct absorb_input *in, uint64_t alive)
{
    if (in->view->is_proven)
        return true;
    for (int at = 0; at < (int)in->now_state->n_bindings; at++)
        if ((alive >> at & 1) && licence_is_removal(in, at))
            return true;
    return false;
}

bool licence_is_own(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return passes(own_checks, COUNT(own_checks), &q);
}

bool licence_is_stale(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return is_stale_here(&q);
}

bool licence_is_stale_star(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return !is_other_call_id(&q) && in->view->cseq <= last_cseq(&q);
}
