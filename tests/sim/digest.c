#include "digest.h"

#include <openssl/evp.h>

#include "base/buf.h"
#include "text.h"

enum { HEX_MAX = 64, VALUE_MAX = 4096 };

/* What the words of auth= say; none: as a phone does it. */
struct answer {
    struct str password, algorithm, qop, count, user, uri, realm, nonce, cnonce, opaque, of, copy,
        userhash;
};

static const struct {
    struct str key;
    size_t offset;
} keys[] = {
    {{"alg", 3}, offsetof(struct answer, algorithm)},
    {{"qop", 3}, offsetof(struct answer, qop)},
    {{"nc", 2}, offsetof(struct answer, count)},
    {{"user", 4}, offsetof(struct answer, user)},
    {{"uri", 3}, offsetof(struct answer, uri)},
    {{"realm", 5}, offsetof(struct answer, realm)},
    {{"nonce", 5}, offsetof(struct answer, nonce)},
    {{"cnonce", 6}, offsetof(struct answer, cnonce)},
    {{"opaque", 6}, offsetof(struct answer, opaque)},
    {{"of", 2}, offsetof(struct answer, of)},
    {{"copy", 4}, offsetof(struct answer, copy)},
    {{"userhash", 8}, offsetof(struct answer, userhash)},
};

static const struct str algorithms[] = {{"MD5", 3}, {"SHA-256", 7}, {"SHA-512-256", 11}};

/* ---------------------------------------------------------------- hashes */

static const EVP_MD *kind_of(struct str algorithm)
{
    if (str_eq(algorithm, STR("SHA-256")))
        return EVP_sha256();
    return str_eq(algorithm, STR("SHA-512-256")) ? EVP_sha512_256() : EVP_md5();
}

/* Of the parts with colons between them. */
static struct str hash(struct run *r, struct str algorithm, const struct str *parts, size_t n)
{
    struct buf text = buf_in(&r->arena, 65536), out = buf_in(&r->arena, HEX_MAX);
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    for (size_t i = 0; i < n; i++) {
        buf_add(&text, i ? STR(":") : STR(""));
        buf_add(&text, parts[i]);
    }
    if (EVP_Digest(text.p, text.len, raw, &len, kind_of(algorithm), NULL) != 1)
        run_fail(r, "the library has no %.*s", STR_FMT(algorithm));
    buf_add_hex(&out, raw, len);
    return buf_str(&out);
}

#define HASH(r, algorithm, ...)                                                                    \
    hash(r, algorithm, (const struct str[]){__VA_ARGS__},                                          \
         sizeof((const struct str[]){__VA_ARGS__}) / sizeof(struct str))

/* ---------------------------------------------------------------- challenges */

/* The value of "name=…" in a challenge, without quotes. */
static struct str param(struct str challenge, struct str name)
{
    for (size_t i = 0; i + name.n < challenge.n; i++) {
        struct str here = str_skip(challenge, i);
        bool is_begin = i && (challenge.p[i - 1] == ' ' || challenge.p[i - 1] == ',');
        if (!is_begin || !str_has_prefix(here, name) || here.p[name.n] != '=')
            continue;
        here = str_skip(here, name.n + 1);
        bool is_quoted = here.n && here.p[0] == '"';
        here = str_skip(here, is_quoted);
        size_t n = 0;
        while (n < here.n && here.p[n] != (is_quoted ? '"' : ',') && here.p[n] != '\r')
            n++;
        return (struct str){here.p, n};
    }
    return STR_NONE;
}

static struct str nth_challenge(struct str response, unsigned nth)
{
    bool is_proxy = text_status(response) == 407;
    return text_header(response, is_proxy ? STR("Proxy-Authenticate") : STR("WWW-Authenticate"),
                       nth);
}

struct str digest_offer(struct run *r, struct str response)
{
    struct buf out = buf_in(&r->arena, response.n);
    struct str value = nth_challenge(response, 0);
    for (unsigned i = 0; value.p; value = nth_challenge(response, ++i)) {
        buf_add(&out, out.len ? STR(" ") : STR(""));
        buf_add(&out, param(value, STR("algorithm")));
    }
    return buf_str(&out);
}

/* The one with the algorithm that the answer is to have, else the first. */
static struct str pick_challenge(struct run *r, const struct digest_ask *ask,
                                 const struct answer *a)
{
    const struct mail *m = a->of.p ? run_find_label(r, a->of) : ask->from->challenge;
    if (!m) {
        run_fail(r, "there is no challenge to answer: expect one, or name one with of=");
        return STR_NONE;
    }
    struct str first = nth_challenge(m->bytes, 0), value = first;
    for (unsigned i = 0; value.p; value = nth_challenge(m->bytes, ++i))
        if (!a->algorithm.p || str_eq(param(value, STR("algorithm")), a->algorithm))
            return value;
    return first;
}

/* ---------------------------------------------------------------- answers */

static void read_words(struct run *r, struct str words, struct answer *out)
{
    *out = (struct answer){.password = text_word(words, &words)};
    while (words.n) {
        struct str word = text_word(words, &words);
        const char *equals = str_find(word, '=');
        size_t i = 0;
        while (equals && i < sizeof keys / sizeof keys[0] &&
               !str_eq(keys[i].key, str_span(word.p, equals)))
            i++;
        if (!equals || i == sizeof keys / sizeof keys[0]) {
            run_fail(r, "auth= has no \"%.*s\"", STR_FMT(word));
            return;
        }
        struct str *field = (struct str *)(void *)((char *)out + keys[i].offset);
        *field = str_span(equals + 1, str_end(word));
    }
}

static struct str pick(struct str own, struct str fallback)
{
    return str_is_none(own) ? fallback : own;
}

/* A phone counts the requests that it has made with a nonce. */
static struct str next_count(struct run *r, struct peer *p, struct str nonce)
{
    struct buf out = buf_in(&r->arena, 12);
    if (!str_eq(p->nonce, nonce))
        p->nonce_count = 0;
    p->nonce = nonce;
    buf_addf(&out, "%08x", ++p->nonce_count);
    return buf_str(&out);
}

static struct str make_response(struct run *r, const struct digest_ask *ask, const struct answer *a)
{
    struct str alg = a->algorithm;
    struct str ha1 = HASH(r, alg, a->user, a->realm, a->password);
    struct str ha2 = HASH(r, alg, ask->method, a->uri);
    if (str_eq(a->qop, STR("auth-int")))
        ha2 = HASH(r, alg, ask->method, a->uri, HASH(r, alg, ask->body));
    if (str_eq(a->qop, STR("none")))
        return HASH(r, alg, ha1, a->nonce, ha2);
    return HASH(r, alg, ha1, a->nonce, a->count, a->cnonce, a->qop, ha2);
}

static void add(struct buf *out, const char *name, struct str value, bool is_quoted)
{
    if (str_is_none(value) || str_eq(value, STR("none")))
        return;
    buf_addf(out, is_quoted ? ", %s=\"%.*s\"" : ", %s=%.*s", name, STR_FMT(value));
}

static struct str print(struct run *r, const struct digest_ask *ask, const struct answer *a)
{
    struct buf out = buf_in(&r->arena, VALUE_MAX);
    bool is_hashed = str_eq(a->userhash, STR("yes"));
    struct str name = is_hashed ? HASH(r, a->algorithm, a->user, a->realm) : a->user;
    bool has_qop = !str_eq(a->qop, STR("none"));
    buf_addf(&out, "Digest username=\"%.*s\"", STR_FMT(name));
    add(&out, "realm", a->realm, true);
    add(&out, "nonce", a->nonce, true);
    add(&out, "uri", a->uri, true);
    add(&out, "response", make_response(r, ask, a), true);
    add(&out, "algorithm", a->algorithm, false);
    add(&out, "opaque", a->opaque, true);
    add(&out, "qop", a->qop, false);
    add(&out, "nc", has_qop ? a->count : STR_NONE, false);
    add(&out, "cnonce", has_qop ? a->cnonce : STR_NONE, true);
    add(&out, "userhash", is_hashed ? STR("true") : STR_NONE, false);
    return buf_str(&out);
}

/* The same bytes that another message had. */
static struct str copy(struct run *r, struct str label)
{
    const struct mail *m = run_find_label(r, label);
    if (!m)
        return STR_NONE;
    return pick(text_header(m->bytes, STR("Authorization"), 0),
                text_header(m->bytes, STR("Proxy-Authorization"), 0));
}

struct str digest_respond(struct run *r, const struct digest_ask *ask)
{
    struct answer a;
    read_words(r, ask->words, &a);
    if (a.copy.p)
        return copy(r, a.copy);
    struct str challenge = pick_challenge(r, ask, &a);
    if (r->has_failed)
        return STR_NONE;
    a.algorithm = pick(a.algorithm, param(challenge, STR("algorithm")));
    a.realm = pick(a.realm, param(challenge, STR("realm")));
    a.nonce = pick(a.nonce, param(challenge, STR("nonce")));
    a.opaque = pick(a.opaque, param(challenge, STR("opaque")));
    a.user = pick(a.user, ask->user);
    a.uri = pick(a.uri, ask->uri);
    a.qop = pick(a.qop, STR("auth"));
    a.cnonce = pick(a.cnonce, STR("c0ffee"));
    a.count = pick(a.count, next_count(r, ask->from, a.nonce));
    return print(r, ask, &a);
}

/* ---------------------------------------------------------------- the credentials file */

static void add_line(struct run *r, struct str line, struct str algorithm, struct buf *out)
{
    struct str user = text_word(line, &line), realm = text_word(line, &line);
    struct str password = text_word(line, &line);
    struct str ha1 = HASH(r, algorithm, user, realm, password);
    buf_addf(out, "%.*s:%.*s:%.*s:%.*s\n", STR_FMT(user), STR_FMT(realm), STR_FMT(ha1),
             STR_FMT(algorithm));
}

static bool has_word(struct str line, struct str word)
{
    while (line.n)
        if (str_eq(text_word(line, &line), word))
            return true;
    return false;
}

static void add_lines(struct run *r, struct str line, struct buf *out)
{
    struct str rest = line;
    for (int i = 0; i < 3; i++)
        (void)text_word(rest, &rest);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++)
        if (rest.n == 0 || has_word(rest, algorithms[i]))
            add_line(r, line, algorithms[i], out);
}

struct str digest_file(struct run *r, struct str lines)
{
    struct buf out = buf_in(&r->arena, 65536);
    while (lines.n) {
        const char *end = str_find(lines, '\n');
        struct str line = str_trim(str_span(lines.p, end ? end : str_end(lines)));
        lines = end ? str_span(end + 1, str_end(lines)) : STR_NONE;
        if (str_has_prefix(line, STR("raw "))) {
            buf_add(&out, str_skip(line, 4));
            buf_add_char(&out, '\n');
        } else if (line.n && line.p[0] != '#') {
            add_lines(r, line, &out);
        }
    }
    return buf_str(&out);
}
