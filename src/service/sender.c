#include "service/sender.h"

#include <string.h>

#include "base/sys.h"
#include "service/auth.h"
#include "service/barrier.h"
#include "service/location.h"
#include "service/reach.h"
#include "service/regview.h"
#include "sip/uri.h"

_Static_assert(CALLERID_CLAIMS_MAX <= (int)AUTH_LINES_MAX, "each claim may be his line");

/* Of which domain a request says that it is: that of the first claim which says it, else that of
 * the line that is registered there, else, of a caller who hides his name or shows a number alone,
 * the one that he calls; of a number that calls a number, the first. NULL: none of ours. */
static const struct conf_domain *claimed_domain(struct context *c, const struct msg *m,
                                                struct str own, const struct str *aors, size_t n)
{
    const struct conf_domain *d = NULL;
    struct uri u;
    for (size_t i = 0; i < n && !d; i++)
        d = callerid_is_bare(aors[i]) ? NULL : regview_domain(c->conf, aors[i]);
    if (!d && n && !str_is_none(own))
        d = regview_domain(c->conf, own);
    if (!d && uri_parse(m->uri, &u) == 0)
        d = u.scheme == URI_TEL && n ? &c->conf->domains[0] : conf_domain_find(c->conf, u.host);
    return d;
}

/* What a request says about its sender. A phone may show another From and say otherwise who it is
 * (RFC 3325). */
static const struct conf_domain *read_claim(struct context *c, const struct msg *m, struct str own,
                                            struct auth_claim *out)
{
    struct str texts[CALLERID_CLAIMS_MAX], aors[CALLERID_CLAIMS_MAX];
    size_t n = callerid_claims(m, texts), n_aors = 0;
    for (size_t i = 0; i < n; i++)
        n_aors += regview_aor(&c->scratch, c->conf, texts[i], &aors[n_aors]);
    *out = (struct auth_claim){.is_proxy = true, .own = own};
    out->domain = claimed_domain(c, m, own, aors, n_aors);
    for (size_t i = 0; i < n_aors && out->domain; i++) {
        bool is_bare = callerid_is_bare(aors[i]), is_first = out->domain == c->conf->domains;
        if (is_bare && !is_first)
            out->lines[out->n_lines++] = callerid_in_domain(c, aors[i], out->domain);
        else if (is_bare || regview_domain(c->conf, aors[i]) == out->domain)
            out->lines[out->n_lines++] = aors[i];
    }
    return out->domain;
}

static void add_escaped(struct buf *out, struct str user)
{
    for (size_t i = 0; i < user.n; i++) {
        char c = user.p[i];
        if (ascii_is_alpha(c) || ascii_is_digit(c) || str_find(STR("-_.!~*'()&=+$,?"), c))
            buf_add_char(out, c);
        else
            buf_addf(out, "%%%02X", (unsigned)(unsigned char)c);
    }
}

/* The line of a user: "bob", or "bob@" and a name of the domain. */
static struct str line_of_user(struct context *c, const struct conf_domain *d, struct str user)
{
    struct buf text = buf_in(&c->scratch, 3 * user.n + d->name.n + 8);
    const char *at = memrchr(user.p, '@', user.n);
    struct str aor;
    if (at && conf_domain_find(c->conf, str_span(at + 1, str_end(user))) == d)
        user = str_span(user.p, at);
    buf_add(&text, STR("<sip:"));
    add_escaped(&text, user);
    buf_add_char(&text, '@');
    buf_add(&text, d->name);
    buf_add_char(&text, '>');
    bool is_line =
        !text.has_overflown && user.n && regview_aor(&c->scratch, c->conf, buf_str(&text), &aor);
    return is_line ? aor : STR_NONE;
}

void sender_speaks_by(struct sender *s, const struct aor_record *record, const struct upreg *u)
{
    const uint64_t id = u ? u->id : 0;
    const struct server_at *home = binding_home(record, id, sys_service_s(), 0);
    s->service_route = u ? u->service_route : STR_NONE;
    s->line = id;
    s->home = home ? *home : (struct server_at){.transport = 0};
}

/* That of the device that calls, else of any of the line. */
static void find_upreg(struct context *c, const struct packet *p, struct sender *out)
{
    struct location now;
    const struct upreg *found = NULL;
    const struct way way = reach_way(&p->flow);
    if (str_is_none(out->aor) || location_read(c, &c->scratch, out->aor, &now))
        return;
    for (size_t i = 0; i < now.record->n_bindings; i++) {
        const struct binding *b = &now.record->bindings[i];
        const struct upreg *u = binding_upreg(now.record, b->upreg_id);
        bool is_own = binding_is_same_way(&b->way, &way);
        if (u && (is_own || !found || str_is_none(found->service_route)))
            found = u;
        if (u && is_own)
            break;
    }
    sender_speaks_by(out, now.record, found);
}

/* Who has proven that he is a user, and says that he is somebody else; an emergency call is his own
 * all the same. */
static bool is_liar(struct context *c, const struct auth_claim *claim, enum auth_verdict verdict,
                    const struct msg *m)
{
    return (verdict == AUTH_OTHER_USER || (verdict == AUTH_PROVEN && !claim->n_lines)) &&
           !callerid_is_anonymous(c, m, claim->domain);
}

enum forward_refusal sender_prove(struct context *c, const struct packet *p, const struct msg *m,
                                  struct str own, struct sender *out)
{
    struct auth_claim claim;
    struct auth_result result;
    *out = (struct sender){.aor = STR_NONE, .service_route = STR_NONE};
    const struct conf_domain *d = read_claim(c, m, own, &claim);
    if (!d || d->absorb.authentication != AUTH_LOCAL)
        return FORWARD_OK;
    if (m->method == METHOD_ACK)
        return FORWARD_STRANGER;
    enum auth_verdict verdict = auth_check(c, p, m, &claim, &result);
    if (is_liar(c, &claim, verdict, m) && !barrier_is_emergency(c, p, m, d))
        return FORWARD_IDENTITY;
    if (verdict == AUTH_BANNED)
        return FORWARD_STRANGER;
    if (verdict != AUTH_PROVEN && verdict != AUTH_OTHER_USER) {
        out->challenge = auth_challenge(c, p, &claim, &result);
        return FORWARD_UNPROVEN;
    }
    bool is_claimed = verdict == AUTH_PROVEN && claim.n_lines;
    out->domain = d;
    out->aor = is_claimed ? claim.lines[result.line] : line_of_user(c, d, result.user);
    find_upreg(c, p, out);
    return FORWARD_OK;
}
