#include "service/callerid.h"

#include "core/number.h"
#include "service/gruu.h"
#include "service/regview.h"
#include "sip/uri.h"

/* RFC 3325 9.1, 9.2: a sip: URI and a tel: URI at most. */
enum { IDENTITIES_MAX = 2, LINES_MAX = 2048 };

/* ---------------------------------------------------------------- what a request says */

static size_t add_identities(const struct msg *m, enum hdr_id id, struct str out[])
{
    size_t n = 0;
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr a;
        while (n < IDENTITIES_MAX && nameaddr_next(&rest, &a) == 1)
            out[n++] = a.text;
    }
    return n;
}

size_t callerid_claims(const struct msg *m, struct str out[CALLERID_CLAIMS_MAX])
{
    size_t n = 1;
    out[0] = m->from.text;
    n += add_identities(m, HDR_P_PREFERRED_IDENTITY, out + n);
    return n + add_identities(m, HDR_P_ASSERTED_IDENTITY, out + n);
}

/* The line behind a temporary name of ours, which says nothing of it to others (RFC 5627). */
static struct str line_of_name(struct context *c, const struct uri *u)
{
    struct gruu g;
    struct str aor;
    const struct conf_domain *d = conf_domain_find(c->conf, u->host);
    gruu_read(c, d, u, &g);
    if (g.kind != GRUU_TEMPORARY || !gruu_find_line(c, d, &g, &aor))
        return STR_NONE;
    struct buf text = buf_in(&c->scratch, aor.n + 8);
    buf_add(&text, STR("<sip:"));
    buf_add(&text, aor);
    buf_add_char(&text, '>');
    return text.has_overflown ? STR_NONE : buf_str(&text);
}

struct str callerid_contact(struct context *c, const struct msg *m)
{
    struct nameaddr contact;
    struct uri to, u;
    if (nameaddr_parse(msg_value(m, HDR_CONTACT), &contact) || uri_parse(contact.uri, &u) ||
        str_is_none(u.user) || uri_parse(m->uri, &to))
        return STR_NONE;
    bool is_here = conf_domain_find(c->conf, to.host) != NULL;
    if (!is_here && to.scheme <= URI_SIPS && str_is_none(m->to_tag))
        return STR_NONE;
    struct str line = line_of_name(c, &u);
    if (!str_is_none(line))
        return line;
    if (!is_here) /* as for a number without a domain (D5) */
        to.host = c->conf->domains[0].name;
    struct buf text = buf_in(&c->scratch, u.user.n + to.host.n + 8);
    buf_add(&text, STR("<sip:"));
    buf_add(&text, u.user);
    buf_add_char(&text, '@');
    buf_add(&text, to.host);
    buf_add_char(&text, '>');
    return text.has_overflown ? STR_NONE : buf_str(&text);
}

/* ---------------------------------------------------------------- whether it may */

/* Of a canonical AoR; all of it where it is a number without a domain (tel:). */
static struct str user_of(struct str aor)
{
    const char *at = str_end(aor);
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? str_span(aor.p, at - 1) : aor;
}

bool callerid_is_bare(struct str aor)
{
    return user_of(aor).n == aor.n;
}

struct str callerid_in_domain(struct context *c, struct str aor, const struct conf_domain *domain)
{
    struct buf out = buf_in(&c->scratch, aor.n + 1 + domain->name.n);
    buf_add(&out, aor);
    buf_add_char(&out, '@');
    buf_add(&out, domain->name);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* One telephone number, however it is written. */
static bool is_same_number(struct str a, struct str b)
{
    struct number x = number_read(user_of(a)), y = number_read(user_of(b));
    return number_is_global(&x) && number_is_global(&y) && str_eq(number_str(&x), number_str(&y));
}

/* A trusted source has no line: all of its domain is its own. */
static bool is_own(struct context *c, const struct callerid_line *line, struct str claim)
{
    struct str aor;
    if (!regview_aor(&c->scratch, c->conf, claim, &aor))
        return false;
    bool is_of_domain = regview_domain(c->conf, aor) == line->domain;
    if (str_is_none(line->aor))
        return is_of_domain;
    return str_eq(aor, line->aor) ||
           ((is_of_domain || callerid_is_bare(aor)) && is_same_number(aor, line->aor));
}

bool callerid_is_anonymous(struct context *c, const struct msg *m, const struct conf_domain *domain)
{
    struct uri u;
    return uri_parse(m->from.uri, &u) == 0 && str_ieq(u.user, STR("anonymous")) &&
           (uri_is_same_host(u.host, STR("anonymous.invalid")) ||
            conf_domain_find(c->conf, u.host) == domain);
}

bool callerid_is_honest(struct context *c, const struct msg *m, const struct callerid_line *line)
{
    struct str claims[2 * IDENTITIES_MAX];
    if (line->domain->caller_id != CONF_CALLER_CHECK)
        return true;
    size_t n = add_identities(m, HDR_P_PREFERRED_IDENTITY, claims);
    n += add_identities(m, HDR_P_ASSERTED_IDENTITY, claims + n);
    for (size_t i = 0; i < n; i++)
        if (!is_own(c, line, claims[i]))
            return false;
    return callerid_is_anonymous(c, m, line->domain) || is_own(c, line, m->from.text);
}

/* ---------------------------------------------------------------- what upstream is told */

struct str callerid_number(struct context *c, const struct msg *m, const struct conf_domain *domain)
{
    struct uri u;
    if (uri_parse(m->uri, &u) || u.scheme != URI_TEL)
        return STR_NONE;
    struct buf out = buf_in(&c->scratch, m->uri.n + domain->name.n + 20);
    buf_add(&out, STR("sip:"));
    buf_add(&out, u.user);
    if (!str_is_none(u.params))
        buf_add(&out, u.params);
    buf_add_char(&out, '@');
    buf_add(&out, domain->name);
    buf_add(&out, STR(";user=phone"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static void add_uri(struct buf *out, const char *scheme, struct str rest)
{
    buf_add(out, STR("P-Asserted-Identity: <"));
    buf_add(out, str_of(scheme));
    buf_add(out, rest);
    buf_add(out, STR(">\r\n"));
}

/* A line by its name, and where that is a telephone number, by that as well. */
static void add_line(struct buf *out, const struct callerid_line *line)
{
    struct number number = number_read(user_of(line->aor));
    buf_add(out, STR("P-Asserted-Identity: <sip:"));
    buf_add(out, line->aor);
    if (callerid_is_bare(line->aor)) {
        buf_add_char(out, '@');
        buf_add(out, line->domain->name);
    }
    buf_add(out, STR(">\r\n"));
    if (number_is_global(&number))
        add_uri(out, "tel:", number_str(&number));
}

/* caller-id = pass: what the phone would like to be, if it is an address of its domain or a
 * number. */
static void add_preferred(struct context *c, const struct msg *m, const struct callerid_line *line,
                          struct buf *out)
{
    struct str wishes[IDENTITIES_MAX], aor;
    bool has_sip = false, has_tel = false;
    size_t n = add_identities(m, HDR_P_PREFERRED_IDENTITY, wishes);
    for (size_t i = 0; i < n; i++) {
        if (!regview_aor(&c->scratch, c->conf, wishes[i], &aor))
            continue;
        struct number number = number_read(aor);
        if (callerid_is_bare(aor) && !has_tel && number_is_global(&number)) {
            add_uri(out, "tel:", number_str(&number));
            has_tel = true;
        } else if (!callerid_is_bare(aor) && !has_sip &&
                   regview_domain(c->conf, aor) == line->domain) {
            add_uri(out, "sip:", aor);
            has_sip = true;
        }
    }
}

enum forward_refusal callerid_assert(struct context *c, const struct msg *m,
                                     const struct callerid_line *line, struct identity *out)
{
    struct buf lines = buf_in(&c->scratch, LINES_MAX);
    if (line->domain->caller_id == CONF_CALLER_PASS)
        add_preferred(c, m, line, &lines);
    if (lines.len == 0 && !str_is_none(line->aor))
        add_line(&lines, line);
    if (lines.has_overflown)
        return FORWARD_NO_MEMORY;
    *out = (struct identity){.is_from_phone = true,
                             .asserted = lines.len ? buf_str(&lines) : STR_NONE};
    return FORWARD_OK;
}
