#include "sip/demand.h"

#include <openssl/crypto.h>

#include "base/arena.h"
#include "base/err.h"
#include "sip/param.h"

/* ---------------------------------------------------------------- reading */

static bool offers(struct str qop, struct str wanted)
{
    struct str option;
    while (param_split(&qop, &option))
        if (str_ieq(str_trim(option), wanted))
            return true;
    return false;
}

/* auth-int is taken where nothing else is offered: what changes a body on its way breaks it. */
static struct str choose_qop(struct str offered)
{
    static const struct str known[] = {{"auth", 4}, {"auth-int", 8}};
    for (size_t i = 0; i < 2; i++)
        if (offers(offered, known[i]))
            return known[i];
    return STR_NONE;
}

/* "MD5-sess" and its like are the algorithm of that name with another H(A1). */
static struct str plain_name(struct str name, bool *is_session)
{
    static const struct str suffix = {"-sess", 5};
    *is_session = name.n > suffix.n && str_ieq(str_skip(name, name.n - suffix.n), suffix);
    return *is_session ? (struct str){name.p, name.n - suffix.n} : name;
}

static bool parse(struct arena *a, struct str value, struct demand *out)
{
    if (digest_parse_challenge(a, value, &out->digest))
        return false;
    struct str qop = out->digest.qop;
    struct str name = plain_name(out->digest.algorithm, &out->is_session);
    out->qop = choose_qop(qop);
    bool has_qop = out->qop.n > 0, is_qop_good = has_qop || str_is_none(qop) || qop.n == 0;
    /* without a cnonce, which comes with qop, there is no session */
    return is_qop_good && (has_qop || !out->is_session) &&
           digest_answer_algorithm(name, &out->algorithm);
}

static size_t read_lines(struct arena *a, const struct msg *m, bool is_proxy,
                         struct demand out[DEMAND_MAX], size_t n)
{
    const enum hdr_id id = is_proxy ? HDR_PROXY_AUTHENTICATE : HDR_WWW_AUTHENTICATE;
    for (const struct msg_line *l = msg_first(m, id); l && n < DEMAND_MAX; l = msg_next(m, l)) {
        out[n] = (struct demand){.is_proxy = is_proxy};
        n += parse(a, l->value, &out[n]);
    }
    return n;
}

size_t demand_read(struct arena *a, const struct msg *m, struct demand out[DEMAND_MAX])
{
    size_t n = read_lines(a, m, false, out, 0);
    return read_lines(a, m, true, out, n);
}

struct str demand_next_nonce(struct arena *a, const struct msg *m, bool is_proxy)
{
    const struct msg_line *l = is_proxy ? msg_find(m, STR("Proxy-Authentication-Info"))
                                        : msg_first(m, HDR_AUTHENTICATION_INFO);
    struct str rest = l ? l->value : STR_NONE, element;
    while (l && param_split(&rest, &element)) {
        const char *equals = str_find(element, '=');
        if (!equals || !str_ieq(str_trim(str_span(element.p, equals)), STR("nextnonce")))
            continue;
        struct str nonce = param_unquote(a, str_trim(str_span(equals + 1, str_end(element))));
        return nonce.n && nonce.n <= DIGEST_VALUE_MAX ? nonce : STR_NONE;
    }
    return STR_NONE;
}

/* ---------------------------------------------------------------- answering */

static struct str hex_str(const struct digest_hex *h)
{
    return (struct str){h->text, h->n};
}

static int find_ha1(struct digest_answer *d, const struct demand *c,
                    const struct demand_account *account, struct digest_hex *out)
{
    const struct digest_account by_password = {account->user, c->digest.realm, account->password};
    if (str_is_none(account->ha1))
        return digest_answer_ha1(d, c->algorithm, &by_password, out);
    BUG_ON(account->ha1.n > sizeof out->text);
    memcpy(out->text, account->ha1.p, account->ha1.n);
    out->n = account->ha1.n;
    return 0;
}

/* H(A1) of the account, or of its session. */
static int find_secret(struct digest_answer *d, const struct demand *c,
                       const struct demand_account *account,
                       const struct digest_credentials *answer, struct digest_hex *out)
{
    struct digest_hex ha1 = {.n = 0};
    int err = find_ha1(d, c, account, &ha1);
    const struct digest_secret secret = {c->algorithm, hex_str(&ha1)};
    if (!err && c->is_session)
        err = digest_answer_session(d, &secret, answer, out);
    else
        *out = ha1;
    OPENSSL_cleanse(&ha1, sizeof ha1);
    return err;
}

int demand_answer(struct digest_answer *d, const struct demand *c,
                  const struct demand_account *account, const struct demand_request *q,
                  struct buf *out)
{
    struct digest_hex ha1 = {.n = 0}, response;
    struct digest_credentials answer = {
        .username = account->user,
        .realm = c->digest.realm,
        .nonce = c->digest.nonce,
        .uri = q->uri,
        .algorithm = c->digest.algorithm,
        .opaque = c->digest.opaque,
        .qop = c->qop,
        .cnonce = q->cnonce,
        .nonce_count = q->count,
    };
    int err = find_secret(d, c, account, &answer, &ha1);
    const struct digest_secret secret = {c->algorithm, hex_str(&ha1)};
    const struct digest_request request = {.method = q->method, .body = q->body};
    if (!err)
        err = digest_answer_response(d, &secret, &request, &answer, &response);
    OPENSSL_cleanse(&ha1, sizeof ha1);
    if (err)
        return err;
    answer.response = hex_str(&response);
    digest_answer_print(&answer, out);
    return 0;
}
