#include "service/trailnote.h"

#include "core/expiry.h"
#include "core/binding.h"

int32_t trailnote_figure(uint64_t to_s, uint64_t from_s)
{
    int64_t s = (int64_t)to_s - (int64_t)from_s;
    return s > INT32_MAX ? INT32_MAX : s <= TRAIL_NONE ? TRAIL_NONE + 1 : (int32_t)s;
}

static void add_upstream(const struct absorb_input *in, const struct upreg *u,
                         struct trail_figures *f)
{
    if (!u || u->state == UPREG_ENDED)
        return;
    f->upstream_left_s = trailnote_figure(u->dead_at_s, in->now_s);
    f->refresh_in_s = trailnote_figure(expiry_refresh_by_s(in->now_state, u), in->now_s);
}

/* Of the device that the first contact names. */
static void add_binding(const struct absorb_input *in, struct trail_figures *f)
{
    const struct register_contact *contact = in->view->contacts;
    const struct binding *b =
        in->view->n_contacts
            ? binding_find(in->now_state, contact->uri, contact->instance, contact->reg_id)
            : NULL;
    add_upstream(in, b ? binding_upreg(in->now_state, b->upreg_id) : absorb_upreg(in), f);
    if (!b)
        return;
    f->granted_s = (int32_t)b->granted_s;
    if (b->proof.kind != PROOF_NONE)
        f->proof_age_s = trailnote_figure(in->now_s, b->proof.at_s);
}

uint64_t trailnote_hash(const struct hash_key *loop_key, struct str aor)
{
    return hash_str(loop_key, aor) >> (64 - TRAILNOTE_HASH_BITS);
}

void trailnote_add(struct context *c, const struct trailnote *n)
{
    struct trail_figures f = TRAIL_NO_FIGURES;
    f.status = (int32_t)n->status;
    if (n->flow)
        f.source = n->flow->peer;
    if (n->in && n->in->view)
        add_binding(n->in, &f);
    if (!str_is_none(n->aor))
        trail_note(c->trail, trailnote_hash(&c->loop_key, n->aor), n->why, &f);
}
