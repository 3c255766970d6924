#include "service/auth.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "conf/credentials.h"
#include "net/namebook.h"
#include "service/alarm.h"
#include "service/guard.h"
#include "service/nonce.h"
#include "service/source.h"
#include "service/txn.h"
#include "sip/digest_answer.h"
#include "sip/uri.h"

/* Of a challenge beside its realm; so many header lines of credentials are looked at. */
enum { CHALLENGE_MAX = 320, LINES_LOOKED_AT = 8, OPAQUE_LEN = 16 };

struct auth {
    struct digest_answer *digest;
    struct seal *seal;
    struct nonce_mint *nonces;
    struct hash_key draw_key; /* follows from the key, so that it outlives a restart */
};

int auth_new(const struct token_key *nonce_key, struct auth **out)
{
    uint8_t bytes[TOKEN_MAC_LEN];
    struct auth *a = calloc(1, sizeof *a);
    if (!a)
        return ERR_NOMEM;
    int err = digest_answer_new(&a->digest);
    if (!err)
        err = seal_new(nonce_key, &a->seal);
    if (!err)
        err = nonce_new(a->seal, &a->nonces);
    if (!err && !seal_make(a->seal, &STR("draw"), 1, bytes))
        err = ERR_NOMEM;
    if (err) {
        auth_free(a);
        return err;
    }
    memcpy(&a->draw_key, bytes, sizeof a->draw_key);
    *out = a;
    return 0;
}

void auth_free(struct auth *a)
{
    if (!a)
        return;
    nonce_free(a->nonces);
    seal_free(a->seal);
    digest_answer_free(a->digest);
    free(a);
}

/* ---------------------------------------------------------------- users and lines */

static struct str user_of(struct str aor)
{
    const char *at = aor.p + aor.n;
    while (at > aor.p && at[-1] != '@')
        at--;
    return at > aor.p ? str_span(aor.p, at - 1) : aor;
}

/* The user part of an AoR as people write it: it may have escapes. */
static struct str plain_user(struct context *c, struct str aor)
{
    struct str user = user_of(aor);
    struct buf out = buf_in(&c->scratch, user.n);
    for (size_t i = 0; i < user.n; i++) {
        bool is_escape = user.p[i] == '%' && i + 2 < user.n;
        int high = is_escape ? ascii_hex(user.p[i + 1]) : -1;
        int low = is_escape ? ascii_hex(user.p[i + 2]) : -1;
        bool is_one = high >= 0 && low >= 0;
        buf_add_char(&out, is_one ? (char)(high * 16 + low) : user.p[i]);
        i += is_one ? 2 : 0;
    }
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static struct str at_domain(struct context *c, struct str user, const struct conf_domain *d)
{
    struct buf out = buf_in(&c->scratch, user.n + 1 + d->name.n);
    buf_add(&out, user);
    buf_add_char(&out, '@');
    buf_add(&out, d->name);
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

static bool is_same_user(const struct conf_domain *d, struct str a, struct str b)
{
    return d->is_case_sensitive ? str_eq(a, b) : str_ieq(a, b);
}

/* The user is the line's own: its user part, alone or with a name of the domain behind it. */
static bool is_own_line(struct context *c, const struct conf_domain *d, struct str user,
                        struct str aor)
{
    struct str own = plain_user(c, aor);
    if (str_is_none(own) || user.n < own.n || !is_same_user(d, (struct str){user.p, own.n}, own))
        return false;
    return user.n == own.n ||
           (user.p[own.n] == '@' && conf_domain_find(c->conf, str_skip(user, own.n + 1)) == d);
}

/* ---------------------------------------------------------------- one answer */

/* An answer to a challenge, on its way through the checks. */
struct answer {
    struct context *c;
    const struct packet *packet;
    const struct msg *msg;
    const struct auth_claim *claim;
    struct digest_credentials given;
    enum digest_algorithm algorithm;
    uint32_t nonce;
    struct str user; /* who it says that he is */
};

/* What is in the way of an answer. */
enum objection {
    NO_OBJECTION,
    ABSENT, /* these two are nobody's fault */
    OLD_NONCE,
    WRONG_REALM,
    MALFORMED,
    FOREIGN_NONCE,
    WRONG_URI,
    BANNED,
    UNKNOWN_USER,
    WRONG_PASSWORD,
    REPLAYED
};

typedef enum objection check_fn(struct answer *a);

static bool has_form(const struct digest_credentials *g, const struct conf_domain *d)
{
    if (str_is_none(g->qop))
        return d->is_no_qop_allowed;
    return g->nonce_count && g->cnonce.n &&
           (str_ieq(g->qop, STR("auth")) || str_ieq(g->qop, STR("auth-int")));
}

static struct str print_opaque(const struct auth *auth, struct str realm, char out[OPAQUE_LEN])
{
    uint64_t hash = hash_str(&auth->draw_key, realm);
    struct buf b = buf_over(out, OPAQUE_LEN);
    buf_add_hex(&b, &hash, sizeof hash);
    return buf_str(&b);
}

/* Some devices do not return opaque; what they return is ours. */
static enum objection check_form(struct answer *a)
{
    const struct conf_domain *d = a->claim->domain;
    char text[OPAQUE_LEN];
    bool is_ours = str_is_none(a->given.opaque) ||
                   str_eq(a->given.opaque, print_opaque(a->c->auth, d->realm, text));
    bool is_offered = digest_answer_algorithm(a->given.algorithm, &a->algorithm) &&
                      (d->algorithms >> a->algorithm & 1);
    return is_ours && is_offered && has_form(&a->given, d) ? NO_OBJECTION : MALFORMED;
}

/* What the hash was made for is what is asked for: who changes the number on its way must not get
 * by with that. Devices write ports and parameters as they like, and some name only the server that
 * they ask. */
static enum objection check_uri(struct answer *a)
{
    struct uri asked, said;
    if (str_eq(a->msg->uri, a->given.uri))
        return NO_OBJECTION;
    if (uri_parse(a->given.uri, &said) || uri_parse(a->msg->uri, &asked))
        return WRONG_URI;
    bool is_same = str_eq(asked.user, said.user) && uri_is_same_host(asked.host, said.host);
    return str_is_none(said.user) || is_same ? NO_OBJECTION : WRONG_URI;
}

static struct nonce_scope scope_of(struct context *c, const struct packet *p,
                                   const struct auth_claim *claim)
{
    uint64_t key = source_key(&p->flow.peer);
    return (struct nonce_scope){claim->domain->realm,
                                (uint32_t)hash_bytes(&c->auth->draw_key, &key, sizeof key)};
}

static enum objection check_nonce(struct answer *a)
{
    const struct nonce_scope scope = scope_of(a->c, a->packet, a->claim);
    switch (nonce_parse(a->c->auth->nonces, a->given.nonce, &scope, sys_service_s(), &a->nonce)) {
    case NONCE_YOUNG:
        return NO_OBJECTION;
    case NONCE_OLD:
        return OLD_NONCE;
    default:
        return FOREIGN_NONCE;
    }
}

static bool is_userhash_of(struct answer *a, struct str user)
{
    const struct digest_account account = {.user = user, .realm = a->claim->domain->realm};
    struct digest_hex want;
    return digest_answer_userhash(a->c->auth->digest, a->algorithm, &account, &want) == 0 &&
           digest_answer_is_equal(&want, a->given.username);
}

/* RFC 7616 3.4.4. The hash is looked for among those who may be meant; others stay nameless. */
static enum objection find_user(struct answer *a)
{
    a->user = a->given.username;
    for (size_t i = 0; a->given.has_userhash && i < a->claim->n_lines; i++) {
        struct str own = plain_user(a->c, a->claim->lines[i]);
        struct str full = at_domain(a->c, own, a->claim->domain);
        if (is_userhash_of(a, own))
            a->user = own;
        else if (is_userhash_of(a, full))
            a->user = full;
    }
    return NO_OBJECTION;
}

/* A ban spares what is registered, for its own line: nobody guesses at others' passwords by that.
 */
static enum objection check_ban(struct answer *a)
{
    const struct auth_claim *claim = a->claim;
    bool is_own = !str_is_none(claim->own) && is_own_line(a->c, claim->domain, a->user, claim->own);
    return is_own || !guard_is_banned(a->c, a->packet) ? NO_OBJECTION : BANNED;
}

/* An H(A1) that nobody can know, for a user that there is not. It is made for every user. */
static bool make_dummy(struct answer *a, struct credentials_ha1 *out)
{
    uint8_t mac[TOKEN_MAC_LEN];
    const struct str parts[] = {STR("ha1"), a->user, a->claim->domain->realm};
    bool is_made = seal_make(a->c->auth->seal, parts, 3, mac);
    memcpy(out->bytes, mac, sizeof out->bytes);
    out->n = a->algorithm == DIGEST_MD5 ? 16 : 32;
    return is_made;
}

static enum objection check_response(struct answer *a)
{
    const struct conf_domain *d = a->claim->domain;
    struct credentials_ha1 ha1;
    char text[DIGEST_HEX_MAX];
    struct digest_hex want;
    if (!make_dummy(a, &ha1))
        return WRONG_PASSWORD;
    bool is_known = credentials_find(d->credentials, a->user, d->realm, a->algorithm, &ha1);
    struct buf hex = buf_over(text, sizeof text);
    buf_add_hex(&hex, ha1.bytes, ha1.n);
    const struct digest_secret secret = {a->algorithm, buf_str(&hex)};
    const struct digest_request request = {a->msg->method_name, a->msg->body};
    bool is_right =
        digest_answer_response(a->c->auth->digest, &secret, &request, &a->given, &want) == 0 &&
        digest_answer_is_equal(&want, a->given.response);
    explicit_bzero(&ha1, sizeof ha1);
    explicit_bzero(text, sizeof text);
    if (is_right && is_known)
        return NO_OBJECTION;
    return is_known ? WRONG_PASSWORD : UNKNOWN_USER;
}

/* All that makes it this very request from this very source. */
static uint64_t request_mark(const struct answer *a)
{
    const struct hash_key *key = &a->c->loop_key;
    const struct msg *m = a->msg;
    const uint64_t parts[] = {
        hash_str(key, m->method_name),
        hash_str(key, m->call_id),
        m->cseq,
        hash_str(key, m->via.branch),
        hash_str(key, a->given.response),
        hash_bytes(key, a->packet->flow.peer.ip, sizeof a->packet->flow.peer.ip),
        a->packet->flow.peer.port};
    return hash_bytes(key, parts, sizeof parts);
}

/* A REGISTER may be answered without state, and again. All else has a transaction, which takes what
 * is repeated, so it comes here twice only where a call that is under way looks its line up once
 * more; when the call is over, the same bytes would begin another one. */
static bool may_repeat(const struct answer *a)
{
    return a->msg->method == METHOD_REGISTER ||
           (a->msg->method == METHOD_INVITE &&
            txn_server_of_cancel(a->c->txns, a->msg, &a->packet->flow.peer));
}

static enum objection take_nonce(struct answer *a)
{
    const struct nonce_use use = {
        .number = a->nonce,
        .count = str_is_none(a->given.qop) ? 0 : a->given.nonce_count,
        .request = request_mark(a),
        .may_repeat = may_repeat(a),
    };
    switch (nonce_take(a->c->auth->nonces, &use)) {
    case NONCE_TAKEN:
        return NO_OBJECTION;
    case NONCE_USED_UP:
        return OLD_NONCE;
    default:
        return REPLAYED;
    }
}

/* In this order: what costs no hash comes first, and a nonce is used by a right answer only. */
static check_fn *const checks[] = {check_form, check_uri,      check_nonce, find_user,
                                   check_ban,  check_response, take_nonce};

/* ---------------------------------------------------------------- a request */

/* The credentials for our realm, or why there are none. */
static enum objection find_answer(struct answer *a)
{
    enum hdr_id id = a->claim->is_proxy ? HDR_PROXY_AUTHORIZATION : HDR_AUTHORIZATION;
    enum objection why = ABSENT;
    int n = 0;
    for (const struct msg_line *l = msg_first(a->msg, id); l && n < LINES_LOOKED_AT;
         l = msg_next(a->msg, l), n++) {
        int err = digest_parse_credentials(&a->c->scratch, l->value, &a->given);
        if (err == 0 && str_eq(a->given.realm, a->claim->domain->realm))
            return NO_OBJECTION;
        if (err != ERR_ABSENT && why != MALFORMED)
            why = err ? MALFORMED : WRONG_REALM;
    }
    return why;
}

static enum auth_verdict judge_user(const struct answer *a, struct auth_result *out)
{
    const struct auth_claim *claim = a->claim;
    out->user = a->user;
    for (; out->line < claim->n_lines; out->line++)
        if (is_own_line(a->c, claim->domain, a->user, claim->lines[out->line]))
            return AUTH_PROVEN;
    return claim->n_lines ? AUTH_OTHER_USER : AUTH_PROVEN;
}

static enum auth_verdict verdict_of(enum objection why)
{
    if (why == BANNED)
        return AUTH_BANNED;
    return why == ABSENT || why == OLD_NONCE ? AUTH_UNPROVEN : AUTH_DISPROVEN;
}

static void count(enum objection why, enum auth_verdict verdict)
{
    static const enum stats_id failures[] = {
        [WRONG_REALM] = STAT_AUTH_WRONG_REALM,     [MALFORMED] = STAT_AUTH_MALFORMED,
        [FOREIGN_NONCE] = STAT_AUTH_FOREIGN_NONCE, [WRONG_URI] = STAT_AUTH_WRONG_URI,
        [UNKNOWN_USER] = STAT_AUTH_UNKNOWN_USER,   [WRONG_PASSWORD] = STAT_AUTH_WRONG_PASSWORD,
        [REPLAYED] = STAT_AUTH_REPLAYED,           [BANNED] = STAT_AUTH_BANNED,
    };
    if (verdict == AUTH_PROVEN)
        stats_inc(STAT_AUTH_OK);
    else if (verdict == AUTH_OTHER_USER)
        stats_inc(STAT_AUTH_OTHER_USER);
    else if (verdict == AUTH_DISPROVEN || verdict == AUTH_BANNED)
        stats_inc(failures[why]);
}

/* Whom a failure is of: the user that is guessed at, in whatever line's name. */
static struct str failed_line(const struct answer *a, bool is_guess)
{
    if (is_guess && !str_is_none(a->user) && !a->given.has_userhash)
        return str_find(a->user, '@') ? a->user : at_domain(a->c, a->user, a->claim->domain);
    return a->claim->n_lines ? a->claim->lines[0] : STR("");
}

/* A guess, or somebody else's line. What only came too late or twice may be a bad network's doing.
 * A success forgives the line that it has proven, whatever others the request has named. */
static void tell_guard(const struct answer *a, enum objection why, const struct auth_result *result)
{
    const bool is_guess = why == UNKNOWN_USER || why == WRONG_PASSWORD;
    struct guard_case what = {
        .flow = &a->packet->flow,
        .request = a->msg,
        .aor = failed_line(a, is_guess),
        .status = a->claim->is_proxy ? 407 : 401,
    };
    if (result->verdict == AUTH_PROVEN) {
        bool has_line = result->line < a->claim->n_lines;
        what.aor = has_line ? a->claim->lines[result->line] : STR_NONE;
        guard_on_success(a->c, &what);
    }
    what.status = result->verdict == AUTH_OTHER_USER ? 403 : what.status;
    if (result->verdict == AUTH_OTHER_USER || is_guess)
        guard_on_failure(a->c, &what);
}

/* RFC 5922: the certificate of the connection names one of the lines; nothing needs to be asked. */
static bool is_certified(struct context *c, const struct packet *p, const struct auth_claim *claim,
                         struct auth_result *out)
{
    *out = (struct auth_result){.verdict = AUTH_PROVEN};
    for (; out->line < claim->n_lines; out->line++)
        if (namebook_has(c->names, flow_id(&p->flow), claim->lines[out->line])) {
            out->user = user_of(claim->lines[out->line]);
            stats_inc(STAT_AUTH_CERTIFICATE);
            return true;
        }
    return false;
}

enum auth_verdict auth_check(struct context *c, const struct packet *p, const struct msg *m,
                             const struct auth_claim *claim, struct auth_result *out)
{
    struct answer a = {.c = c, .packet = p, .msg = m, .claim = claim};
    if (is_certified(c, p, claim, out))
        return out->verdict;
    enum objection why = find_answer(&a);
    for (size_t i = 0; why == NO_OBJECTION && i < sizeof checks / sizeof *checks; i++)
        why = checks[i](&a);
    *out = (struct auth_result){.is_stale = why == OLD_NONCE};
    out->verdict = why == NO_OBJECTION ? judge_user(&a, out) : verdict_of(why);
    count(why, out->verdict);
    tell_guard(&a, why, out);
    return out->verdict;
}

/* ---------------------------------------------------------------- challenges */

/* The algorithms of a line's user, under either form of the name; of one that there is not, those
 * that he could have; those of everybody, where nobody has been named. */
static unsigned algorithms_of(struct context *c, const struct auth_claim *claim)
{
    const struct conf_domain *d = claim->domain;
    if (claim->n_lines == 0)
        return credentials_common(d->credentials, d->realm);
    struct str user = plain_user(c, claim->lines[0]);
    unsigned set = credentials_set(d->credentials, user, d->realm);
    if (!set)
        set = credentials_set(d->credentials, at_domain(c, user, d), d->realm);
    uint64_t draw = hash_str(&c->auth->draw_key, user);
    return set ? set : credentials_draw(d->credentials, d->realm, draw);
}

/* What the domain takes and the user has; all that the domain takes, where that is nothing. */
static unsigned offer(struct context *c, const struct auth_claim *claim)
{
    unsigned set = algorithms_of(c, claim) & claim->domain->algorithms;
    return set ? set : claim->domain->algorithms;
}

struct challenge {
    struct str header, realm, nonce, opaque;
    bool is_stale;
};

/* Old devices know MD5 only, and get it in the form that they know. */
static void print_challenge(const struct challenge *ch, enum digest_algorithm algorithm,
                            struct buf *out)
{
    buf_add(out, ch->header);
    buf_add(out, STR(": Digest realm=\""));
    buf_add(out, ch->realm);
    buf_add(out, STR("\", nonce=\""));
    buf_add(out, ch->nonce);
    buf_add(out, STR("\", opaque=\""));
    buf_add(out, ch->opaque);
    buf_add(out, STR("\", algorithm="));
    buf_add(out, digest_answer_algorithm_name(algorithm));
    buf_add(out, STR(", qop=\"auth,auth-int\""));
    if (algorithm != DIGEST_MD5)
        buf_add(out, STR(", userhash=true"));
    if (ch->is_stale)
        buf_add(out, STR(", stale=true"));
    buf_add(out, STR("\r\n"));
}

static void count_challenge(const struct auth_result *r)
{
    if (r->verdict == AUTH_DISPROVEN)
        stats_inc(STAT_CHALLENGE_BAD);
    else
        stats_inc(r->is_stale ? STAT_CHALLENGE_STALE : STAT_CHALLENGE_NONE);
}

struct build_reply auth_challenge(struct context *c, const struct packet *p,
                                  const struct auth_claim *claim, const struct auth_result *result)
{
    char nonce[NONCE_LEN], opaque[OPAQUE_LEN];
    struct str realm = claim->domain->realm;
    const struct nonce_scope scope = scope_of(c, p, claim);
    struct buf out = buf_in(&c->scratch, DIGEST_ALGORITHM_MAX * (realm.n + (size_t)CHALLENGE_MAX));
    const struct challenge ch = {
        .header = hdr_name(claim->is_proxy ? HDR_PROXY_AUTHENTICATE : HDR_WWW_AUTHENTICATE),
        .realm = realm,
        .nonce = nonce_print(c->auth->nonces, &scope, sys_service_s(), nonce),
        .opaque = print_opaque(c->auth, realm, opaque),
        .is_stale = result->is_stale,
    };
    unsigned set = offer(c, claim);
    for (int i = DIGEST_ALGORITHM_MAX - 1; i >= 0; i--)
        if (set >> i & 1)
            print_challenge(&ch, (enum digest_algorithm)i, &out);
    count_challenge(result);
    if (out.has_overflown)
        return (struct build_reply){.status = 503};
    return (struct build_reply){.status = claim->is_proxy ? 407 : 401, .headers = buf_str(&out)};
}

/* ---------------------------------------------------------------- others' */

static bool is_of_ours(struct context *c, struct str value)
{
    struct digest_credentials given;
    uint32_t ignored;
    return digest_parse_credentials(&c->scratch, value, &given) == 0 &&
           nonce_parse(c->auth->nonces, given.nonce, &(struct nonce_scope){given.realm, 0},
                       sys_service_s(), &ignored) != NONCE_FOREIGN;
}

static void strip(struct context *c, struct build *b, enum hdr_id id)
{
    for (const struct msg_line *l = msg_first(b->msg, id); l; l = msg_next(b->msg, l))
        if (is_of_ours(c, l->value))
            build_remove(b, l);
}

void auth_strip(struct context *c, struct build *b)
{
    if (c->conf->n_credentials == 0)
        return;
    strip(c, b, HDR_AUTHORIZATION);
    strip(c, b, HDR_PROXY_AUTHORIZATION);
}

static bool is_realm_in(struct context *c, const struct msg *m, enum hdr_id id, struct str realm)
{
    struct digest_challenge ch;
    int n = 0;
    for (const struct msg_line *l = msg_first(m, id); l && n < LINES_LOOKED_AT;
         l = msg_next(m, l), n++)
        if (digest_parse_challenge(&c->scratch, l->value, &ch) == 0 && str_eq(ch.realm, realm))
            return true;
    return false;
}

/* Domains that share a realm share who may answer for it; the first one tells the upstream. */
static const struct conf_domain *domain_of_realm(const struct conf *conf, struct str realm)
{
    for (size_t i = 0; i < conf->n_domains; i++)
        if (conf->domains[i].absorb.authentication == AUTH_LOCAL &&
            str_eq(conf->domains[i].realm, realm))
            return &conf->domains[i];
    return NULL;
}

bool auth_is_for_us(struct context *c, const struct msg *response, struct str realm)
{
    if (str_is_none(realm) || (response->status != 401 && response->status != 407) ||
        !(is_realm_in(c, response, HDR_WWW_AUTHENTICATE, realm) ||
          is_realm_in(c, response, HDR_PROXY_AUTHENTICATE, realm)))
        return false;
    const struct conf_domain *d = domain_of_realm(c->conf, realm);
    if (d)
        (void)alarm_raise(c->alarms, ALARM_CHALLENGES_US, d->upstream->name, sys_service_s());
    return true;
}
