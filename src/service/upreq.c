#include "service/upreq.h"

#include "base/err.h"
#include "base/sys.h"
#include "core/upreg.h"
#include "service/egress.h"
#include "service/gruu.h"
#include "service/mark.h"
#include "sip/contact.h"
#include "sip/param.h"

enum { SENT_BY_MAX = 320, NUMBER_MAX = 12 };

/* ---------------------------------------------------------------- names of a registration */

/* No Call-ID or instance begins with a blank. */
static struct str device_of(struct arena *a, const struct conf_domain *domain,
                            const struct register_view *v)
{
    const struct register_contact *contact = v->contacts;
    if (domain->absorb.mode == MODE_AOR_THROTTLE)
        return v->is_bulk ? STR(" bulk") : STR("");
    if (v->is_line)
        return STR(" line");
    if (!v->n_contacts || !contact->instance.n)
        return v->call_id;
    if (!domain->absorb.is_by_flow || !contact->reg_id)
        return contact->instance;
    struct buf out = buf_in(a, contact->instance.n + NUMBER_MAX);
    buf_add(&out, contact->instance);
    buf_add_char(&out, ' ');
    buf_add_u64(&out, contact->reg_id);
    return buf_str(&out);
}

static uint64_t id_of(const struct context *c, struct str call_id)
{
    struct hash_key key;
    memcpy(&key, c->token_key.bytes, sizeof key);
    uint64_t id = hash_str(&key, call_id);
    return id ? id : 1;
}

int upreq_name(struct context *c, struct arena *a, const struct conf_domain *domain,
               const struct absorb_input *in, struct upreq *u)
{
    const struct register_view *v = in->view;
    const struct upreg *known = absorb_upreg(in);
    bool is_mirror = domain->absorb.mode == MODE_MIRROR && !v->is_line;
    struct str own = STR_NONE;
    if (known) {
        u->upreg_id = known->id;
    } else {
        char text[TOKEN_CALL_ID_LEN];
        own = str_dup(a, token_call_id(&c->token_key, v->aor, device_of(a, domain, v), 0, text));
        u->upreg_id = id_of(c, own);
        known = binding_upreg(in->now_state, u->upreg_id); /* one that has ended (D32) */
        if (known && !upreg_is_of_mode(in->conf, known))
            known = NULL; /* mirror gives the same id, but the phone's Call-ID */
    }
    u->call_id = is_mirror ? v->call_id : known ? known->call_id : own;
    return a->has_failed || str_is_none(u->call_id) ? ERR_NOMEM : 0;
}

static struct str token_of(const struct context *c, uint64_t id, char text[TOKEN_LEN])
{
    return token_print(&c->token_key, id, text);
}

static void add_transport(const struct upreq *u, struct buf *out)
{
    static const char *const words[FLOW_TRANSPORT_MAX] = {
        [FLOW_UDP] = ";transport=udp",
        [FLOW_TCP] = ";transport=tcp",
        [FLOW_TLS] = ";transport=tls",
    };
    buf_add(out, str_of(words[u->flow.transport]));
}

/* <sip:user@us;bw=token;transport=udp>, or with the token in the user's place. In that of a bulk
 * registration upstream writes the number that is called (RFC 6140 7.1.1). */
static struct str print_contact(struct context *c, struct arena *a, const struct upreq *u)
{
    char text[TOKEN_LEN];
    struct str token = token_of(c, u->upreg_id, text);
    struct buf out = buf_in(a, u->user.n + SENT_BY_MAX + (size_t)2 * TOKEN_LEN);
    bool is_user = u->domain->upstream->contact_token == CONF_TOKEN_USER && !u->is_bulk;
    buf_add(&out, is_user ? STR("sip:t-") : STR("sip:"));
    if (!u->is_bulk) {
        buf_add(&out, is_user ? token : u->user);
        buf_add_char(&out, '@');
    }
    egress_print_sent_by(c->egress, &u->flow, &out);
    if (!is_user) {
        buf_add(&out, STR(";bw="));
        buf_add(&out, token);
    }
    add_transport(u, &out);
    if (u->is_bulk)
        buf_add(&out, STR(";bnc"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* <sip:t-token@us;lr>, over a stream with its transport; with ob where it is the name of a flow
 * (RFC 5626 5.1). */
static struct str print_path(struct context *c, struct arena *a, const struct upreq *u)
{
    char text[TOKEN_LEN];
    struct buf out = buf_in(a, SENT_BY_MAX + (size_t)2 * TOKEN_LEN);
    buf_add(&out, STR("<sip:t-"));
    buf_add(&out, token_of(c, u->upreg_id, text));
    buf_add_char(&out, '@');
    egress_print_sent_by(c->egress, &u->flow, &out);
    if (u->flow.transport != FLOW_UDP)
        add_transport(u, &out);
    buf_add(&out, u->device.reg_id ? STR(";lr;ob>") : STR(";lr>"));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static bool is_equal_uri(struct str a, struct str b)
{
    struct uri ua, ub;
    return str_eq(a, b) ||
           (uri_parse(a, &ua) == 0 && uri_parse(b, &ub) == 0 && uri_is_equal(&ua, &ub));
}

/* The contact is upstream already for another device; or ours has been told apart before, and
 * stays as it is (D47). */
static bool is_ambiguous(const struct aor_record *r, const struct upreq *u, struct str uri)
{
    struct uri known;
    struct str token;
    for (size_t i = 0; i < r->n_upregs; i++) {
        const struct upreg *other = &r->upregs[i];
        if (!is_equal_uri(uri, other->contact))
            continue;
        bool is_marked =
            uri_parse(other->contact, &known) == 0 && uri_param(&known, STR("bw"), &token);
        if (other->id == u->upreg_id ? is_marked : !is_marked)
            return true;
    }
    return false;
}

void upreq_keep_contact(struct context *c, struct arena *a, const struct aor_record *r,
                        struct str uri, struct upreq *u)
{
    char text[TOKEN_LEN];
    u->contact = uri;
    if (!is_ambiguous(r, u, uri))
        return;
    struct buf out = buf_in(a, uri.n + 4 + TOKEN_LEN);
    const char *headers = str_find(uri, '?');
    struct str front = headers ? str_span(uri.p, headers) : uri;
    buf_add(&out, front);
    buf_add(&out, STR(";bw="));
    buf_add(&out, token_of(c, u->upreg_id, text));
    buf_add(&out, str_skip(uri, front.n));
    if (!out.has_overflown)
        u->contact = buf_str(&out);
}

bool upreq_is_moved(const struct upreq *u, const struct upreg *known)
{
    return !u->is_mirror && !str_is_none(known->contact) && !str_is_none(u->contact) &&
           !is_equal_uri(known->contact, u->contact);
}

static struct str user_of(struct str aor)
{
    const char *at = aor.p + aor.n;
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? str_span(aor.p, at - 1) : aor;
}

int upreq_aim(struct context *c, struct upreq *u)
{
    const struct server_want want = {
        .upstream = u->domain->upstream, .aor = u->aor, .home = u->home};
    return servers_pick(c->servers, &want, &u->tries, &u->flow);
}

int upreq_aim_again(struct context *c, struct upreq *u)
{
    if (u->tries.n == 0 || flow_is_live(c->flows, &u->flow))
        return 0;
    return servers_reach(c->servers, u->domain->upstream, &u->tries.list[u->tries.n - 1], &u->flow);
}

int upreq_plan(struct context *c, struct arena *a, struct upreq *u)
{
    char tag[TOKEN_TAG_LEN];
    int err = upreq_aim(c, u);
    if (err)
        return err;
    u->user = user_of(u->aor);
    u->from_tag = str_dup(a, token_from_tag(&c->token_key, u->call_id, tag));
    if (u->domain->insertion == CONF_INSERT_PATH && !u->is_line)
        u->path = print_path(c, a, u);
    else
        u->contact = print_contact(c, a, u);
    return a->has_failed ? ERR_NOMEM : 0;
}

/* Longest of what the REGISTER asks for: mirror passes it on (D46). */
static uint32_t asked_s(const struct absorb_conf *p, const struct register_view *v)
{
    int64_t most = 0;
    for (size_t i = 0; i < v->n_contacts; i++) {
        int64_t s = v->contacts[i].expires_s;
        s = s < 0 ? p->default_expires_s : s;
        most = s > most ? s : most;
    }
    return most > p->max_expires_s ? p->max_expires_s : (uint32_t)most;
}

uint32_t upreq_expires_s(const struct upreq *u, const struct register_view *v, uint32_t least_s)
{
    const struct absorb_conf *p = &u->domain->absorb;
    if (u->as == FORWARD_REMOVAL)
        return 0;
    if (p->mode == MODE_MIRROR && !u->is_line)
        return asked_s(p, v);
    return p->upstream_expires_s > least_s ? p->upstream_expires_s : least_s;
}

int upreq_renew(struct context *c, struct arena *a, struct upreq *u)
{
    char call_id[TOKEN_CALL_ID_LEN], tag[TOKEN_TAG_LEN];
    uint64_t now_s = sys_service_s();
    struct str fresh = token_call_id(&c->token_key, u->aor, u->call_id, (uint32_t)now_s, call_id);
    u->call_id = str_dup(a, fresh);
    u->from_tag = str_dup(a, token_from_tag(&c->token_key, u->call_id, tag));
    u->cseq = token_cseq(0, now_s);
    return a->has_failed || str_is_none(fresh) ? ERR_NOMEM : 0;
}

/* ---------------------------------------------------------------- a phone's REGISTER */

static struct str number(struct context *c, struct build *b, uint64_t n)
{
    struct buf out = buf_in(&c->scratch, (size_t)2 * NUMBER_MAX);
    buf_add_u64(&out, n);
    b->has_failed = b->has_failed || out.has_overflown;
    return buf_str(&out);
}

/* From with our tag in place of the phone's, or behind it where it had none. */
static struct str from_value(struct context *c, struct build *b, const struct upreq *u)
{
    const struct nameaddr *from = &b->msg->from;
    struct buf out = buf_in(&c->scratch, from->text.n + u->from_tag.n + 8);
    struct str rest = from->params;
    struct param p;
    buf_add(&out, str_is_none(from->params) ? from->text : str_span(from->text.p, from->params.p));
    while (param_next(&rest, &p) == 1) {
        if (str_ieq(p.name, STR("tag")))
            continue;
        buf_add_char(&out, ';');
        buf_add(&out, str_is_none(p.value) ? p.name : str_span(p.name.p, str_end(p.value)));
    }
    buf_add(&out, STR(";tag="));
    buf_add(&out, u->from_tag);
    b->has_failed = b->has_failed || out.has_overflown;
    return buf_str(&out);
}

static void edit_sequence(struct context *c, struct build *b, const struct upreq *u)
{
    if (u->is_mirror)
        return;
    struct buf cseq = buf_in(&c->scratch, (size_t)2 * NUMBER_MAX);
    buf_add_u64(&cseq, u->cseq);
    buf_add(&cseq, STR(" REGISTER"));
    b->has_failed = b->has_failed || cseq.has_overflown;
    build_replace(b, msg_value(b->msg, HDR_CALL_ID), u->call_id);
    build_replace(b, msg_value(b->msg, HDR_CSEQ), buf_str(&cseq));
    build_replace(b, msg_value(b->msg, HDR_FROM), from_value(c, b, u));
}

/* u: where it is the device's; or NULL. */
static void add_contact(struct build *b, struct context *c, struct str uri, uint32_t expires_s,
                        const struct upreq *u)
{
    size_t n = uri.n + (u ? u->device.instance.n : 0);
    struct buf out = buf_in(&c->scratch, n + 2 + 9 + 32 + (size_t)3 * NUMBER_MAX);
    buf_add_char(&out, '<');
    buf_add(&out, uri);
    buf_add_char(&out, '>');
    if (u)
        device_print(&u->device, &out);
    buf_add(&out, STR(";expires="));
    buf_add_u64(&out, expires_s);
    b->has_failed = b->has_failed || out.has_overflown;
    build_add_last(b, STR("Contact"), buf_str(&out));
}

/* The one place that writes expiries: parameter and header alike (OpenSIPS #2350). */
static void edit_contacts(struct context *c, struct build *b, const struct upreq *u)
{
    if (u->as == FORWARD_QUERY)
        return;
    build_remove_all(b, HDR_CONTACT);
    build_remove_all(b, HDR_EXPIRES);
    if (!str_is_none(u->contact)) /* with insertion by Path a "*" may find nothing to remove */
        add_contact(b, c, u->contact, u->expires_s, u);
    for (size_t i = 0; i < u->n_leaving; i++)
        add_contact(b, c, u->leaving[i], 0, NULL);
    build_add_last(b, STR("Expires"), number(c, b, u->expires_s));
}

/* What the access proxies put in stays here: it leads to the phone, not to us (RFC 3327). */
static void edit_path(struct build *b, const struct upreq *u)
{
    build_remove_all(b, HDR_PATH);
    if (str_is_none(u->path))
        return;
    build_add_last(b, STR("Path"), u->path);
    if (!msg_has_token(b->msg, HDR_SUPPORTED, STR("path")))
        build_add_last(b, STR("Supported"), STR("path"));
}

static struct str auth_name(const struct upreq_auth *auth)
{
    return auth->is_proxy ? STR("Proxy-Authorization") : STR("Authorization");
}

static void edit_authorization(struct build *b, const struct upreq *u)
{
    bool is_for_us =
        u->domain->absorb.authentication == AUTH_LOCAL; /* what the phone has brought */
    if (u->n_auths == 0 && !is_for_us)
        return;
    build_remove_all(b, HDR_AUTHORIZATION);
    build_remove_all(b, HDR_PROXY_AUTHORIZATION);
    for (size_t i = 0; i < u->n_auths; i++)
        build_add_last(b, auth_name(&u->auths[i]), u->auths[i].value);
}

/* RFC 6140 5.1: whoever does not know what our Contact means must not take it. The phone has said
 * so itself, but for a star. */
static void edit_bulk(struct build *b, const struct upreq *u)
{
    static const enum hdr_id ids[] = {HDR_REQUIRE, HDR_PROXY_REQUIRE};
    for (size_t i = 0; i < 2 && u->is_bulk; i++)
        if (!msg_has_token(b->msg, ids[i], STR("gin")))
            build_add_last(b, hdr_name(ids[i]), STR("gin"));
}

int upreq_forward(struct context *c, const struct packet *p, const struct msg *m,
                  const struct upreq *u, struct forward *out)
{
    struct build b;
    out->flow = u->flow;
    out->offer = u->domain->upstream->overload;
    build_init(&b, &c->scratch, m);
    forward_edit(c, &b, p, out);
    edit_sequence(c, &b, u);
    edit_contacts(c, &b, u);
    device_edit(c, &b, &u->device);
    edit_bulk(&b, u);
    edit_path(&b, u);
    edit_authorization(&b, u);
    identity_edit(&b, &(struct identity){.is_from_phone = true, .asserted = STR_NONE});
    return build_finish(&b, &out->bytes);
}

/* ---------------------------------------------------------------- our own REGISTER */

static void add_supported(const struct upreq *u, struct buf *out)
{
    bool has_path = !str_is_none(u->path);
    if (!has_path && !u->device.is_gruu_asked)
        return;
    buf_add(out, has_path ? STR("\r\nSupported: path") : STR("\r\nSupported: gruu"));
    if (has_path && u->device.reg_id)
        buf_add(out, STR(", outbound"));
    if (has_path && u->device.is_gruu_asked)
        buf_add(out, STR(", gruu"));
    if (!has_path)
        return;
    buf_add(out, STR("\r\nPath: "));
    buf_add(out, u->path);
}

static void add_lines(const struct upreq *u, struct buf *out)
{
    buf_add(out, STR("Max-Forwards: 70\r\nFrom: <sip:"));
    buf_add(out, u->aor);
    buf_add(out, STR(">;tag="));
    buf_add(out, u->from_tag);
    buf_add(out, STR("\r\nTo: <sip:"));
    buf_add(out, u->aor);
    buf_add(out, STR(">\r\nCall-ID: "));
    buf_add(out, u->call_id);
    buf_add(out, STR("\r\nCSeq: "));
    buf_add_u64(out, u->cseq);
    buf_add(out, STR(" REGISTER\r\nContact: <"));
    buf_add(out, u->contact);
    buf_add_char(out, '>');
    device_print(&u->device, out);
    buf_add(out, STR(";expires="));
    buf_add_u64(out, u->expires_s);
    for (size_t i = 0; i < u->n_leaving; i++) {
        buf_add(out, STR("\r\nContact: <"));
        buf_add(out, u->leaving[i]);
        buf_add(out, STR(">;expires=0"));
    }
    buf_add(out, STR("\r\nExpires: "));
    buf_add_u64(out, u->expires_s);
    add_supported(u, out);
    if (u->is_bulk)
        buf_add(out, STR("\r\nRequire: gin\r\nProxy-Require: gin"));
    for (size_t i = 0; i < u->n_auths; i++) {
        buf_add(out, STR("\r\n"));
        buf_add(out, auth_name(&u->auths[i]));
        buf_add(out, STR(": "));
        buf_add(out, u->auths[i].value);
    }
    buf_add(out, STR("\r\nUser-Agent: Breakwater\r\nContent-Length: 0\r\n\r\n"));
}

struct str upreq_own_uri(struct context *c, const struct upreq *u)
{
    struct buf out = buf_in(&c->scratch, u->domain->name.n + 4);
    buf_add(&out, STR("sip:"));
    buf_add(&out, u->domain->name);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static size_t extras_len(const struct upreq *u)
{
    size_t n = 0;
    for (size_t i = 0; i < u->n_auths; i++)
        n += u->auths[i].value.n + 32;
    for (size_t i = 0; i < u->n_leaving; i++)
        n += u->leaving[i].n + 32;
    return n;
}

int upreq_own(struct context *c, const struct upreq *u, struct forward *out)
{
    struct buf b = buf_in(&c->scratch, 3 * u->aor.n + u->contact.n + u->path.n + u->call_id.n +
                                           u->device.instance.n + extras_len(u) +
                                           (size_t)2 * SENT_BY_MAX + 512);
    out->flow = u->flow;
    out->offer = u->domain->upstream->overload;
    out->branch = mark_branch(&c->marks, 0, out->branch_text);
    buf_add(&b, STR("REGISTER "));
    buf_add(&b, upreq_own_uri(c, u));
    buf_add(&b, STR(" SIP/2.0\r\nVia: "));
    forward_print_via(c, out, &b);
    buf_add(&b, STR("\r\n"));
    add_lines(u, &b);
    out->bytes = buf_str(&b);
    return b.has_overflown ? ERR_NOMEM : 0;
}

/* ---------------------------------------------------------------- answers */

static bool is_by_token(const struct context *c, const struct upreq *u,
                        const struct contact *contact)
{
    uint64_t id;
    return token_find(&c->token_key, &contact->uri, &id) && id == u->upreg_id;
}

/* One that carries another registration's token is another one, be its URI equal. */
static bool is_by_uri(const struct context *c, const struct upreq *u, const struct contact *contact)
{
    uint64_t id;
    struct uri own;
    return !token_find(&c->token_key, &contact->uri, &id) && uri_parse(u->contact, &own) == 0 &&
           uri_is_equal(&own, &contact->uri);
}

typedef bool is_ours_fn(const struct context *c, const struct upreq *u,
                        const struct contact *contact);

static bool find_by(const struct context *c, const struct msg *m, const struct upreq *u,
                    is_ours_fn *is_ours, struct contact *out)
{
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        while (contact_next(&rest, out) == 1)
            if (!out->addr.is_star && is_ours(c, u, out))
                return true;
    }
    return false;
}

/* By token first: registrars re-order, re-case, re-escape and drop what is not (D48). */
static bool find_contact(const struct context *c, const struct msg *m, const struct upreq *u,
                         struct contact *out)
{
    return find_by(c, m, u, is_by_token, out) || find_by(c, m, u, is_by_uri, out);
}

/* D50: our contact's parameter, else the header, else what we asked for; never more than that. */
static uint32_t granted(const struct msg *m, const struct contact *contact, const struct upreq *u)
{
    uint32_t header = u->expires_s;
    int64_t s = contact->expires_s;
    if (s == CONTACT_NO_EXPIRES && contact_expires(msg_value(m, HDR_EXPIRES), &header) == 0)
        s = header;
    if (s == CONTACT_NO_EXPIRES)
        s = u->expires_s;
    return s > UINT32_MAX ? UINT32_MAX : (uint32_t)s;
}

static struct str join(struct context *c, const struct msg *m, enum hdr_id id)
{
    const struct msg_line *first = msg_first(m, id);
    if (!first)
        return STR_NONE;
    struct buf out = buf_in(&c->scratch, m->bytes.n);
    for (const struct msg_line *l = first; l; l = msg_next(m, l)) {
        if (l != first)
            buf_add(&out, STR(", "));
        buf_add(&out, l->value);
    }
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

/* D91: a 2xx that does not echo our Path has not taken it. */
static bool is_path_echoed(const struct msg *m, const struct upreq *u)
{
    for (const struct msg_line *l = msg_first(m, HDR_PATH); l; l = msg_next(m, l)) {
        struct str rest = l->value, element;
        while (param_split(&rest, &element))
            if (str_eq(element, u->path))
                return true;
    }
    return str_is_none(u->path);
}

enum reason upreq_read(struct context *c, const struct msg *m, const struct upreq *u,
                       struct upstream_grant *out)
{
    struct contact contact;
    *out = (struct upstream_grant){.upreg_id = u->upreg_id,
                                   .contact = u->contact,
                                   .call_id = u->call_id,
                                   .cseq = u->cseq,
                                   .is_removal = u->as == FORWARD_REMOVAL,
                                   .service_route = join(c, m, HDR_SERVICE_ROUTE),
                                   .associated = join(c, m, HDR_P_ASSOCIATED_URI),
                                   .is_bulk = u->is_bulk,
                                   .pub_gruu = STR_NONE,
                                   .temp_gruu = STR_NONE,
                                   .has_instance = u->device.is_for_gruu,
                                   .form = u->form,
                                   .server = {u->flow.peer, u->flow.transport},
                                   .new_upreg_id = u->upreg_id};
    sys_random(&out->new_binding_id, sizeof out->new_binding_id);
    if (u->as != FORWARD_REFRESH)
        return REASON_ACCEPTED;
    if (!find_contact(c, m, u, &contact) || !is_path_echoed(m, u))
        return REASON_CONTACT_MISSING;
    if (u->device.is_gruu_asked)
        gruu_learn(contact.addr.params, &out->pub_gruu, &out->temp_gruu);
    out->granted_s = granted(m, &contact, u);
    return out->granted_s ? REASON_ACCEPTED : REASON_NOT_GRANTED;
}

/* It speaks of our proof, not of the phone's (RFC 7616 3.5, 3.8). */
static void drop_info(struct build *b)
{
    const struct msg_line *l = msg_find(b->msg, STR("Proxy-Authentication-Info"));
    build_remove_all(b, HDR_AUTHENTICATION_INFO);
    if (l)
        build_replace(b, l->raw, STR(""));
}

void upreq_restore(struct build *b, const struct msg *request, const struct upreq *u)
{
    build_remove_top(b, HDR_VIA);
    if (u->n_auths)
        drop_info(b);
    if (u->is_mirror)
        return;
    build_replace(b, msg_value(b->msg, HDR_CALL_ID), request->call_id);
    build_replace(b, msg_value(b->msg, HDR_FROM), msg_value(request, HDR_FROM));
    build_replace(b, msg_value(b->msg, HDR_CSEQ), msg_value(request, HDR_CSEQ));
}
