#include "sip/blank.h"

#include <stdbool.h>

#include "base/str.h"

static const struct str headers[] = {
    {"authorization", 13},      {"proxy-authorization", 19}, {"www-authenticate", 16},
    {"proxy-authenticate", 18}, {"authentication-info", 19}, {"proxy-authentication-info", 25},
};

static const struct str params[] = {
    {"response", 8}, {"nonce", 5}, {"cnonce", 6}, {"nextnonce", 9}, {"rspauth", 7},
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_' || c == '.';
}

static bool is_one_of(struct str s, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (str_ieq(s, list[i]))
            return true;
    return false;
}

/* A value in quotes, or up to a comma or blank; where it ends. */
static size_t blank_value(char *p, size_t n, size_t at)
{
    while (at < n && is_blank(p[at]))
        at++;
    bool is_quoted = at < n && p[at] == '"';
    at += is_quoted;
    for (; at < n; at++) {
        if (is_quoted ? p[at] == '"' : p[at] == ',' || is_blank(p[at]))
            break;
        if (p[at] == '\\' && is_quoted && at + 1 < n)
            p[at++] = 'x';
        if (!is_blank(p[at]))
            p[at] = 'x';
    }
    return at < n ? at + is_quoted : n;
}

/* Behind a quote everything up to the next one is a value. */
static size_t skip_quoted(const char *p, size_t n, size_t at)
{
    for (at++; at < n && p[at] != '"'; at++)
        at += p[at] == '\\' && at + 1 < n;
    return at < n ? at + 1 : n;
}

static void blank_params(char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t from = at;
        while (at < n && is_name_char(p[at]))
            at++;
        struct str name = {p + from, at - from};
        size_t sign = at;
        while (name.n && sign < n && is_blank(p[sign]))
            sign++;
        bool is_param = name.n && sign < n && p[sign] == '=';
        if (is_param && is_one_of(name, params, sizeof params / sizeof params[0]))
            at = blank_value(p, n, sign + 1);
        else if (at < n && p[at] == '"')
            at = skip_quoted(p, n, at);
        else if (at < n && at == from)
            at++;
    }
}

/* The whole of it is the secret where the scheme is not Digest. */
static void blank_header(char *p, size_t n)
{
    size_t at = 0, from;
    while (at < n && is_blank(p[at]))
        at++;
    for (from = at; at < n && is_name_char(p[at]);)
        at++;
    struct str scheme = {p + from, at - from};
    if (str_ieq(scheme, STR("Digest")) || at == n || !is_blank(p[at])) {
        blank_params(p, n);
        return;
    }
    for (; at < n; at++)
        if (!is_blank(p[at]))
            p[at] = 'x';
}

/* The end of the header field that begins here, folds included, before its line end. */
static size_t field_end(const char *p, size_t n, size_t at)
{
    for (; at < n; at++) {
        bool is_fold = p[at] == '\n' && at + 1 < n && (p[at + 1] == ' ' || p[at + 1] == '\t');
        if (p[at] == '\n' && !is_fold)
            return at;
    }
    return n;
}

static void blank_field(char *p, size_t n)
{
    const char *colon = memchr(p, ':', n);
    if (!colon)
        return;
    struct str name = str_trim(str_span(p, colon));
    size_t value = (size_t)(colon - p) + 1;
    if (is_one_of(name, headers, sizeof headers / sizeof headers[0]))
        blank_header(p + value, n - value);
}

static void blank_word(char *p, size_t n)
{
    for (size_t i = 0; i < n && !is_blank(p[i]); i++)
        p[i] = 'x';
}

/* a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:KEY (RFC 4568), wherever it stands */
static void blank_inline(char *p, size_t n)
{
    static const char word[] = "inline:";
    for (char *at = p; (at = memmem(at, n - (size_t)(at - p), word, sizeof word - 1));) {
        at += sizeof word - 1;
        blank_word(at, n - (size_t)(at - p));
    }
}

/* Lines of SDP with a secret, and what it stands behind: a key in the clear or its address (RFC
 * 4566 5.12), a MIKEY message (RFC 4567), what STUN checks of ICE are signed with (RFC 8839 5.4).
 * A user fragment goes over the net in each check, and a fingerprint is public. */
static const struct {
    struct str begin;
    char before;
} key_lines[] = {
    {{"k=", 2}, ':'},
    {{"a=key-mgmt:", 11}, ' '},
    {{"a=ice-pwd:", 10}, ':'},
};

static void blank_line(char *p, size_t n)
{
    struct str line = {p, n};
    for (size_t i = 0; i < sizeof key_lines / sizeof key_lines[0]; i++) {
        const char *from =
            str_has_iprefix(line, key_lines[i].begin) ? str_find(line, key_lines[i].before) : NULL;
        for (size_t at = from ? (size_t)(from - p) + 1 : n; at < n; at++)
            if (!is_blank(p[at]))
                p[at] = 'x';
    }
}

static void blank_body(char *p, size_t n)
{
    blank_inline(p, n);
    for (size_t at = 0; at < n;) {
        const char *end = memchr(p + at, '\n', n - at);
        size_t len = end ? (size_t)(end - p) - at : n - at;
        blank_line(p + at, len);
        at += len + 1;
    }
}

/* Nothing but a line end. */
static bool is_empty_line(const char *p, size_t n)
{
    return (n > 0 && p[0] == '\n') || (n > 1 && p[0] == '\r' && p[1] == '\n');
}

void blank_secrets(char *bytes, size_t n)
{
    size_t at = 0;
    while (at < n && is_empty_line(bytes + at, n - at)) /* before the start line */
        at += bytes[at] == '\r' ? 2 : 1;
    while (at < n && !is_empty_line(bytes + at, n - at)) {
        size_t end = field_end(bytes, n, at);
        blank_field(bytes + at, end - at);
        at = end < n ? end + 1 : n;
    }
    blank_body(bytes + at, n - at);
}
