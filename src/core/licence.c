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

static bool is_other_way(const struct claim *q)
{
    return !binding_is_same_way(&q->b->way, &q->in->view->way);
}

/* Without a lease there is nothing to extend: another commit has overtaken this snapshot. */
static bool is_leaseless(const struct claim *q)
{
    return !q->lease->is_held;
}

/* What an access list proved, it proves only as long as there is one. */
static bool is_unproven(const struct claim *q)
{
    enum proof_kind kind = q->b->proof.kind;
    return kind == PROOF_NONE ||
           (kind == PROOF_TRUSTED && q->in->conf->authentication != AUTH_TRUSTED);
}

static bool is_repeat(const struct claim *q)
{
    return q->lease->is_held && q->in->view->cseq == q->lease->cseq &&
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

static bool is_reproof_due(const struct claim *q)
{
    uint64_t at_s = q->b->proof.at_s;
    return q->in->now_s > at_s && q->in->now_s - at_s >= q->in->conf->reproof_s;
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
    return q->b->way.family ? REASON_LICENSED_FLOW : REASON_LICENSED_SOURCE;
}

static bool passes(const struct check *checks, size_t n, const struct claim *q)
{
    for (size_t i = 0; i < n; i++)
        if (checks[i].is(q))
            return false;
    return true;
}

/* ---------------------------------------------------------------- questions */

enum reason licence_refresh(const struct absorb_input *in, const struct register_contact *c, int at)
{
    const struct claim q = claim_of(in, c, at);
    for (size_t i = 0; i < COUNT(refresh_checks); i++)
        if (refresh_checks[i].is(&q))
            return refresh_checks[i].why;
    return granted(&q);
}

bool licence_is_removal(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return passes(sender_checks, COUNT(sender_checks), &q);
}

bool licence_is_line(const struct absorb_input *in, uint64_t alive)
{
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
    return !is_other_call_id(&q) && is_not_rising(&q);
}

bool licence_is_stale_star(const struct absorb_input *in, int at)
{
    const struct claim q = claim_of(in, NULL, at);
    return !is_other_call_id(&q) && in->view->cseq <= last_cseq(&q);
}
