#include "admin/aorview.h"

#include "admin/jsontext.h"
#include "base/log.h"
#include "base/sys.h"
#include "conf/upcreds.h"
#include "core/expiry.h"
#include "net/flow.h"
#include "service/regview.h"

/* ---------------------------------------------------------------- small things */

struct str aorview_host(struct str aor)
{
    for (size_t n = aor.n; n > 0; n--)
        if (aor.p[n - 1] == '@')
            return str_skip(aor, n);
    return aor;
}

/* Seconds until then, negative once it is over. */
static json_t *until_json(uint64_t at_s, uint64_t now_s)
{
    return json_integer((json_int_t)at_s - (json_int_t)now_s);
}

/* In real time, as other answers say it. */
static json_t *wall_json(uint64_t at_s, uint64_t now_s)
{
    json_int_t ago_s = (json_int_t)now_s - (json_int_t)at_s;
    return json_integer((json_int_t)(sys_wall_ms() / 1000) - ago_s);
}

static json_t *address_json(const struct addr *a)
{
    char text[ADDR_TEXT];
    return a->family ? json_string(addr_text(a, text)) : json_null();
}

static json_t *transport_json(const struct way *w)
{
    struct str name = flow_transport_name((enum flow_transport)w->transport);
    char text[8];
    size_t n = 0;
    for (; n < name.n && n < sizeof text; n++)
        text[n] = ascii_lower(name.p[n]);
    return jsontext_of((struct str){text, n});
}

/* ---------------------------------------------------------------- bindings */

static json_t *proof_json(const struct aorview *v, const struct conf_domain *d,
                          const struct binding *b)
{
    static const char *const words[] = {[PROOF_NONE] = "none",
                                        [PROOF_UPSTREAM] = "upstream",
                                        [PROOF_OPEN] = "upstream-unchallenged",
                                        [PROOF_TRUSTED] = "trusted",
                                        [PROOF_DIGEST] = "digest"};
    bool has_any = b->proof.kind != PROOF_NONE;
    json_t *age = has_any ? until_json(v->now_s, b->proof.at_s) : json_null();
    json_t *left =
        has_any && d ? until_json(b->proof.at_s + d->absorb.reproof_s, v->now_s) : json_null();
    return json_pack("{s:s,s:o*,s:o*}", "kind", words[b->proof.kind], "age", age, "due_in", left);
}

static const char *binding_state(const struct conf_domain *d, uint64_t expires_at_s, uint64_t now_s)
{
    if (expires_at_s > now_s)
        return "live";
    return d && expires_at_s + d->absorb.grace_s > now_s ? "grace" : "lapsed";
}

/* Which of the registrations upstream stands for it. */
static json_t *upreg_index(const struct aor_record *r, const struct binding *b)
{
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].id == b->upreg_id)
            return json_integer((json_int_t)i);
    return json_null();
}

static json_t *binding_json(const struct aorview *v, const struct conf_domain *d, size_t at)
{
    const struct binding *b = &v->record->bindings[at];
    const struct lease_view *l = &v->leases[at];
    json_t *q = b->q < 0 ? json_null() : json_real(b->q / 1000.0);
    json_t *reg_id = b->reg_id ? json_integer(b->reg_id) : json_null();
    return json_pack("{s:o*,s:s,s:o*,s:i,s:b,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*,s:o*}",
                     "contact", jsontext_of(b->contact), "state",
                     binding_state(d, l->expires_at_s, v->now_s), "expires_in",
                     until_json(l->expires_at_s, v->now_s), "granted", (int)b->granted_s, "pending",
                     (int)l->is_pending, "transport", transport_json(&b->way), "source",
                     address_json(&b->way.peer), "user_agent", jsontext_of(b->user_agent),
                     "instance", jsontext_of(b->instance), "reg_id", reg_id, "q", q, "path",
                     jsontext_of(b->path), "since", wall_json(b->created_at_s, v->now_s), "proof",
                     proof_json(v, d, b), "registration", upreg_index(v->record, b));
}

/* ---------------------------------------------------------------- upstream */

static json_t *upreg_json(const struct aorview *v, const struct conf_domain *d,
                          const struct upreg *u)
{
    static const char *const words[] = {[UPREG_LIVE] = "live",
                                        [UPREG_LEAVING] = "leaving",
                                        [UPREG_ORPHAN] = "orphan",
                                        [UPREG_ENDED] = "ended"};
    struct register_view view = {.aor = v->record->aor};
    view.has_account = d && upcreds_has(d->upcreds, view.aor, d->name);
    const struct absorb_input in = {.conf = d ? &d->absorb : NULL, .view = &view};
    bool is_live = u->state == UPREG_LIVE;
    json_t *refresh =
        is_live ? until_json(expiry_refresh_by_s(v->record, u), v->now_s) : json_null();
    return json_pack("{s:s,s:o*,s:o*,s:o*,s:o*,s:i,s:b,s:b}", "state", words[u->state], "contact",
                     jsontext_of(u->contact), "server", address_json(&u->server.addr), "expires_in",
                     until_json(u->dead_at_s, v->now_s), "refresh_in", refresh, "granted",
                     (int)u->granted_s, "refreshed_by_us",
                     (int)(d && is_live && expiry_can_refresh(&in)), "fixed_line",
                     (int)u->is_fixed);
}

/* ---------------------------------------------------------------- all of it */

static const char *state_of(const struct aorview *v)
{
    bool has_grace = false;
    for (size_t i = 0; i < v->record->n_bindings; i++) {
        if (v->leases[i].expires_at_s > v->now_s)
            return "registered";
        has_grace = true;
    }
    return has_grace ? "grace" : "known";
}

json_t *aorview_json(const struct aorview *v)
{
    const struct aor_record *r = v->record;
    const struct conf_domain *d = regview_domain(v->conf, r->aor);
    json_t *bindings = json_array(), *upregs = json_array();
    bool is_whole = bindings && upregs;
    for (size_t i = 0; is_whole && i < r->n_bindings; i++)
        is_whole = json_array_append_new(bindings, binding_json(v, d, i)) == 0;
    for (size_t i = 0; is_whole && i < r->n_upregs; i++)
        is_whole = json_array_append_new(upregs, upreg_json(v, d, &r->upregs[i])) == 0;
    if (!is_whole) {
        json_decref(bindings);
        json_decref(upregs);
        return NULL;
    }
    struct str domain = d ? d->name : aorview_host(r->aor);
    json_t *upstream = d ? jsontext_of(str_of(d->upstream->name)) : json_null();
    char name[LOG_NAME];
    return json_pack("{s:o*,s:o*,s:o*,s:o*,s:s,s:o,s:o}", "aor", jsontext_of(r->aor), "log_name",
                     jsontext_of(log_name_hash(r->aor, name)), "domain", jsontext_of(domain),
                     "upstream", upstream, "state", state_of(v), "bindings", bindings,
                     "registrations", upregs);
}
