#include "sim/registrar.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "sim/nonces.h"
#include "sip/build.h"
#include "sip/msg.h"

enum { AOR_MAX = 1024, HEADERS_MAX = 64 * 1024 };

const char *const registrar_challenge_words[] = {"auto", "always", "never", "once", NULL};

struct registrar {
    const struct registrar_conf *conf;
    struct location *location;
    struct nonces *nonces;
    struct digest_answer *digest;
    struct hash_key tag_key;
    struct registrar_stats stats;
    uint64_t now_ms;
};

/* One request under way. */
struct request {
    struct registrar *r;
    struct arena *arena;
    const struct msg *msg;
    struct registrar_outcome *out;
    struct uri to;
    struct str user; /* of the To, as its credentials must name it */
    bool is_stale;
    struct buf headers; /* of the answer */
};

int registrar_new(const struct registrar_conf *conf, uint64_t now_ms, struct registrar **out)
{
    struct registrar *r = calloc(1, sizeof *r);
    if (!r)
        return ERR_NOMEM;
    r->conf = conf;
    r->now_ms = now_ms;
    r->tag_key = hash_key_new();
    int err = location_new(&conf->location, now_ms, &r->location);
    if (!err)
        err = nonces_new(conf->nonce_life_s, &r->nonces);
    if (!err)
        err = digest_answer_new(&r->digest);
    if (err) {
        registrar_free(r);
        return err;
    }
    *out = r;
    return 0;
}

void registrar_free(struct registrar *r)
{
    if (!r)
        return;
    location_free(r->location);
    nonces_free(r->nonces);
    digest_answer_free(r->digest);
    free(r);
}

/* ---------------------------------------------------------------- settings */

int registrar_add_refusal(struct registrar_conf *conf, const char *text)
{
    struct str s = str_of(text);
    if (str_eq(s, STR("off"))) {
        conf->n_refusals = 0;
        return 0;
    }
    struct registrar_refusal row = {.status = 0};
    const char *colon = str_find(s, ':');
    const struct str number = colon ? str_span(s.p, colon) : s;
    const struct str user = colon ? str_of(colon + 1) : STR("");
    if (user.n >= sizeof row.user || str_to_u32(number, 699, &row.status) || row.status < 300)
        return ERR_PARSE;
    if (conf->n_refusals == REGISTRAR_REFUSALS_MAX)
        return ERR_FULL;
    memcpy(row.user, user.p, user.n);
    conf->refusals[conf->n_refusals++] = row;
    return 0;
}

static bool must_challenge(const struct registrar_conf *conf)
{
    if (conf->challenge == CHALLENGE_AUTO)
        return conf->password || conf->n_accounts;
    return conf->challenge != CHALLENGE_NEVER;
}

/* None: no such user. */
static struct str password_of(const struct registrar_conf *conf, struct str user)
{
    for (size_t i = 0; i < conf->n_accounts; i++)
        if (str_eq(conf->accounts[i].user, user))
            return conf->accounts[i].password;
    return str_of(conf->password);
}

/* ---------------------------------------------------------------- authentication */

static struct str realm_of(const struct request *q)
{
    return q->r->conf->domain ? str_of(q->r->conf->domain) : q->to.host;
}

static bool is_offered(const struct registrar_conf *conf, enum digest_algorithm algorithm)
{
    for (size_t i = 0; i < conf->n_algorithms; i++)
        if (conf->algorithms[i] == algorithm)
            return true;
    return false;
}

static bool is_right(struct request *q, const struct digest_credentials *c)
{
    const struct registrar_conf *conf = q->r->conf;
    const struct digest_account account = {c->username, c->realm, password_of(conf, c->username)};
    enum digest_algorithm algorithm;
    struct digest_hex ha1, want;
    if (str_is_none(account.password) || !digest_answer_algorithm(c->algorithm, &algorithm) ||
        !is_offered(conf, algorithm))
        return false;
    if (digest_answer_ha1(q->r->digest, algorithm, &account, &ha1))
        return false;
    const struct digest_secret secret = {algorithm, {ha1.text, ha1.n}};
    const struct digest_request request = {q->msg->method_name, q->msg->body};
    if (digest_answer_response(q->r->digest, &secret, &request, c, &want))
        return false;
    return digest_answer_is_equal(&want, c->response);
}

/* The credentials for our realm. */
static bool find_credentials(const struct request *q, struct digest_credentials *out)
{
    const struct msg_line *l = msg_first(q->msg, HDR_AUTHORIZATION);
    for (; l; l = msg_next(q->msg, l))
        if (digest_parse_credentials(q->arena, l->value, out) == 0 &&
            str_eq(out->realm, realm_of(q)))
            return true;
    return false;
}

/* 200: may go on. 401, 403 as RFC 3261 10.3 steps 3 and 4 have it; 400: the URI that was signed is
 * not the one asked for (RFC 7616 3.4.6). */
static unsigned check_credentials(struct request *q)
{
    struct digest_credentials c;
    if (!find_credentials(q, &c) || !is_right(q, &c))
        return 401;
    q->out->has_credentials = true;
    if (!str_eq(c.uri, q->msg->uri))
        return 400;
    const struct nonces_use use = {
        .nonce = c.nonce,
        .count = c.nonce_count,
        .cseq = q->msg->cseq,
        .is_once = q->r->conf->challenge == CHALLENGE_ONCE,
    };
    q->is_stale = !nonces_use(q->r->nonces, &use, q->r->now_ms);
    if (q->is_stale)
        return 401;
    return str_eq(c.username, q->user) ? 200 : 403;
}

static void add_challenges(struct request *q)
{
    const struct registrar_conf *conf = q->r->conf;
    char text[64];
    struct buf nonce = buf_over(text, sizeof text);
    nonces_add(q->r->nonces, q->r->now_ms, &nonce);
    for (size_t i = 0; i < conf->n_algorithms; i++) {
        buf_add(&q->headers, STR("WWW-Authenticate: Digest realm=\""));
        buf_add(&q->headers, realm_of(q));
        buf_add(&q->headers, STR("\", nonce=\""));
        buf_add(&q->headers, buf_str(&nonce));
        buf_add(&q->headers, STR("\", algorithm="));
        buf_add(&q->headers, digest_answer_algorithm_name(conf->algorithms[i]));
        buf_add(&q->headers,
                q->is_stale ? STR(", qop=\"auth\", stale=true\r\n") : STR(", qop=\"auth\"\r\n"));
    }
}

/* ---------------------------------------------------------------- the request's values */

/* Contacts that grow in the arena. */
struct contact_list {
    struct contact *items;
    size_t n, room;
};

static int add_contact(struct arena *a, struct contact_list *list, const struct contact *c)
{
    if (list->n == list->room) {
        const size_t room = 2 * list->room + 4;
        struct contact *more = arena_alloc(a, room * sizeof *more);
        if (!more)
            return ERR_NOMEM;
        if (list->n)
            memcpy(more, list->items, list->n * sizeof *more);
        list->items = more;
        list->room = room;
    }
    list->items[list->n++] = *c;
    return 0;
}

/* The elements of one Contact line, a star among them. 0, ERR_PARSE, ERR_NOMEM. */
static int read_line(struct arena *a, struct str value, struct contact_list *list)
{
    struct contact c;
    int got;
    while ((got = contact_next(&value, &c)) == 1)
        if (add_contact(a, list, &c))
            return ERR_NOMEM;
    return got;
}

static int read_contacts(struct request *q)
{
    struct contact_list list = {NULL, 0, 0};
    const struct msg_line *l = msg_first(q->msg, HDR_CONTACT);
    for (; l; l = msg_next(q->msg, l)) {
        int err = read_line(q->arena, l->value, &list);
        if (err)
            return err;
    }
    q->out->contacts = list.items;
    q->out->n_contacts = list.n;
    return 0;
}

/* All Path lines as one value (RFC 3327 5.3). */
static int read_path(struct request *q)
{
    const struct msg_line *l = msg_first(q->msg, HDR_PATH);
    if (!l || q->r->conf->ignores_path)
        return 0;
    struct buf path = buf_in(q->arena, q->msg->bytes.n);
    for (; l; l = msg_next(q->msg, l)) {
        buf_add(&path, path.len ? STR(", ") : STR(""));
        buf_add(&path, l->value);
    }
    q->out->path = buf_str(&path);
    return path.has_overflown ? ERR_NOMEM : 0;
}

static int64_t read_expires(const struct msg *m)
{
    uint32_t s;
    struct str value = msg_value(m, HDR_EXPIRES);
    if (str_is_none(value) || contact_expires(value, &s))
        return CONTACT_NO_EXPIRES;
    return s;
}

/* 0: the outcome's fields are set; else a status. */
static unsigned read_register(struct request *q)
{
    struct registrar_outcome *o = q->out;
    struct buf aor = buf_in(q->arena, AOR_MAX);
    o->call_id = q->msg->call_id;
    o->cseq = q->msg->cseq;
    o->expires_s = read_expires(q->msg);
    if (uri_parse(q->msg->to.uri, &q->to) || uri_to_aor(&q->to, true, &aor) != URI_OK)
        return 400;
    o->aor = buf_str(&aor);
    const char *at = memrchr(aor.p, '@', aor.len);
    q->user = str_span(aor.p, at ? at : aor.p + aor.len);
    int err = read_contacts(q);
    if (!err)
        err = read_path(q);
    return err == ERR_PARSE ? 400 : err ? 500 : 0;
}

/* ---------------------------------------------------------------- the verdict */

static unsigned refused(const struct request *q)
{
    const struct registrar_conf *conf = q->r->conf;
    for (size_t i = 0; i < conf->n_refusals; i++) {
        const struct registrar_refusal *row = &conf->refusals[i];
        if (!*row->user || str_eq(str_of(row->user), q->user))
            return row->status;
    }
    return 0;
}

static unsigned decide(struct request *q)
{
    const struct registrar_conf *conf = q->r->conf;
    unsigned status = read_register(q);
    if (status)
        return status;
    status = refused(q);
    if (status)
        return status;
    if (conf->domain && !uri_is_same_host(str_of(conf->domain), q->to.host))
        return 404;
    if (must_challenge(conf)) {
        status = check_credentials(q);
        if (status != 200)
            return status;
    }
    const struct registrar_outcome *o = q->out;
    const struct location_request request = {
        .aor = o->aor,
        .call_id = o->call_id,
        .cseq = o->cseq,
        .contacts = o->contacts,
        .n_contacts = o->n_contacts,
        .expires_s = o->expires_s,
        .path = o->path,
    };
    return location_register(q->r->location, &request, q->r->now_ms);
}

static void add_line(struct buf *out, struct str name, struct str value)
{
    if (str_is_none(value))
        return;
    buf_add(out, name);
    buf_add(out, value);
    buf_add(out, STR("\r\n"));
}

static void add_granted(struct request *q)
{
    const char *service_route = q->r->conf->service_route;
    location_print(q->r->location, q->out->aor, q->r->now_ms, &q->headers);
    add_line(&q->headers, STR("Path: "), q->out->path);
    if (service_route)
        buf_addf(&q->headers, "Service-Route: <%s>\r\n", service_route);
}

static void add_answer_headers(struct request *q)
{
    const struct registrar_conf *conf = q->r->conf;
    switch (q->out->status) {
    case 200:
        add_granted(q);
        break;
    case 401:
        add_challenges(q);
        break;
    case 423:
        buf_addf(&q->headers, "Min-Expires: %u\r\n", conf->location.min_expires_s);
        break;
    default:
        if (conf->retry_after_s && q->out->status >= 400)
            buf_addf(&q->headers, "Retry-After: %u\r\n", conf->retry_after_s);
        break;
    }
}

static void count(struct registrar_stats *s, unsigned status)
{
    s->registers++;
    if (status == 200)
        s->ok++;
    else if (status == 401)
        s->challenges++;
    else
        s->refusals++;
}

static void on_register(struct request *q)
{
    q->out->is_register = true;
    q->out->status = decide(q);
    add_answer_headers(q);
    count(&q->r->stats, q->out->status);
}

static void on_other(struct request *q)
{
    const bool is_options = q->msg->method == METHOD_OPTIONS;
    q->out->status = is_options ? 200 : 405;
    q->r->stats.other++;
    buf_add(&q->headers, STR("Allow: REGISTER, OPTIONS\r\n"));
}

/* ---------------------------------------------------------------- answering */

/* A stateless server's tag: the same for a retransmission (RFC 3261 8.2.7). */
static struct str print_tag(const struct request *q, char text[16])
{
    const uint64_t tag = hash_str(&q->r->tag_key, q->msg->call_id);
    struct buf out = buf_over(text, 16);
    buf_add_hex(&out, &tag, sizeof tag);
    return buf_str(&out);
}

static int refuse_malformed(struct arena *a, struct str bytes, const struct addr *source,
                            const struct msg_fault *fault, struct registrar_outcome *out)
{
    struct peek peek;
    const struct build_reply reply = {
        .status = fault->status, .reason = str_of(fault->text), .to_tag = STR("malformed")};
    if (peek_parse(bytes, &peek) || !peek.is_request)
        return ERR_ABSENT;
    out->status = fault->status;
    out->is_register = peek.method == METHOD_REGISTER;
    out->call_id = peek.call_id;
    return build_refusal(a, &peek, source, &reply, &out->reply);
}

int registrar_answer(struct registrar *r, struct arena *a, struct str bytes,
                     const struct addr *source, struct registrar_outcome *out)
{
    struct msg_fault fault;
    struct msg *msg = NULL;
    *out = (struct registrar_outcome){.expires_s = CONTACT_NO_EXPIRES};
    int err = msg_index(a, bytes, &msg_limits_default, &msg, &fault);
    if (err == ERR_PARSE || err == ERR_TOOBIG) {
        r->stats.requests++;
        return refuse_malformed(a, bytes, source, &fault, out);
    }
    if (err)
        return err;
    if (!msg->is_request || msg->method == METHOD_ACK)
        return ERR_ABSENT;
    r->stats.requests++;
    struct request q = {.r = r, .arena = a, .msg = msg, .out = out};
    q.headers = buf_in(a, HEADERS_MAX);
    if (msg->method == METHOD_REGISTER)
        on_register(&q);
    else
        on_other(&q);
    char tag[16];
    const struct build_reply reply = {
        .status = out->status, .to_tag = print_tag(&q, tag), .headers = buf_str(&q.headers)};
    if (q.headers.has_overflown)
        return ERR_NOMEM;
    return build_response(a, msg, source, &reply, &out->reply);
}

void registrar_advance(struct registrar *r, uint64_t now_ms)
{
    r->now_ms = now_ms;
    location_advance(r->location, now_ms);
}

struct location *registrar_location(struct registrar *r)
{
    return r->location;
}

const struct registrar_stats *registrar_stats(const struct registrar *r)
{
    return &r->stats;
}
