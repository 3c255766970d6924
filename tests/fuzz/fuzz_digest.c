/* Challenges and credentials: what was read, written down again, reads the same. */
#include "fuzz.h"

#include "sip/digest.h"
#include "sip/glue.h"

const char *const fuzz_more_seeds = NULL;

static bool needs_escape(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < ' ' || c == 0x7f;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

static void add_field(struct buf *out, const char *name, struct str value, bool is_quoted)
{
    if (str_is_none(value))
        return;
    buf_add(out, str_of(out->len > strlen("Digest ") ? ", " : ""));
    buf_add(out, str_of(name));
    buf_add_char(out, '=');
    if (is_quoted)
        buf_add_char(out, '"');
    for (size_t i = 0; i < value.n; i++) {
        /* A line end in a folded string cannot be escaped. */
        if (is_quoted && needs_escape(value.p[i]) && !is_line_end(value.p[i]))
            buf_add_char(out, '\\');
        buf_add_char(out, value.p[i]);
    }
    if (is_quoted)
        buf_add_char(out, '"');
}

static struct buf begin(struct arena *a)
{
    struct buf out = buf_in(a, 3 * DIGEST_VALUE_MAX);
    buf_add(&out, STR("Digest "));
    return out;
}

static bool is_same(struct str a, struct str b)
{
    return str_is_none(a) == str_is_none(b) && str_eq(a, b);
}

static void check_challenge(struct arena *a, struct str value)
{
    struct digest_challenge c, d;
    if (digest_parse_challenge(a, value, &c) != 0)
        return;
    MUST(!str_is_none(c.realm) && !str_is_none(c.nonce));
    struct buf out = begin(a);
    add_field(&out, "realm", c.realm, true);
    add_field(&out, "nonce", c.nonce, true);
    add_field(&out, "opaque", c.opaque, true);
    add_field(&out, "domain", c.domain, true);
    add_field(&out, "algorithm", c.algorithm, true);
    add_field(&out, "qop", c.qop, true);
    if (out.len > DIGEST_VALUE_MAX)
        return;
    MUST(digest_parse_challenge(a, buf_str(&out), &d) == 0);
    MUST(is_same(c.realm, d.realm) && is_same(c.nonce, d.nonce) && is_same(c.opaque, d.opaque));
    MUST(is_same(c.domain, d.domain) && is_same(c.algorithm, d.algorithm));
    MUST(is_same(c.qop, d.qop));
}

static void write_credentials(const struct digest_credentials *c, struct buf *out)
{
    add_field(out, "username", c->username, true);
    add_field(out, "realm", c->realm, true);
    add_field(out, "nonce", c->nonce, true);
    add_field(out, "uri", c->uri, true);
    add_field(out, "response", c->response, true);
    add_field(out, "algorithm", c->algorithm, true);
    add_field(out, "opaque", c->opaque, true);
    add_field(out, "qop", c->qop, true);
    add_field(out, "cnonce", c->cnonce, true);
}

static void check_credentials(struct arena *a, struct str value)
{
    struct digest_credentials c, d;
    if (digest_parse_credentials(a, value, &c) != 0)
        return;
    MUST(!str_is_none(c.username) && !str_is_none(c.realm) && !str_is_none(c.nonce));
    MUST(!str_is_none(c.uri) && (c.response.n == 32 || c.response.n == 64));
    struct buf out = begin(a);
    write_credentials(&c, &out);
    if (out.len > DIGEST_VALUE_MAX)
        return;
    MUST(digest_parse_credentials(a, buf_str(&out), &d) == 0);
    MUST(is_same(c.username, d.username) && is_same(c.realm, d.realm));
    MUST(is_same(c.nonce, d.nonce) && is_same(c.uri, d.uri) && is_same(c.response, d.response));
    MUST(is_same(c.algorithm, d.algorithm) && is_same(c.opaque, d.opaque));
    MUST(is_same(c.qop, d.qop) && is_same(c.cnonce, d.cnonce));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    glue_init();
    check_challenge(fuzz_arena(), fuzz_str(data, size));
    check_credentials(fuzz_arena(), fuzz_str(data, size));
    return 0;
}
