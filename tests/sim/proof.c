#include "proof.h"

#include <openssl/evp.h>

#include "base/buf.h"
#include "text.h"

enum { TEXT_MAX = 2048, HEX_MAX = 64 };

struct hex {
    char text[HEX_MAX];
    size_t n;
};

static struct str hex_str(const struct hex *h)
{
    return (struct str){h->text, h->n};
}

/* name="value" or name=value behind "Digest " or ", ". */
static struct str field(struct str value, const char *name)
{
    char wanted[40];
    struct buf b = buf_over(wanted, sizeof wanted);
    buf_addf(&b, " %s=", name);
    const char *at = memmem(value.p, value.n, b.p, b.len);
    if (!at)
        return STR_NONE;
    struct str rest = str_span(at + b.len, str_end(value));
    bool is_quoted = rest.n && *rest.p == '"';
    rest = str_skip(rest, is_quoted);
    const char *end = str_find(rest, is_quoted ? '"' : ',');
    return end ? str_span(rest.p, end) : rest;
}

/* Parts with colons between, ended by one that is none. */
static struct hex hash(const EVP_MD *kind, const struct str *parts)
{
    char text[TEXT_MAX];
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct hex out;
    struct buf b = buf_over(text, sizeof text);
    for (size_t i = 0; !str_is_none(parts[i]); i++) {
        buf_add(&b, i ? STR(":") : STR(""));
        buf_add(&b, parts[i]);
    }
    (void)EVP_Digest(b.p, b.len, raw, &n, kind, NULL);
    struct buf hex = buf_over(out.text, sizeof out.text);
    buf_add_hex(&hex, raw, n);
    out.n = hex.len;
    return out;
}

static const EVP_MD *kind_of(struct str algorithm)
{
    if (str_has_iprefix(algorithm, STR("SHA-256")))
        return EVP_sha256();
    return str_has_iprefix(algorithm, STR("SHA-512-256")) ? EVP_sha512_256() : EVP_md5();
}

static bool is_session(struct str algorithm)
{
    return algorithm.n > 5 && str_ieq(str_skip(algorithm, algorithm.n - 5), STR("-sess"));
}

static bool is_value_right(struct str value, struct str account, struct str request)
{
    const struct str nonce = field(value, "nonce"), cnonce = field(value, "cnonce"),
                     algorithm = field(value, "algorithm"), uri = field(value, "uri"),
                     qop = field(value, "qop");
    const EVP_MD *kind = kind_of(algorithm);
    const struct str a1[] = {account, STR_NONE};
    struct hex ha1 = hash(kind, a1);
    if (is_session(algorithm))
        ha1 = hash(kind, (const struct str[]){hex_str(&ha1), nonce, cnonce, STR_NONE});
    const struct hex body = hash(kind, (const struct str[]){text_body(request), STR_NONE});
    const bool is_body_in = str_eq(qop, STR("auth-int"));
    const struct str a2[] = {text_method(request), uri, is_body_in ? hex_str(&body) : STR_NONE,
                             STR_NONE};
    const struct hex ha2 = hash(kind, a2);
    const struct str whole[] = {hex_str(&ha1), nonce,   field(value, "nc"), cnonce, qop,
                                hex_str(&ha2), STR_NONE};
    const struct str old[] = {hex_str(&ha1), nonce, hex_str(&ha2), STR_NONE};
    const struct hex want = hash(kind, str_is_none(qop) ? old : whole);
    return str_eq(field(value, "response"), hex_str(&want)) && str_eq(uri, text_uri(request));
}

/* "USER:REALM:" */
static bool is_account(struct str value, struct str account)
{
    char text[TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);
    buf_add(&b, field(value, "username"));
    buf_add_char(&b, ':');
    buf_add(&b, field(value, "realm"));
    buf_add_char(&b, ':');
    return str_has_prefix(account, buf_str(&b));
}

static bool has_right(struct str request, struct str name, struct str account)
{
    struct str value = text_header(request, name, 0);
    for (unsigned i = 0; value.p; value = text_header(request, name, ++i))
        if (is_account(value, account) && is_value_right(value, account, request))
            return true;
    return false;
}

bool proof_is_right(struct str request, struct str account)
{
    return has_right(request, STR("Authorization"), account) ||
           has_right(request, STR("Proxy-Authorization"), account);
}
