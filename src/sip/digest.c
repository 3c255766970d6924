#include "sip/digest.h"

#include <stddef.h>
/* The library's headers need these two before them. */
#include <sys/time.h>
#include <time.h>
#include <osipparser2/headers/osip_authorization.h>
#include <osipparser2/headers/osip_www_authenticate.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "sip/glue.h"
#include "sip/lex.h"
#include "sip/param.h"

/* Left alone the library misreads hostile and even legal values: realm=a (no quotes) takes the
 * next quoted string for the realm, a blank before a comma loses the parameter behind it, so does
 * a tab behind the scheme, empty strings and userhash are dropped, of two equal names the first
 * counts. So our scan takes the value apart, refuses what is ambiguous, and hands the library a
 * tidy copy. */

enum field {
    REALM,
    NONCE,
    OPAQUE,
    DOMAIN,
    ALGORITHM,
    QOP,
    STALE,
    USERHASH,
    USERNAME,
    URI,
    RESPONSE,
    CNONCE,
    NONCE_COUNT,
    N_FIELDS
};

static const struct {
    struct str name;
    bool is_quoted; /* RFC 7616 3.3, 3.4: always a quoted-string */
} fields[N_FIELDS] = {
    [REALM] = {{"realm", 5}, true},          [NONCE] = {{"nonce", 5}, true},
    [OPAQUE] = {{"opaque", 6}, true},        [DOMAIN] = {{"domain", 6}, true},
    [ALGORITHM] = {{"algorithm", 9}, false}, [QOP] = {{"qop", 3}, false},
    [STALE] = {{"stale", 5}, false},         [USERHASH] = {{"userhash", 8}, false},
    [USERNAME] = {{"username", 8}, true},    [URI] = {{"uri", 3}, true},
    [RESPONSE] = {{"response", 8}, true},    [CNONCE] = {{"cnonce", 6}, true},
    [NONCE_COUNT] = {{"nc", 2}, false},
};

/* Where the library's structs keep them; 0: it does not know the field. */
static const size_t challenge_at[N_FIELDS] = {
    [REALM] = offsetof(osip_www_authenticate_t, realm),
    [NONCE] = offsetof(osip_www_authenticate_t, nonce),
    [OPAQUE] = offsetof(osip_www_authenticate_t, opaque),
    [DOMAIN] = offsetof(osip_www_authenticate_t, domain),
    [ALGORITHM] = offsetof(osip_www_authenticate_t, algorithm),
    [QOP] = offsetof(osip_www_authenticate_t, qop_options),
    [STALE] = offsetof(osip_www_authenticate_t, stale),
};

static const size_t credentials_at[N_FIELDS] = {
    [REALM] = offsetof(osip_authorization_t, realm),
    [NONCE] = offsetof(osip_authorization_t, nonce),
    [OPAQUE] = offsetof(osip_authorization_t, opaque),
    [ALGORITHM] = offsetof(osip_authorization_t, algorithm),
    [QOP] = offsetof(osip_authorization_t, message_qop),
    [USERNAME] = offsetof(osip_authorization_t, username),
    [URI] = offsetof(osip_authorization_t, uri),
    [RESPONSE] = offsetof(osip_authorization_t, response),
    [CNONCE] = offsetof(osip_authorization_t, cnonce),
    [NONCE_COUNT] = offsetof(osip_authorization_t, nonce_count),
};

/* ---------------------------------------------------------------- our scan */

/* auth-param = token EQUAL (token / quoted-string) */
static bool take_auth_param(struct str *rest, struct param *out)
{
    *out = (struct param){.name = lex_take(rest, LEX_TOKEN)};
    if (out->name.n == 0 || !lex_take_separator(rest, '='))
        return false;
    if (lex_starts_with(*rest, '"')) {
        const char *end = lex_quoted(rest->p, str_end(*rest));
        if (!end)
            return false;
        out->value = str_span(rest->p, end);
        *rest = str_span(end, str_end(*rest));
        return true;
    }
    out->value = lex_take(rest, LEX_VALUE | LEX_TOKEN);
    return out->value.n > 0;
}

/* False: a field that we know stands there twice, or lacks its quotes. */
static bool note(struct str seen[N_FIELDS], const struct param *p)
{
    for (int i = 0; i < N_FIELDS; i++) {
        if (!str_ieq(p->name, fields[i].name))
            continue;
        if (!str_is_none(seen[i]) || (fields[i].is_quoted && *p->value.p != '"'))
            return false;
        seen[i] = p->value;
    }
    return true;
}

/* 0; ERR_TOOBIG; ERR_ABSENT: another scheme; ERR_PARSE. */
static int scan(struct str value, struct str seen[N_FIELDS])
{
    if (value.n > DIGEST_VALUE_MAX)
        return ERR_TOOBIG;
    if (str_find(value, '\0'))
        return ERR_PARSE;
    lex_skip_space(&value);
    if (!str_ieq(lex_take(&value, LEX_TOKEN), STR("Digest")))
        return ERR_ABSENT;
    if (value.n == 0 || !lex_is(*value.p, LEX_SPACE))
        return ERR_PARSE;
    lex_skip_space(&value);
    do {
        struct param p;
        if (!take_auth_param(&value, &p) || !note(seen, &p))
            return ERR_PARSE;
    } while (lex_take_separator(&value, ','));
    lex_skip_space(&value);
    return value.n ? ERR_PARSE : 0;
}

/* ---------------------------------------------------------------- the library's turn */

/* What was seen of the fields that the library knows, NUL-terminated; of a qop without quotes, as
 * some servers write it, it would refuse the challenge. NULL: the arena is exhausted. */
static const char *tidy(struct arena *a, size_t value_len, const struct str seen[N_FIELDS],
                        const size_t at[N_FIELDS])
{
    /* Each field has its bytes in the value; we add a blank to each, quotes and NUL. */
    struct buf out = buf_in(a, value_len + N_FIELDS + 8);
    const char *separator = "Digest ";
    for (int i = 0; i < N_FIELDS; i++) {
        if (str_is_none(seen[i]) || !at[i])
            continue;
        bool needs_quotes = i == QOP && at == challenge_at && *seen[i].p != '"';
        buf_add(&out, str_of(separator));
        buf_add(&out, fields[i].name);
        buf_add(&out, needs_quotes ? STR("=\"") : STR("="));
        buf_add(&out, seen[i]);
        buf_add(&out, needs_quotes ? STR("\"") : STR(""));
        separator = ", ";
    }
    buf_add_char(&out, '\0');
    return out.has_overflown ? NULL : out.p;
}

/* The arena takes back what these two leave behind. */
static const void *read_challenge(const char *text)
{
    osip_www_authenticate_t *h = NULL;
    return osip_www_authenticate_init(&h) || osip_www_authenticate_parse(h, text) ? NULL : h;
}

static const void *read_credentials(const char *text)
{
    osip_authorization_t *h = NULL;
    return osip_authorization_init(&h) || osip_authorization_parse(h, text) ? NULL : h;
}

/* The field without quotes: what the library read, which must be what stands there, or what it has
 * dropped. */
static bool settle(struct arena *a, const char *read, struct str *field)
{
    struct str plain = param_unquote(a, str_dup(a, *field));
    if (read && !str_eq(plain, param_unquote(a, str_of(read))))
        return false;
    *field = plain;
    return true;
}

static int settle_all(struct arena *a, const char *parsed, const size_t at[N_FIELDS],
                      struct str seen[N_FIELDS])
{
    for (int i = 0; i < N_FIELDS; i++) {
        const char *read = NULL;
        if (str_is_none(seen[i]))
            continue;
        if (at[i])
            memcpy(&read, parsed + at[i], sizeof read);
        if (!settle(a, read, &seen[i]))
            return ERR_PARSE;
    }
    return 0;
}

static int read_fields(struct arena *a, struct str value, const size_t at[N_FIELDS],
                       struct str seen[N_FIELDS])
{
    int err = scan(value, seen);
    if (err)
        return err;
    if (str_is_none(seen[REALM]) || str_is_none(seen[NONCE]))
        return ERR_PARSE;
    const char *text = tidy(a, value.n, seen, at);
    if (!text)
        return ERR_NOMEM;
    glue_enter(a);
    const void *parsed = at == challenge_at ? read_challenge(text) : read_credentials(text);
    glue_leave();
    err = parsed && !a->has_failed ? settle_all(a, parsed, at, seen) : ERR_PARSE;
    return a->has_failed ? ERR_NOMEM : err;
}

/* ---------------------------------------------------------------- the two headers */

static bool is_true(struct str s)
{
    return str_ieq(s, STR("true"));
}

int digest_parse_challenge(struct arena *a, struct str value, struct digest_challenge *out)
{
    struct str seen[N_FIELDS] = {{0}};
    int err = read_fields(a, value, challenge_at, seen);
    if (err)
        return err;
    *out = (struct digest_challenge){
        .realm = seen[REALM],
        .nonce = seen[NONCE],
        .opaque = seen[OPAQUE],
        .domain = seen[DOMAIN],
        .algorithm = seen[ALGORITHM],
        .qop = seen[QOP],
        .is_stale = is_true(seen[STALE]),
        .has_userhash = is_true(seen[USERHASH]),
    };
    return 0;
}

static bool hex_number(struct str s, uint32_t *out)
{
    uint32_t v = 0;
    if (s.n == 0 || s.n > 8)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        int digit = ascii_hex(s.p[i]);
        if (digit < 0)
            return false;
        v = v << 4 | (uint32_t)digit;
    }
    *out = v;
    return true;
}

/* MD5 has 32 digits; SHA-256 and SHA-512-256 have 64. */
static bool is_response(struct str s)
{
    if (s.n != 32 && s.n != 64)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (ascii_hex(s.p[i]) < 0)
            return false;
    return true;
}

int digest_parse_credentials(struct arena *a, struct str value, struct digest_credentials *out)
{
    struct str seen[N_FIELDS] = {{0}};
    int err = read_fields(a, value, credentials_at, seen);
    if (err)
        return err;
    uint32_t nonce_count = 0;
    if (!str_is_none(seen[NONCE_COUNT]) && !hex_number(seen[NONCE_COUNT], &nonce_count))
        return ERR_PARSE;
    if (str_is_none(seen[USERNAME]) || str_is_none(seen[URI]) || !is_response(seen[RESPONSE]))
        return ERR_PARSE;
    *out = (struct digest_credentials){
        .username = seen[USERNAME],
        .realm = seen[REALM],
        .nonce = seen[NONCE],
        .uri = seen[URI],
        .response = seen[RESPONSE],
        .algorithm = seen[ALGORITHM],
        .opaque = seen[OPAQUE],
        .qop = seen[QOP],
        .cnonce = seen[CNONCE],
        .nonce_count = nonce_count,
        .count_text = seen[NONCE_COUNT],
        .has_userhash = is_true(seen[USERHASH]),
    };
    return 0;
}
