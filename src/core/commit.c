#include "core/commit.h"

#include "base/err.h"

/* ---------------------------------------------------------------- bindings */

void commit_drop(struct aor_record *next, uint64_t set)
{
    for (size_t i = next->n_bindings; i-- > 0;)
        if (set >> i & 1)
            binding_del(next, &next->bindings[i]);
}

void commit_extend(const struct absorb_input *in, uint32_t granted_s, struct binding *b)
{
    b->cseq = in->view->cseq;
    b->granted_s = granted_s;
    b->expires_at_s = in->now_s + granted_s;
    b->is_changed = true; /* so that the lease takes the new expiry */
}

/* The one that was judged, or one that this very REGISTER has added; never another device's. */
static struct binding *named(const struct register_contact *c, uint64_t known_id,
                             const struct commit_terms *terms, const struct aor_record *next)
{
    struct binding *b = known_id ? binding_find_id(next, known_id) : NULL;
    const struct aor_record fresh = {
        .bindings = next->bindings + terms->n_old,
        .n_bindings = next->n_bindings - terms->n_old,
    };
    return b ? b : binding_find(&fresh, c->uri, c->instance, c->reg_id);
}

static struct binding *added(uint64_t id, uint64_t now_s, struct aor_record *next)
{
    struct binding *b = binding_add(next);
    BUG_ON(!b);
    b->id = id;
    b->created_at_s = now_s;
    return b;
}

void commit_contact(const struct absorb_input *in, const struct register_contact *c,
                    uint64_t known_id, const struct commit_terms *terms, struct aor_record *next)
{
    const struct register_view *view = in->view;
    struct binding *b = named(c, known_id, terms, next);
    if (!b)
        b = added(terms->new_id, in->now_s, next);
    b->contact = c->uri;
    b->params = c->params;
    b->instance = c->instance;
    b->reg_id = c->reg_id;
    b->q = c->q;
    b->call_id = view->call_id;
    b->path = view->path;
    b->user_agent = view->user_agent;
    b->methods = view->methods;
    b->way = view->way;
    if (terms->proof.kind != PROOF_NONE)
        b->proof = terms->proof;
    b->upreg_id = terms->upreg_id;
    commit_extend(in, terms->granted_s, b);
}

void commit_move(const struct absorb_input *in, bool is_proof, struct binding *b)
{
    b->call_id = in->view->call_id;
    b->user_agent = in->view->user_agent;
    b->methods = in->view->methods;
    b->way = in->view->way;
    if (is_proof)
        b->proof = (struct proof){PROOF_DIGEST, in->now_s, in->view->family};
}

size_t commit_lose(struct aor_record *next, uint64_t flow_id, uint64_t now_s)
{
    size_t n = 0;
    for (size_t i = 0; i < next->n_bindings; i++) {
        struct binding *b = &next->bindings[i];
        if (b->way.flow_id != flow_id)
            continue;
        b->way.flow_id = 0;
        if (b->expires_at_s > now_s)
            b->expires_at_s = now_s;
        b->is_changed = true;
        n++;
    }
    return n;
}

void commit_distrust(struct aor_record *next)
{
    for (size_t i = 0; i < next->n_bindings; i++) {
        next->bindings[i].proof.kind = PROOF_NONE;
        next->bindings[i].is_changed = true;
    }
}

/* ---------------------------------------------------------------- upstream registrations */

static bool is_older(const struct upstream_grant *grant, const struct upreg *u)
{
    return str_eq(grant->call_id, u->call_id) && grant->cseq < u->cseq;
}

static void begin(struct upreg *u, uint64_t id, const struct upstream_grant *grant, uint64_t now_s)
{
    *u = (struct upreg){
        .id = id,
        .state = UPREG_LIVE,
        .contact = grant->contact,
        .call_id = grant->call_id,
        .cseq = grant->cseq,
        .granted_s = grant->granted_s,
        .dead_at_s = now_s + grant->granted_s,
        .service_route = grant->service_route,
        .associated = grant->associated,
        .pub_gruu = grant->pub_gruu,
        .temp_gruu = grant->temp_gruu,
        .has_instance = grant->has_instance,
        .form = grant->form,
        .is_bulk = grant->is_bulk,
        .is_fixed = u->is_fixed,
        .server = grant->server.addr.family ? grant->server : u->server,
    };
}

static void end_upreg(struct upreg *u, const struct upstream_grant *grant, uint64_t now_s)
{
    if (str_eq(grant->call_id, u->call_id))
        u->cseq = grant->cseq;
    if (u->dead_at_s > now_s)
        u->dead_at_s = now_s;
}

void commit_upstream(struct aor_record *next, uint64_t upreg_id, const struct upstream_grant *grant,
                     uint64_t now_s)
{
    struct upreg *u = binding_upreg(next, upreg_id);
    bool is_held = !grant->is_removal && grant->granted_s > 0;
    if (u && u->state != UPREG_ENDED && is_older(grant, u))
        return;
    if (!u && is_held)
        u = binding_upreg_add(next);
    if (u && is_held)
        begin(u, upreg_id, grant, now_s);
    else if (u)
        end_upreg(u, grant, now_s);
}

static bool is_used(const struct aor_record *r, const struct upreg *u)
{
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].upreg_id == u->id)
            return true;
    return false;
}

/* Names and sequence stay; what upstream knew does not. */
static void finish(struct upreg *u)
{
    *u = (struct upreg){.id = u->id,
                        .state = UPREG_ENDED,
                        .call_id = u->call_id,
                        .cseq = u->cseq,
                        .form = u->form,
                        .is_bulk = u->is_bulk,
                        .dead_at_s = u->dead_at_s};
}

/* Dead, and nobody stands on it. True: something changed. */
static bool bury(struct aor_record *next, struct upreg *u, uint64_t now_s)
{
    bool is_known = next->n_upregs == 1 && u->dead_at_s + UPREG_KNOWN_S > now_s;
    if (is_known && u->state == UPREG_ENDED)
        return false;
    if (is_known)
        finish(u);
    else
        binding_upreg_del(next, u);
    return true;
}

void commit_fix(struct aor_record *next, uint64_t upreg_id)
{
    for (size_t i = 0; i < next->n_upregs; i++)
        next->upregs[i].is_fixed = upreg_id && next->upregs[i].id == upreg_id;
}

static bool settle(struct aor_record *next, struct upreg *u, uint64_t now_s)
{
    if (is_used(next, u) || u->is_fixed)
        return false;
    if (u->dead_at_s <= now_s)
        return bury(next, u, now_s);
    if (u->state != UPREG_LIVE)
        return false;
    u->state = UPREG_LEAVING;
    return true;
}

size_t commit_settle(struct aor_record *next, uint64_t now_s)
{
    size_t n = 0;
    for (size_t i = next->n_upregs; i-- > 0;)
        n += settle(next, &next->upregs[i], now_s);
    return n;
}
