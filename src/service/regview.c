#include "service/regview.h"

#include "base/err.h"
#include "conf/upcreds.h"
#include "service/bulk.h"
#include "service/forward.h"
#include "service/gruu.h"
#include "service/outbound.h"
#include "service/reach.h"
#include "sip/contact.h"
#include "sip/param.h"
#include "sip/uri.h"

enum { AOR_MAX = 512, CONTACTS_MAX = RECORD_BINDINGS_MAX };

/* ---------------------------------------------------------------- address of record */

static const struct conf_domain *domain_of(const struct conf *conf, const struct uri *u)
{
    return u->scheme == URI_TEL ? &conf->domains[0] : conf_domain_find(conf, u->host);
}

static bool print_aor(struct arena *a, const struct conf_domain *domain, const struct uri *u,
                      struct str *aor)
{
    struct buf out = buf_in(a, AOR_MAX);
    struct uri canonical = *u;
    canonical.host = u->scheme == URI_TEL ? u->host : domain->name; /* aliases are one domain */
    canonical.port = 0;
    enum uri_fault fault = uri_to_aor(&canonical, domain->is_case_sensitive, &out);
    *aor = buf_str(&out);
    return fault == URI_OK && !out.has_overflown;
}

bool regview_aor(struct arena *a, const struct conf *conf, struct str to, struct str *aor)
{
    struct nameaddr n;
    struct uri u;
    if (nameaddr_parse(to, &n) || uri_parse(n.uri, &u))
        return false;
    const struct conf_domain *domain = domain_of(conf, &u);
    return domain && print_aor(a, domain, &u, aor);
}

const struct conf_domain *regview_domain(const struct conf *conf, struct str aor)
{
    const char *at = aor.p + aor.n;
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? conf_domain_find(conf, str_span(at, str_end(aor))) : &conf->domains[0];
}

/* The host is written like its name, and the name leads to it. */
static bool is_last_domain(const struct context *c, const struct uri *u)
{
    return c->last_domain && u->scheme != URI_TEL && str_eq(u->host, c->last_domain->name);
}

/* Nearly everybody sends his REGISTER to the host of his address, which is one that we serve.
 * RFC 3261 10.3 step 1. */
static bool is_served(struct context *c, const struct packet *p, const struct msg *m,
                      const struct uri *to)
{
    struct uri u;
    if (uri_parse(m->uri, &u) || u.scheme > URI_SIPS)
        return false;
    return (u.host.n && str_eq(u.host, to->host)) || forward_is_host_ours(c, p, &u);
}

/* The address that a REGISTER is for, and its domain. D1-D9; a domain that is not ours is told from
 * an address that is none (D8). */
static enum reason read_to(struct context *c, struct arena *a, const struct msg *m, struct uri *to,
                           struct regview *out)
{
    if (uri_parse(m->to.uri, to) || to->scheme > URI_TEL)
        return REASON_BAD_AOR;
    out->domain = is_last_domain(c, to) ? c->last_domain : domain_of(c->conf, to);
    if (!out->domain)
        return REASON_FOREIGN_DOMAIN;
    c->last_domain = out->domain;
    return print_aor(a, out->domain, to, &out->view.aor) ? REASON_MAX : REASON_BAD_AOR;
}

bool regview_register_aor(struct context *c, struct arena *a, const struct msg *m, struct str *aor)
{
    struct uri to;
    struct regview v;
    bool is_read = read_to(c, a, m, &to, &v) == REASON_MAX;
    *aor = is_read ? v.view.aor : *aor;
    return is_read;
}

static enum reason read_aor(struct context *c, struct arena *a, const struct packet *p,
                            const struct msg *m, struct regview *out)
{
    struct uri to;
    enum reason why = read_to(c, a, m, &to, out);
    if (why != REASON_MAX)
        return why;
    return is_served(c, p, m, &to) ? REASON_MAX : REASON_FOREIGN_DOMAIN;
}

/* ---------------------------------------------------------------- contacts */

/* What is ours to say in a Contact, not the device's. */
static bool is_ours(struct str param)
{
    static const struct str names[] = {{"expires", 7}, {"q", 1}, {"pub-gruu", 8}, {"temp-gruu", 9}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (str_ieq(param, names[i]))
            return true;
    return false;
}

/* The Contact's other parameters. */
static struct str other_params(struct arena *a, struct str params)
{
    struct buf out = buf_in(a, params.n);
    struct str rest = params;
    struct param p;
    while (param_next(&rest, &p) == 1) {
        if (is_ours(p.name))
            continue;
        buf_add_char(&out, ';');
        buf_add(&out, p.name);
        if (!str_is_none(p.value)) {
            buf_add_char(&out, '=');
            buf_add(&out, p.value);
        }
    }
    return out.len ? buf_str(&out) : STR_NONE;
}

static bool is_same_device(const struct register_contact *a, const struct register_contact *b)
{
    if (a->instance.n && b->instance.n)
        return str_eq(a->instance, b->instance) && a->reg_id == b->reg_id;
    struct uri ua, ub;
    return uri_parse(a->uri, &ua) == 0 && uri_parse(b->uri, &ub) == 0 && uri_is_equal(&ua, &ub);
}

/* The same contact twice: the last one stands (D20). */
static enum reason add_contact(struct register_view *v, const struct register_contact *contact)
{
    for (size_t i = 0; i < v->n_contacts; i++) {
        if (is_same_device(&v->contacts[i], contact)) {
            v->contacts[i] = *contact;
            return REASON_MAX;
        }
    }
    if (v->n_contacts == CONTACTS_MAX)
        return REASON_TOO_MANY;
    v->contacts[v->n_contacts++] = *contact;
    return REASON_MAX;
}

/* Expires of the header, -1 where absent or malformed (D14, D15). */
static int64_t header_expires(const struct msg *m)
{
    uint32_t s;
    struct str value = msg_value(m, HDR_EXPIRES);
    return !str_is_none(value) && contact_expires(value, &s) == 0 ? (int64_t)s : -1;
}

/* The Contact lines while they are read. */
struct reading {
    const struct token_key *key;
    struct arena *arena;
    int64_t expires_s; /* of the header */
    bool has_own;      /* a token of ours is in one of them */
    bool is_whole;     /* each was read to its end */
};

static enum reason read_line(struct reading *r, struct str rest, struct register_view *v)
{
    struct contact contact;
    int got;
    while ((got = contact_next(&rest, &contact)) == 1) {
        uint64_t id;
        if (contact.addr.is_star) {
            v->is_star = true;
            continue;
        }
        r->has_own = r->has_own || token_find(r->key, &contact.uri, &id);
        const struct register_contact c = {.uri = contact.addr.uri,
                                           .params = other_params(r->arena, contact.addr.params),
                                           .instance = contact.instance,
                                           .reg_id = v->is_outbound ? contact.reg_id : 0,
                                           .q = contact.q,
                                           .expires_s = contact.expires_s != CONTACT_NO_EXPIRES
                                                            ? contact.expires_s
                                                            : r->expires_s};
        enum reason why = add_contact(v, &c);
        if (why != REASON_MAX)
            return why;
    }
    return got < 0 ? REASON_BAD_CONTACT : REASON_MAX;
}

static enum reason read_contacts(struct reading *r, const struct msg *m, struct register_view *v)
{
    v->contacts = arena_alloc(r->arena, CONTACTS_MAX * sizeof *v->contacts);
    if (!v->contacts)
        return REASON_NO_MEMORY;
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        enum reason why = read_line(r, l->value, v);
        if (why != REASON_MAX)
            return why;
    }
    r->is_whole = true;
    /* D11: alone, and with the Expires header */
    if (v->is_star && (v->n_contacts || r->expires_s != 0))
        return REASON_BAD_STAR;
    return REASON_MAX;
}

/* ---------------------------------------------------------------- the rest */

/* Several lines of a header as one comma-separated value. */
static struct str join_lines(struct arena *a, const struct msg *m, enum hdr_id id)
{
    const struct msg_line *first = msg_first(m, id);
    if (!first || !msg_next(m, first))
        return first ? first->value : STR_NONE;
    struct buf out = buf_in(a, m->bytes.n);
    for (const struct msg_line *l = first; l; l = msg_next(m, l)) {
        if (l != first)
            buf_add(&out, STR(", "));
        buf_add(&out, l->value);
    }
    return buf_str(&out);
}

bool regview_is_tag_known(const struct conf_domain *d, struct str tag)
{
    return str_ieq(tag, STR("path")) || str_ieq(tag, STR("outbound")) || str_ieq(tag, STR("gin")) ||
           (d && d->gruu != CONF_GRUU_OFF && str_ieq(tag, STR("gruu")));
}

static bool is_known(const struct conf_domain *d, const struct msg *m, enum hdr_id id)
{
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l)) {
        struct str rest = l->value, tag;
        while (param_split(&rest, &tag))
            if (!regview_is_tag_known(d, tag))
                return false;
    }
    return true;
}

/* We are the server, and a proxy for what is relayed (RFC 3261 8.2.2.3, 16.3 step 5). */
static bool is_require_known(const struct conf_domain *d, const struct msg *m)
{
    return is_known(d, m, HDR_REQUIRE) && is_known(d, m, HDR_PROXY_REQUIRE);
}

static bool is_own(const struct context *c, struct str uri)
{
    struct uri u;
    uint64_t id;
    return uri_parse(uri, &u) == 0 && token_find(&c->token_key, &u, &id);
}

static bool has_own(const struct context *c, struct str rest)
{
    struct nameaddr n;
    while (nameaddr_next(&rest, &n) == 1)
        if (!n.is_star && is_own(c, n.uri))
            return true;
    return false;
}

static bool is_own_in(const struct context *c, const struct msg *m, enum hdr_id id)
{
    for (const struct msg_line *l = msg_first(m, id); l; l = msg_next(m, l))
        if (has_own(c, l->value))
            return true;
    return false;
}

/* Option tags that mean something in a REGISTER, as bits of msg_tokens. */
enum { TAG_PATH = 1, TAG_OUTBOUND = 2, TAG_GIN = 4, TAG_GRUU = 8 };

static const struct str tags[] = {{"path", 4}, {"outbound", 8}, {"gin", 3}, {"gruu", 4}};

static uint32_t tags_of(const struct msg *m, enum hdr_id id)
{
    return msg_tokens(m, id, tags, sizeof tags / sizeof *tags);
}

/* What the extensions say of the contacts. */
static enum reason judge_contacts(struct context *c, struct reading *r, const struct msg *m,
                                  struct regview *out)
{
    struct register_view *v = &out->view;
    const uint32_t supported = tags_of(m, HDR_SUPPORTED), required = tags_of(m, HDR_REQUIRE);
    out->is_path_asked = supported & TAG_PATH;
    /* a reg-id of a device that does not know outbound means nothing (RFC 5626 6) */
    v->is_outbound = (supported | required) & TAG_OUTBOUND;
    enum reason why = read_contacts(r, m, v);
    v->is_outbound = false;
    if (why == REASON_MAX)
        why = outbound_judge(m, v);
    if (why == REASON_MAX)
        why = bulk_judge(required & TAG_GIN, v);
    if (why == REASON_MAX)
        why = gruu_judge(c, out->domain, (supported | required) & TAG_GRUU, v);
    if (why == REASON_MAX && out->domain->is_path_support_required && msg_first(m, HDR_PATH) &&
        !out->is_path_asked)
        why = REASON_PATH_UNKNOWN;
    return why;
}

/* D63: one with a token of ours has been here before, on its way upstream; that comes first. Of
 * contacts that could not be read to the end, each that can is looked at. */
static enum reason read_all(struct context *c, struct arena *a, const struct msg *m,
                            struct regview *out)
{
    struct reading r = {.key = &c->token_key, .arena = a, .expires_s = header_expires(m)};
    enum reason why = judge_contacts(c, &r, m, out);
    out->view.expires_s = r.expires_s;
    if ((r.is_whole ? r.has_own : is_own_in(c, m, HDR_CONTACT)) || is_own_in(c, m, HDR_PATH))
        return REASON_LOOP;
    return why;
}

struct regview_spread regview_spread(const struct context *c, struct str call_id, uint32_t cseq,
                                     struct str branch)
{
    uint64_t branch_hash = hash_str(&c->answer_key, branch);
    const uint64_t parts[3] = {hash_str(&c->answer_key, call_id), cseq, branch_hash};
    return (struct regview_spread){hash_bytes(&c->answer_key, parts, sizeof parts),
                                   (uint32_t)branch_hash};
}

enum reason regview_parse(struct context *c, struct arena *a, const struct packet *p,
                          const struct msg *m, struct regview *out)
{
    *out = (struct regview){0};
    struct register_view *v = &out->view;
    enum reason why = read_aor(c, a, p, m, out);
    if (why != REASON_MAX)
        return why;
    BUG_ON(!out->domain);
    if (!is_require_known(out->domain, m))
        return REASON_BAD_EXTENSION;
    if (!conf_domain_admits(out->domain, &p->flow.peer, v->aor)) /* D10 */
        return REASON_NOT_ALLOWED;
    v->is_source_trusted = out->domain->n_list_names > 0; /* and on one of the lists */
    why = read_all(c, a, m, out);
    if (why != REASON_MAX)
        return why;
    v->call_id = m->call_id;
    v->cseq = m->cseq;
    v->way = reach_way(&p->flow);
    v->family = p->family;
    v->path = join_lines(a, m, HDR_PATH);
    v->user_agent = msg_value(m, HDR_USER_AGENT);
    v->has_authorization = msg_first(m, HDR_AUTHORIZATION) || msg_first(m, HDR_PROXY_AUTHORIZATION);
    v->has_account = upcreds_has(out->domain->upcreds, v->aor, out->domain->name);
    const struct regview_spread spread = regview_spread(c, v->call_id, v->cseq, m->via.branch);
    v->branch_hash = spread.branch_hash;
    v->spread = spread.value;
    return a->has_failed ? REASON_NO_MEMORY : REASON_MAX;
}

static struct str copy_str(struct arena *a, struct str s)
{
    return str_is_none(s) ? s : str_dup(a, s);
}

struct register_view *regview_copy(struct arena *a, const struct register_view *v)
{
    struct register_view *out = arena_alloc(a, sizeof *out);
    struct register_contact *contacts = arena_calloc(a, v->n_contacts + 1, sizeof *contacts);
    if (!out || !contacts)
        return NULL;
    *out = *v;
    out->aor = copy_str(a, v->aor);
    out->call_id = copy_str(a, v->call_id);
    out->path = copy_str(a, v->path);
    out->user_agent = copy_str(a, v->user_agent);
    out->contacts = contacts;
    for (size_t i = 0; i < v->n_contacts; i++) {
        contacts[i] = v->contacts[i];
        contacts[i].uri = copy_str(a, v->contacts[i].uri);
        contacts[i].params = copy_str(a, v->contacts[i].params);
        contacts[i].instance = copy_str(a, v->contacts[i].instance);
    }
    return a->has_failed ? NULL : out;
}
