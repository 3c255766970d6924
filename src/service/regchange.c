#include "service/regchange.h"

#include "core/commit.h"
#include "service/regview.h"

static struct str copy_str(struct arena *a, struct str s)
{
    return str_is_none(s) ? s : str_dup(a, s);
}

void *regchange_copy(struct arena *a, const void *input)
{
    const struct regchange *in = input;
    struct regchange *out = arena_alloc(a, sizeof *out);
    const struct register_view *view = regview_copy(a, &in->view);
    if (!out || !view)
        return NULL;
    *out = *in;
    out->view = *view;
    out->grant.contact = copy_str(a, in->grant.contact);
    out->grant.call_id = copy_str(a, in->grant.call_id);
    out->grant.service_route = copy_str(a, in->grant.service_route);
    out->grant.associated = copy_str(a, in->grant.associated);
    out->grant.pub_gruu = copy_str(a, in->grant.pub_gruu);
    out->grant.temp_gruu = copy_str(a, in->grant.temp_gruu);
    return a->has_failed ? NULL : out;
}

/* What rode along with an accepted REGISTER is over (D58). Should somebody have come back to it in
 * between, its end is due upstream at once. */
static void end_leaving(const struct regchange *change, uint64_t now_s, struct aor_record *next)
{
    for (size_t i = 0; i < change->n_leaving; i++) {
        struct upreg *u = binding_upreg(next, change->leaving[i]);
        if (u && u->dead_at_s > now_s)
            u->dead_at_s = now_s;
    }
    commit_settle(next, now_s);
}

static enum reason accept_it(const struct absorb_input *in, const struct regchange *change,
                             struct aor_record *next, bool *is_changed)
{
    /* Even where no binding changes: the upstream side follows upstream. */
    *is_changed = true;
    enum reason why = absorb_apply(in, &change->grant, next);
    end_leaving(change, in->now_s, next);
    return why;
}

/* One to be absorbed comes here when another commit had its lease at the time. */
static enum reason decide_again(const struct absorb_input *in, struct aor_record *next,
                                bool *is_changed)
{
    struct verdict v = absorb_decide(in, next);
    bool is_absorbed = v.what == VERDICT_ABSORB && !absorb_is_still(v.reason);
    if (is_absorbed)
        absorb_extend(in, next);
    bool is_committed = v.what == VERDICT_COMMIT && v.reason != REASON_SERVED_NEW;
    *is_changed = is_committed || is_absorbed; /* what is to be served is decided about anew */
    return *is_changed ? v.reason : REASON_MAX;
}

/* What has come in between may have left it no room, or may serve it otherwise. */
static enum reason serve_it(const struct absorb_input *in, const struct regchange *change,
                            struct aor_record *next, bool *is_changed)
{
    if (absorb_decide(in, NULL).reason != REASON_SERVED_NEW)
        return REASON_MAX;
    enum reason why = absorb_serve(in, &change->grant, next);
    *is_changed = why == REASON_ACCEPTED || why == REASON_EVICTED;
    return *is_changed ? REASON_SERVED_NEW : REASON_MAX;
}

static enum reason refuse_it(const struct absorb_input *in, const struct regchange *change,
                             struct aor_record *next, bool *is_changed)
{
    *is_changed = absorb_refused(in, change->status, next);
    const struct upreg *own = binding_upreg(next, in->view->own_upreg_id);
    return own && own->state == UPREG_ORPHAN ? REASON_ORPHAN : REASON_REFUSED;
}

int regchange_reduce(const struct store_change *c, void *input, bool *is_changed)
{
    const struct regchange *change = input;
    const struct absorb_input in = {.conf = &change->conf,
                                    .view = &change->view,
                                    .now_state = c->now_state,
                                    .leases = c->leases,
                                    .is_upstream_busy = change->is_upstream_busy,
                                    .is_outage = change->is_outage,
                                    .is_down = change->is_down,
                                    .now_s = c->now_s};
    *is_changed = false;
    switch (change->kind) {
    case REGCHANGE_LICENSED:
        return (int)decide_again(&in, c->next, is_changed);
    case REGCHANGE_SERVED:
        return (int)serve_it(&in, change, c->next, is_changed);
    case REGCHANGE_ACCEPTED:
        return (int)accept_it(&in, change, c->next, is_changed);
    default:
        return (int)refuse_it(&in, change, c->next, is_changed);
    }
}
