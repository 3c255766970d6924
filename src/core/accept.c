#include "core/accept.h"

#include "core/licence.h"

struct proof accept_proof(const struct absorb_input *in)
{
    enum proof_kind kind = in->view->has_authorization ? PROOF_UPSTREAM : PROOF_OPEN;
    if (in->conf->authentication == AUTH_TRUSTED)
        kind = PROOF_TRUSTED;
    if (in->conf->authentication == AUTH_LOCAL)
        kind = in->view->is_proven ? PROOF_DIGEST : PROOF_NONE;
    return (struct proof){kind, in->now_s, in->view->family};
}

/* Relayed by L1 or L2. */
static bool is_by_licence(const struct absorb_input *in)
{
    return accept_proof(in).kind == PROOF_NONE;
}

bool accept_is_beyond_proof(const struct absorb_input *in, int at)
{
    if (is_by_licence(in))
        return !licence_is_own(in, at);
    return accept_proof(in).kind == PROOF_OPEN &&
           !binding_is_from(&in->now_state->bindings[at], &in->view->way, &in->view->family);
}

static bool is_stale(const struct absorb_input *in, int at)
{
    return in->view->is_star ? licence_is_stale_star(in, at) : licence_is_stale(in, at);
}

/* The oldest ones, until the line has room (D87). False: there are not enough. */
static bool choose_evicted(const struct absorb_input *in, const struct survey *s, uint64_t *out)
{
    size_t excess = survey_excess(in, s);
    uint64_t candidates = s->current & ~s->kept & ~s->removed;
    *out = 0;
    if (excess && in->conf->when_full == FULL_REJECT)
        return false;
    for (int at = 0; at < (int)in->now_state->n_bindings && excess; at++)
        if (survey_has(candidates, at) && !accept_is_beyond_proof(in, at)) {
            *out |= (uint64_t)1 << at;
            excess--;
        }
    return excess == 0;
}

uint64_t accept_upreg_id(const struct upstream_grant *grant)
{
    return grant->upreg_id ? grant->upreg_id : grant->new_upreg_id;
}

static bool has_upreg_room(const struct absorb_input *in, const struct upstream_grant *grant)
{
    return in->now_state->n_upregs < RECORD_UPREGS_MAX ||
           binding_upreg(in->now_state, accept_upreg_id(grant));
}

bool accept_is_granted(const struct upstream_grant *grant)
{
    return !grant->is_removal && grant->granted_s > 0;
}

enum reason accept_judge(const struct absorb_input *in, const struct upstream_grant *grant,
                         const struct survey *s, uint64_t *evicted)
{
    for (int at = 0; at < (int)in->now_state->n_bindings; at++) {
        if (!survey_has(s->kept | s->removed, at))
            continue;
        if (is_stale(in, at))
            return REASON_STALE_CSEQ;
        if (accept_is_beyond_proof(in, at))
            return REASON_NOT_PROVEN;
    }
    if (is_by_licence(in) && s->n_unknown) /* what it refreshes has gone meanwhile */
        return REASON_NOT_PROVEN;
    if (accept_is_granted(grant) && (survey_is_beyond_record(s) || !has_upreg_room(in, grant) ||
                                     !choose_evicted(in, s, evicted)))
        return REASON_FULL;
    return REASON_ACCEPTED;
}
