#include "core/expiry.h"

enum {
    SAFETY_S = 32, /* a device's registration ends so long before upstream's (timer F) */
    MARGIN_S = 64  /* two lost transactions beside two device intervals */
};

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

uint32_t expiry_grant_s(const struct absorb_input *in, int64_t asked_s, uint64_t dead_at_s,
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

uint64_t expiry_told_s(const struct absorb_input *in, const struct upreg *u, uint64_t left_s)
{
    if (!u || !left_s || expiry_can_refresh(in) || register_serve_s(in))
        return left_s;
    uint64_t most_s = reliable_s(in, u->dead_at_s);
    return left_s <= most_s ? left_s : most_s ? most_s : 1;
}

bool expiry_can_refresh(const struct absorb_input *in)
{
    return (in->conf->authentication != AUTH_RELAY || in->view->has_account) &&
           in->conf->mode != MODE_MIRROR;
}

/* Else a refresh of ours finds no time between two of the device's: upstream's end binds it. */
static bool is_plannable(const struct upreg *u, uint64_t interval_s)
{
    return 2 * interval_s + MARGIN_S < u->granted_s;
}

uint32_t expiry_scatter_s(const struct absorb_input *in, uint32_t v)
{
    uint32_t min_s = in->conf->min_expires_s;
    return v > min_s ? min_s + (uint32_t)((in->view->spread >> 32) % (v - min_s + 1)) : v;
}

/* Those who were due upstream together and found no turn must not come together again. */
static uint32_t scatter(const struct absorb_input *in, const struct upreg *u, uint32_t v)
{
    if (!in->is_upstream_busy || in->now_s < expiry_refresh_by_s(in->now_state, u))
        return v;
    return expiry_scatter_s(in, v);
}

/* D56a: so that it is back soon after upstream is. */
static uint32_t served_s(const struct absorb_input *in, int64_t asked_s, const struct upreg *u)
{
    uint32_t v = expiry_grant_s(in, asked_s, 0, true);
    uint64_t end_s = u->dead_at_s + register_serve_s(in);
    uint64_t left_s = end_s > in->now_s ? end_s - in->now_s : 1;
    v = v < in->conf->default_expires_s ? v : in->conf->default_expires_s;
    return v < left_s ? v : (uint32_t)left_s;
}

uint32_t expiry_grant_on_s(const struct absorb_input *in, int64_t asked_s, const struct upreg *u)
{
    if (register_serve_s(in))
        return scatter(in, u, served_s(in, asked_s, u));
    bool can_refresh = expiry_can_refresh(in);
    uint32_t v = expiry_grant_s(in, asked_s, u->dead_at_s, can_refresh);
    bool is_bound = can_refresh && !is_plannable(u, v);
    return scatter(in, u, is_bound ? expiry_grant_s(in, asked_s, u->dead_at_s, false) : v);
}

uint64_t expiry_refresh_by_s(const struct aor_record *r, const struct upreg *u)
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

bool expiry_is_refresh_ours(const struct absorb_input *in, const struct upreg *u)
{
    uint64_t by_s = expiry_refresh_by_s(in->now_state, u);
    bool is_planned = by_s + u->granted_s > u->dead_at_s;
    return expiry_can_refresh(in) && u->state == UPREG_LIVE && by_s <= in->now_s &&
           (is_planned || u->dead_at_s <= in->now_s);
}

bool expiry_has_room(const struct absorb_input *in, const struct upreg *u)
{
    return expiry_can_refresh(in) || reliable_s(in, u->dead_at_s) >= in->conf->min_expires_s;
}
