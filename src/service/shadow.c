#include "service/shadow.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/expiry.h"
#include "service/ledger.h"

enum { ROWS = 65536, ROW = 4 };

/* Of one registration upstream that there would be. */
struct entry {
    uint64_t hash;         /* 0: free */
    uint32_t relayed_at_s; /* the last REGISTER that upstream would have had; service clock */
    uint32_t kept;         /* a hash of the REGISTER that it would not have had; 0: none */
};

struct shadow {
    struct hash_key key;
    struct entry rows[ROWS][ROW];
};

int shadow_new(const struct hash_key *key, struct shadow **out)
{
    struct shadow *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->key = *key;
    *out = s;
    return 0;
}

void shadow_free(struct shadow *s)
{
    free(s);
}

/* ---------------------------------------------------------------- the table */

/* Of the line, or of the device. */
static uint64_t hash_of(const struct shadow *s, const struct regview *v)
{
    const struct register_view *view = &v->view;
    uint64_t parts[2] = {hash_str(&s->key, view->aor), 0};
    if (v->domain->shadow == CONF_SHADOW_CONTACT && view->n_contacts) {
        const struct register_contact *c = &view->contacts[0];
        parts[1] = hash_str(&s->key, str_is_none(c->instance) ? c->uri : c->instance);
    }
    return hash_bytes(&s->key, parts, sizeof parts) | 1;
}

static uint32_t name_of(const struct shadow *s, const struct register_view *view)
{
    const uint64_t parts[] = {hash_str(&s->key, view->call_id), view->cseq};
    return (uint32_t)hash_bytes(&s->key, parts, sizeof parts) | 1;
}

static struct entry *find(struct shadow *s, uint64_t hash)
{
    struct entry *row = s->rows[(hash >> 1) % ROWS];
    for (size_t i = 0; i < ROW; i++)
        if (row[i].hash == hash)
            return &row[i];
    return NULL;
}

/* In place of the one that is the oldest. */
static struct entry *add(struct shadow *s, uint64_t hash, uint64_t relayed_at_s)
{
    struct entry *row = s->rows[(hash >> 1) % ROWS], *oldest = row;
    for (size_t i = 1; i < ROW; i++)
        if (row[i].relayed_at_s < oldest->relayed_at_s)
            oldest = &row[i];
    *oldest = (struct entry){.hash = hash, .relayed_at_s = (uint32_t)relayed_at_s};
    return oldest;
}

/* ---------------------------------------------------------------- judging */

static bool is_concerned(const struct regview *v)
{
    return v->domain && v->domain->shadow != CONF_SHADOW_OFF && !v->view.own_upreg_id &&
           !v->view.is_line;
}

/* When upstream had the last one, as far as the record tells: a device that is new was relayed. */
static uint64_t begun_at_s(const struct regview *v, const struct aor_record *r)
{
    const struct register_contact *c = v->view.n_contacts ? &v->view.contacts[0] : NULL;
    const struct binding *own = c && v->domain->shadow == CONF_SHADOW_CONTACT
                                    ? binding_find(r, c->uri, c->instance, c->reg_id)
                                    : NULL;
    uint64_t at_s = own ? own->created_at_s : 0;
    for (size_t i = 0; i < r->n_bindings && !own; i++)
        if (r->bindings[i].created_at_s > at_s)
            at_s = r->bindings[i].created_at_s;
    return at_s;
}

static struct absorb_conf policy_of(const struct conf_domain *d)
{
    struct absorb_conf p = d->absorb;
    p.mode = d->shadow == CONF_SHADOW_AOR ? MODE_AOR_THROTTLE : MODE_CONTACT_THROTTLE;
    p.form = 0;
    return p;
}

/* The record with one registration upstream, on which all devices stand. NULL: no memory. */
static struct aor_record *imagine(struct context *c, const struct absorb_input *in,
                                  const struct absorb_conf *p, uint64_t relayed_at_s)
{
    struct aor_record *r = binding_record_copy(&c->scratch, in->now_state);
    if (!r)
        return NULL;
    while (r->n_upregs)
        binding_upreg_del(r, &r->upregs[0]);
    struct upreg *u = binding_upreg_add(r);
    if (!u)
        return NULL;
    u->id = 1;
    u->contact = STR("sip:shadow");
    u->granted_s = p->upstream_expires_s;
    u->dead_at_s = relayed_at_s + p->upstream_expires_s;
    for (size_t i = 0; i < r->n_bindings; i++) {
        struct binding *b = &r->bindings[i];
        b->upreg_id = u->id;
        if (b->granted_s > p->max_expires_s)
            b->granted_s = p->max_expires_s;
        if (b->proof.at_s > relayed_at_s) /* what was not relayed would have proven nothing */
            b->proof.at_s = relayed_at_s;
    }
    return r;
}

/* Of a device that is known; whoever was away and returns does not count. */
static bool is_refresh(const struct absorb_input *in)
{
    for (size_t i = 0; i < in->view->n_contacts; i++) {
        const struct register_contact *c = &in->view->contacts[i];
        if (c->expires_s != 0 && binding_find(in->now_state, c->uri, c->instance, c->reg_id))
            return true;
    }
    return false;
}

/* That one is under way upstream would not be so. NULL: no memory. */
static struct lease_view *imagine_leases(struct context *c, const struct absorb_input *in)
{
    size_t n = in->now_state->n_bindings;
    struct lease_view *leases = arena_calloc(&c->scratch, n + 1, sizeof *leases);
    for (size_t i = 0; leases && i < n; i++) {
        leases[i] = in->leases[i];
        leases[i].is_pending = false;
    }
    return leases;
}

static void count(struct context *c, const struct regview *v, bool is_absorbed, bool is_late)
{
    stats_inc(is_absorbed ? STAT_SHADOW_ABSORBED : STAT_SHADOW_RELAYED);
    if (is_absorbed)
        ledger_count(c->ledger, v->domain->name, LEDGER_WOULD_ABSORB);
    if (is_late) {
        stats_inc(STAT_SHADOW_LATE);
        ledger_count(c->ledger, v->domain->name, LEDGER_TOO_LATE);
    }
}

void shadow_judge(struct context *c, const struct regview *v, const struct absorb_input *in)
{
    if (!is_concerned(v) || !c->shadow)
        return;
    uint64_t hash = hash_of(c->shadow, v);
    struct entry *e = find(c->shadow, hash);
    uint64_t relayed_at_s = e ? e->relayed_at_s : begun_at_s(v, in->now_state);
    const struct absorb_conf policy = policy_of(v->domain);
    struct absorb_input would = *in;
    would.conf = &policy;
    would.is_upstream_busy = would.is_outage = false;
    would.now_state = imagine(c, in, &policy, relayed_at_s);
    would.leases = imagine_leases(c, in);
    if (!would.now_state || !would.leases)
        return;
    enum verdict_what what = absorb_decide(&would, NULL).what;
    bool is_absorbed = relayed_at_s && (what == VERDICT_ABSORB || what == VERDICT_COMMIT);
    bool is_late = is_refresh(in) && in->now_s >= relayed_at_s + policy.upstream_expires_s &&
                   !expiry_can_refresh(&would);
    if (is_absorbed && !e)
        e = add(c->shadow, hash, relayed_at_s);
    if (e)
        e->kept = is_absorbed ? name_of(c->shadow, &v->view) : 0;
    count(c, v, is_absorbed, is_late);
}

void shadow_on_accepted(struct context *c, const struct regview *v)
{
    if (!is_concerned(v) || !c->shadow || !v->view.n_contacts || register_is_removal(&v->view))
        return;
    uint64_t hash = hash_of(c->shadow, v), now_s = sys_service_s();
    struct entry *e = find(c->shadow, hash);
    if (e && e->kept == name_of(c->shadow, &v->view))
        return; /* it would not have come there */
    if (!e)
        (void)add(c->shadow, hash, now_s);
    else
        e->relayed_at_s = (uint32_t)now_s;
}
