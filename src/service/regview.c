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

/* D1-D9. A domain that is not ours is told from an address that is none (D8). */
static enum reason read_aor(struct context *c, struct arena *a, const struct msg *m,
                            struct regview *out)
{
    struct uri u;
    if (uri_parse(m->to.uri, &u) || u.scheme > URI_TEL)
        return REASON_BAD_AOR;
    out->domain = domain_of(c->conf, &u);
    if (!out->domain)
        return REASON_FOREIGN_DOMAIN;
    return print_aor(a, out->domain, &u, &out->view.aor) ? REASON_MAX : REASON_BAD_AOR;
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

static enum reason read_line(struct arena *a, struct str rest, int64_t expires_s,
                             struct register_view *v)
{
    struct contact contact;
    int got;
    while ((got = contact_next(&rest, &contact)) == 1) {
        if (contact.addr.is_star) {
            v->is_star = true;
            continue;
        }
        const struct register_contact c = {
            .uri = contact.addr.uri,
            .params = other_params(a, contact.addr.params),
            .instance = contact.instance,
            .reg_id = v->is_outbound ? contact.reg_id : 0,
            .q = contact.q,
            .expires_s = contact.expires_s != CONTACT_NO_EXPIRES ? contact.expires_s : expires_s};
        enum reason why = add_contact(v, &c);
        if (why != REASON_MAX)
            return why;
    }
    return got < 0 ? REASON_BAD_CONTACT : REASON_MAX;
}

static enum reason read_contacts(struct arena *a, const struct msg *m, struct register_view *v)
{
    int64_t expires_s = header_expires(m);
    v->contacts = arena_alloc(a, CONTACTS_MAX * sizeof *v->contacts);
    if (!v->contacts)
        return REASON_NO_MEMORY;
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        enum reason why = read_line(a, l->value, expires_s, v);
        if (why != REASON_MAX)
            return why;
    }
    /* D11: alone, and with the Expires header */
    if (v->is_star && (v->n_contacts || expires_s != 0))
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

/* D63: it has been here before, on its way upstream. */
static bool is_own_token_in(const struct context *c, const struct msg *m)
{
    static const enum hdr_id places[] = {HDR_CONTACT, HDR_PATH};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (const struct msg_line *l = msg_first(m, places[i]); l; l = msg_next(m, l))
            if (has_own(c, l->value))
                return true;
    return false;
}

/* What the extensions say of the contacts. */
static enum reason judge_contacts(struct context *c, struct arena *a, const struct msg *m,
                                  struct regview *out)
{
    struct register_view *v = &out->view;
    v->is_outbound = outbound_is_asked(m);
    enum reason why = read_contacts(a, m, v);
    v->is_outbound = false;
    if (why == REASON_MAX)
        why = outbound_judge(m, v);
    if (why == REASON_MAX)
        why = bulk_judge(m, v);
    if (why == REASON_MAX)
        why = gruu_judge(c, out->domain, m, v);
    if (why == REASON_MAX && out->domain->is_path_support_required && msg_first(m, HDR_PATH) &&
        !msg_has_token(m, HDR_SUPPORTED, STR("path")))
        why = REASON_PATH_UNKNOWN;
    return why;
}

enum reason regview_parse(struct context *c, struct arena *a, const struct packet *p,
                          const struct msg *m, struct regview *out)
{
    *out = (struct regview){0};
    struct register_view *v = &out->view;
    enum reason why = read_aor(c, a, m, out);
    if (why != REASON_MAX)
        return why;
    BUG_ON(!out->domain);
    if (!forward_is_served(c, p, m)) /* RFC 3261 10.3 step 1 */
        return REASON_FOREIGN_DOMAIN;
    if (!is_require_known(out->domain, m))
        return REASON_BAD_EXTENSION;
    if (!conf_domain_admits(out->domain, &p->flow.peer, v->aor)) /* D10 */
        return REASON_NOT_ALLOWED;
    v->is_source_trusted = out->domain->n_list_names > 0; /* and on one of the lists */
    if (is_own_token_in(c, m))
        return REASON_LOOP;
    why = judge_contacts(c, a, m, out);
    if (why != REASON_MAX)
        return why;
    v->expires_s = header_expires(m);
    v->call_id = m->call_id;
    v->cseq = m->cseq;
    v->way = reach_way(&p->flow);
    v->family = p->family;
    v->path = join_lines(a, m, HDR_PATH);
    v->user_agent = msg_value(m, HDR_USER_AGENT);
    v->has_authorization = msg_first(m, HDR_AUTHORIZATION) || msg_first(m, HDR_PROXY_AUTHORIZATION);
    v->has_account = upcreds_has(out->domain->upcreds, v->aor, out->domain->name);
    uint64_t branch_hash = hash_str(&c->answer_key, m->via.branch);
    uint64_t parts[3] = {hash_str(&c->answer_key, v->call_id), v->cseq, branch_hash};
    v->branch_hash = (uint32_t)branch_hash;
    v->spread = hash_bytes(&c->answer_key, parts, sizeof parts);
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
