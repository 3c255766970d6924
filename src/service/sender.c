#include "service/sender.h"

#include "service/auth.h"
#include "service/location.h"
#include "service/regview.h"
#include "sip/uri.h"

/* What a request says about its sender. A phone may show another From and say who it is in
 * P-Preferred-Identity (RFC 3325); the domain is that of the first of the two that is one of ours,
 * else, of a caller who hides his name, the one that he calls. */
static const struct conf_domain *read_claim(struct context *c, const struct msg *m,
                                            struct auth_claim *out)
{
    const struct str texts[] = {m->from.text, msg_value(m, HDR_P_PREFERRED_IDENTITY)};
    struct uri u;
    *out = (struct auth_claim){.is_proxy = true};
    for (size_t i = 0; i < 2; i++) {
        struct str *aor = &out->lines[out->n_lines];
        if (str_is_none(texts[i]) || !regview_aor(&c->scratch, c->conf, texts[i], aor))
            continue;
        const struct conf_domain *d = regview_domain(c->conf, *aor);
        out->domain = out->n_lines ? out->domain : d;
        out->n_lines += d && d == out->domain;
    }
    if (!out->n_lines)
        out->domain = uri_parse(m->uri, &u) ? NULL : conf_domain_find(c->conf, u.host);
    return out->domain;
}

/* RFC 3323 4.1.1.3 */
static bool is_anonymous(const struct msg *m)
{
    struct uri u;
    return uri_parse(m->from.uri, &u) == 0 && uri_is_same_host(u.host, STR("anonymous.invalid"));
}

/* That of the device that calls, else of any of the line. */
static struct str service_route(struct context *c, const struct packet *p, struct str aor)
{
    struct location now;
    struct str found = STR_NONE;
    const struct way way = regview_way(&p->flow);
    if (str_is_none(aor) || location_read(c, &c->scratch, aor, &now))
        return found;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        const struct upreg *u = binding_upreg(now.record, b->upreg_id);
        bool is_own = binding_is_same_way(&b->way, &way);
        if (u && (is_own || str_is_none(found)))
            found = u->service_route;
        if (u && is_own)
            break;
    }
    return found;
}

enum forward_refusal sender_prove(struct context *c, const struct packet *p, const struct msg *m,
                                  struct sender *out)
{
    struct auth_claim claim;
    struct auth_result result;
    *out = (struct sender){.aor = STR_NONE, .service_route = STR_NONE};
    const struct conf_domain *d = read_claim(c, m, &claim);
    if (!d || d->absorb.authentication != AUTH_LOCAL)
        return FORWARD_OK;
    if (m->method == METHOD_ACK)
        return FORWARD_STRANGER;
    enum auth_verdict verdict = auth_check(c, p, m, &claim, &result);
    if (verdict == AUTH_OTHER_USER ||
        (verdict == AUTH_PROVEN && !claim.n_lines && !is_anonymous(m)))
        return FORWARD_IDENTITY;
    if (verdict != AUTH_PROVEN) {
        out->challenge = auth_challenge(c, p, &claim, &result);
        return FORWARD_UNPROVEN;
    }
    out->domain = d;
    out->aor = claim.n_lines ? claim.lines[result.line] : STR_NONE;
    out->service_route = service_route(c, p, out->aor);
    return FORWARD_OK;
}
