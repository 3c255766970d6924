#include "service/mandate.h"

#include "base/sys.h"
#include "service/barrier.h"
#include "service/guard.h"
#include "service/location.h"
#include "service/reach.h"
#include "service/regview.h"
#include "service/remote.h"
#include "service/told.h"
#include "service/trunk.h"
#include "sip/uri.h"
#include "store/store.h"

/* ---------------------------------------------------------------- by registration */

/* The line is registered from where the request comes from. *out: that line. */
static bool is_registered(struct context *c, const struct packet *p, struct str aor,
                          struct sender *out)
{
    struct location now;
    const struct way way = reach_way(&p->flow);
    const struct conf_domain *d = regview_domain(c->conf, aor);
    *out = (struct sender){.domain = d, .aor = aor, .service_route = STR_NONE};
    if (!d || location_read(c, &c->scratch, aor, &now))
        return false;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        if (!binding_is_same_way(&b->way, &way) ||
            !location_is_live(&now, i, d->absorb.grace_s, sys_service_s()))
            continue;
        sender_speaks_by(out, now.record, binding_upreg(now.record, b->upreg_id));
        return true;
    }
    return trunk_speaks(c, p, now.record, out);
}

/* A number without a domain is also the line of that number in the domain that is called. */
static bool is_number_registered(struct context *c, const struct packet *p, const struct msg *m,
                                 struct str aor, struct sender *out)
{
    struct uri u;
    if (!callerid_is_bare(aor) || uri_parse(m->uri, &u))
        return false;
    const struct conf_domain *d = conf_domain_find(c->conf, u.host);
    struct str line = d ? callerid_in_domain(c, aor, d) : STR_NONE;
    return !str_is_none(line) && is_registered(c, p, line, out);
}

/* The line of a phone: the one that it says it is, if it is registered from where it speaks. A
 * phone may show another From and say otherwise who it is. */
static bool find_line(struct context *c, const struct packet *p, const struct msg *m,
                      struct sender *out)
{
    struct str claims[CALLERID_CLAIMS_MAX + 1], aor;
    size_t n = callerid_claims(m, claims);
    claims[n] = callerid_contact(c, m);
    n += !str_is_none(claims[n]);
    for (size_t i = 0; i < n; i++)
        if (regview_aor(&c->scratch, c->conf, claims[i], &aor) &&
            (is_registered(c, p, aor, out) || is_number_registered(c, p, m, aor, out)))
            return true;
    *out = (struct sender){.domain = NULL, .aor = STR_NONE, .service_route = STR_NONE};
    return false;
}

bool mandate_is_registered(struct context *c, const struct packet *p, const struct msg *m)
{
    struct sender ignored;
    return find_line(c, p, m, &ignored);
}

/* ---------------------------------------------------------------- outside a dialog */

/* The domain that a request says it is from, where whom it calls does not name one; of a number
 * without a domain the first. */
static const struct conf_domain *claimed_domain(struct context *c, const struct msg *m)
{
    struct str claims[CALLERID_CLAIMS_MAX], aor;
    const struct conf_domain *number = NULL;
    size_t n = callerid_claims(m, claims);
    for (size_t i = 0; i < n; i++) {
        if (!regview_aor(&c->scratch, c->conf, claims[i], &aor))
            continue;
        if (!callerid_is_bare(aor))
            return regview_domain(c->conf, aor);
        number = c->conf->domains;
    }
    return number;
}

/* Where the access list is the proof, it is for calls, too; whatever line of the domain it says it
 * is. */
static const struct conf_domain *trusted_domain(struct context *c, const struct packet *p,
                                                const struct msg *m, const struct conf_domain *d,
                                                struct str *aor)
{
    struct str claims[CALLERID_CLAIMS_MAX];
    if (!d || d->absorb.authentication != AUTH_TRUSTED)
        return NULL;
    size_t n = callerid_claims(m, claims);
    for (size_t i = 0; i < n; i++)
        if (regview_aor(&c->scratch, c->conf, claims[i], aor) &&
            regview_domain(c->conf, *aor) == d && conf_domain_admits(d, &p->flow.peer, *aor))
            return d;
    *aor = STR_NONE;
    return conf_domain_admits(d, &p->flow.peer, STR_NONE) ? d : NULL;
}

/* The line that he says may be registered, from elsewhere. */
static void find_home(struct context *c, struct sender *out)
{
    struct location now;
    if (!out->domain || str_is_none(out->aor) || location_read(c, &c->scratch, out->aor, &now))
        return;
    const struct server_at *home = binding_home(now.record, 0, sys_service_s(), 0);
    if (home)
        out->home = *home;
}

/* Nobody vouches for him; the domain is the one that he calls. */
static enum forward_refusal refuse_stranger(const struct conf_domain *d, const struct uri *u)
{
    if (u->scheme > URI_SIPS)
        return FORWARD_SCHEME;
    if (!d)
        return FORWARD_DOMAIN;
    return d->absorb.authentication == AUTH_TRUSTED ? FORWARD_ACCESS : FORWARD_STRANGER;
}

enum forward_refusal mandate_find(struct context *c, const struct packet *p, const struct msg *m,
                                  struct target_set *set, struct sender *out)
{
    struct uri u;
    struct sender here;
    if (uri_parse(m->uri, &u))
        return FORWARD_BAD_URI;
    if (!find_line(c, p, m, &here) && guard_is_banned(c, p))
        return FORWARD_STRANGER; /* nobody looks at his password */
    if (here.domain && barrier_is_emergency(c, p, m, here.domain)) {
        *out = here;
        return FORWARD_OK;
    }
    enum forward_refusal why = sender_prove(c, p, m, here.aor, out);
    set->challenge = out->challenge;
    set->own_realm = out->domain ? out->domain->realm : STR_NONE;
    if (why != FORWARD_OK || out->domain)
        return why;
    if (here.domain && here.domain->absorb.authentication != AUTH_LOCAL) {
        *out = here;
        return FORWARD_OK;
    }
    const struct conf_domain *called =
        u.scheme > URI_SIPS ? claimed_domain(c, m) : conf_domain_find(c->conf, u.host);
    out->domain = trusted_domain(c, p, m, called, &out->aor);
    find_home(c, out);
    return out->domain ? FORWARD_OK : refuse_stranger(called, &u);
}

/* ---------------------------------------------------------------- in a dialog */

static bool is_harmless(const struct msg *m)
{
    switch (m->method) {
    case METHOD_ACK:
    case METHOD_BYE:
    case METHOD_CANCEL:
    case METHOD_PRACK:
    case METHOD_INFO:
    case METHOD_NOTIFY:
        return true;
    default:
        return false;
    }
}

static bool is_same_way(const struct packet *p, const struct dialog *d)
{
    const struct way way = reach_way(&p->flow);
    return binding_is_same_way(&d->legs[0], &way);
}

/* The line of which the phone was when the dialog began; else the one that it says it is. */
static bool find_line_in_dialog(struct context *c, const struct packet *p, const struct msg *m,
                                const struct dialog *d, struct sender *out)
{
    struct str aor;
    bool is_signed = d->line && store_find_upreg(c->reader, &c->scratch, d->line, &aor) == 0;
    if (is_signed && (is_registered(c, p, aor, out) || (out->domain && is_same_way(p, d))))
        return true;
    return find_line(c, p, m, out);
}

/* Upstream may have given the other end another address since. */
static bool is_to_peer(struct context *c, const struct msg *m, const struct dialog *d)
{
    struct uri u;
    return d->is_to_peer ||
           (d->is_peer_known && uri_parse(m->uri, &u) == 0 && told_has(c, m->call_id, &u));
}

/* A signed Route has been read by others than the phone: who shows it and does not come by the way
 * that it names, or by that of a device that is registered, says who he is. *out: his line. */
static enum forward_refusal prove(struct context *c, const struct packet *p, const struct msg *m,
                                  struct target_set *set, struct sender *out)
{
    struct str aor;
    if (trusted_domain(c, p, m, claimed_domain(c, m), &aor))
        return FORWARD_OK;
    if (guard_is_banned(c, p))
        return FORWARD_STRANGER;
    enum forward_refusal why = sender_prove(c, p, m, STR_NONE, out);
    set->challenge = out->challenge;
    set->own_realm = out->domain ? out->domain->realm : STR_NONE;
    return why == FORWARD_OK && !out->domain ? FORWARD_STRANGER : why;
}

/* A phone keeps the name that it has in the dialog, or takes its own (RFC 4916), or none. */
static bool is_honest(struct context *c, const struct msg *m, const struct dialog *d,
                      const struct callerid_line *line)
{
    if (d->name == remote_name(&c->answer_key, m->from.uri))
        return true;
    return str_is_none(line->aor) ? line->domain->caller_id != CONF_CALLER_CHECK ||
                                        callerid_is_anonymous(c, m, line->domain)
                                  : callerid_is_honest(c, m, line);
}

static enum forward_refusal judge_line(struct context *c, const struct packet *p,
                                       const struct msg *m, const struct dialog *d,
                                       const struct callerid_line *line)
{
    if (!is_honest(c, m, d, line))
        return FORWARD_IDENTITY;
    if (d->n_legs == 2 || (m->method != METHOD_REFER && is_to_peer(c, m, d)))
        return FORWARD_OK; /* between phones no number is called, and the other end may have any */
    return barrier_judge_call(c, p, m, line->domain);
}

/* Of a phone whose line nobody knows: each domain of that upstream must let it. */
static enum forward_refusal judge_for_all(struct context *c, const struct packet *p,
                                          const struct msg *m, const struct dialog *d)
{
    const struct conf_upstream *upstream = dialog_core(c->conf, d->core);
    enum forward_refusal why = FORWARD_OK;
    for (size_t i = 0; i < c->conf->n_domains && why == FORWARD_OK; i++)
        if (c->conf->domains[i].upstream == upstream)
            why = judge_line(c, p, m, d, &(struct callerid_line){&c->conf->domains[i], STR_NONE});
    return why;
}

static enum forward_refusal judge_going_on(struct context *c, const struct packet *p,
                                           const struct msg *m, const struct dialog *d,
                                           struct target_set *set)
{
    struct sender sender;
    bool is_known = find_line_in_dialog(c, p, m, d, &sender) || is_same_way(p, d);
    enum forward_refusal why = is_known ? FORWARD_OK : prove(c, p, m, set, &sender);
    const struct callerid_line line = {sender.domain, sender.aor};
    if (why != FORWARD_OK)
        return why;
    if (line.domain && d->is_caller)
        set->in_dialog = line;
    return line.domain ? judge_line(c, p, m, d, &line) : judge_for_all(c, p, m, d);
}

/* The tag that it is for is nobody's that we know of: whoever takes it takes a call. */
static enum forward_refusal judge_new_call(struct context *c, const struct packet *p,
                                           const struct msg *m, const struct dialog *d,
                                           struct target_set *set)
{
    struct sender sender;
    enum forward_refusal why = mandate_find(c, p, m, set, &sender);
    if (why == FORWARD_DOMAIN) { /* what it calls in a dialog is nobody's domain */
        sender.domain = trusted_domain(c, p, m, claimed_domain(c, m), &sender.aor);
        why = sender.domain ? FORWARD_OK : FORWARD_STRANGER;
    }
    if (why != FORWARD_OK)
        return why;
    set->in_dialog = (struct callerid_line){sender.domain, sender.aor};
    return d->n_legs == 2 ? barrier_judge_caller(c, p, m, &set->in_dialog)
                          : barrier_judge(c, p, m, &set->in_dialog);
}

enum forward_refusal mandate_in_dialog(struct context *c, const struct packet *p,
                                       const struct msg *m, const struct dialog *d,
                                       struct target_set *set)
{
    if (is_harmless(m))
        return FORWARD_OK;
    return m->method == METHOD_INVITE && !d->is_peer_known ? judge_new_call(c, p, m, d, set)
                                                           : judge_going_on(c, p, m, d, set);
}
