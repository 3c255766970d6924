#include "core/lasting.h"

#include "core/expiry.h"

/* No device is told more than upstream holds, and less by that: nothing that is granted before
 * refresh_by comes near. */
enum { ROOM_S = 64 };

static bool is_plain_reason(enum reason r)
{
    return r == REASON_LICENSED_FLOW || r == REASON_LICENSED_SOURCE || r == REASON_TRUSTED;
}

static bool is_plain(const struct absorb_input *in, const struct verdict *v)
{
    const struct register_view *view = in->view;
    return v->what == VERDICT_ABSORB && is_plain_reason(v->reason) && view->n_contacts == 1 &&
           view->contacts[0].expires_s != 0 && !view->is_star && !view->has_authorization &&
           !view->is_proven && in->now_state->n_bindings == 1 && !in->is_outage && !in->is_down &&
           in->conf->mode != MODE_MIRROR;
}

static uint32_t asked_s(const struct absorb_conf *conf, int64_t expires_s)
{
    int64_t v = expires_s < 0 ? conf->default_expires_s : expires_s;
    v = v < conf->max_expires_s ? v : conf->max_expires_s;
    return v > conf->min_expires_s ? (uint32_t)v : conf->min_expires_s;
}

bool lasting_find(const struct absorb_input *in, const struct verdict *v, struct lasting *out)
{
    if (!is_plain(in, v))
        return false;
    const struct binding *b = &in->now_state->bindings[0];
    const struct upreg *u = binding_upreg(in->now_state, b->upreg_id);
    if (!u || u->state != UPREG_LIVE)
        return false;
    uint64_t most_s = asked_s(in->conf, in->view->contacts[0].expires_s);
    *out = (struct lasting){.refresh_by_s = expiry_refresh_by_s(in->now_state, u),
                            .dead_at_s = u->dead_at_s,
                            .proof_at_s = b->proof.at_s,
                            .granted_s = b->granted_s,
                            .asked_s = (uint32_t)most_s};
    /* that the device asks for more than at the last commit no spread may say */
    return b->granted_s >= most_s - most_s * in->conf->expires_spread_percent / 100 &&
           out->refresh_by_s + most_s + ROOM_S <= u->dead_at_s;
}

bool lasting_is_good(const struct absorb_conf *conf, const struct lasting *l, uint64_t expires_at_s,
                     uint64_t now_s)
{
    return now_s < l->refresh_by_s && now_s < l->proof_at_s + conf->reproof_s &&
           expires_at_s > now_s && expires_at_s <= now_s + l->asked_s;
}

uint32_t lasting_grant_s(const struct absorb_conf *conf, const struct lasting *l, uint64_t spread,
                         bool is_surge)
{
    const struct register_view view = {.spread = spread};
    const struct absorb_input in = {.conf = conf, .view = &view};
    uint32_t s = expiry_grant_s(&in, l->asked_s, 0, true);
    return is_surge ? expiry_scatter_s(&in, s) : s;
}
