#include "sip/uri.h"

#include "base/err.h"
#include "sip/lex.h"
#include "sip/param.h"

enum { PORT_SIP = 5060, PORT_SIPS = 5061 };

/* ---------------------------------------------------------------- parsing */

/* name ["=" value]; an empty value is tolerated. Where it ends, or NULL. */
static const char *read_part(const char *p, const char *end, unsigned classes, struct param *out)
{
    const char *from = p;
    p = lex_escaped(p, end, classes);
    if (!p || p == from)
        return NULL;
    *out = (struct param){.name = str_span(from, p)};
    if (p == end || *p != '=')
        return p;
    from = p + 1;
    p = lex_escaped(from, end, classes);
    if (p)
        out->value = str_span(from, p);
    return p;
}

static bool take_part(struct str *rest, unsigned classes, struct param *out)
{
    const char *p = read_part(rest->p, str_end(*rest), classes, out);
    if (!p)
        return false;
    *rest = str_span(p, str_end(*rest));
    return true;
}

static const char *take_params(const char *p, const char *end, struct str *out)
{
    const char *from = p;
    struct param ignored;
    for (int n = 0; p < end && *p == ';'; n++) {
        p = n < URI_PARTS_MAX ? read_part(p + 1, end, LEX_PARAM, &ignored) : NULL;
        if (!p)
            return NULL;
        *out = str_span(from, p);
    }
    return p;
}

static const char *take_headers(const char *p, const char *end, struct str *out)
{
    if (p == end || *p != '?')
        return p;
    const char *from = p + 1;
    struct param header;
    int n = 0;
    do {
        p = ++n > URI_PARTS_MAX ? NULL : read_part(p + 1, end, LEX_HEADER, &header);
        if (!p || str_is_none(header.value))
            return NULL;
    } while (p < end && *p == '&');
    *out = str_span(from, p);
    return p;
}

static const char *take_user(const char *p, const char *at, struct uri *out)
{
    const char *user_end = lex_escaped(p, at, LEX_USER);
    if (!user_end || user_end == p)
        return NULL;
    out->user = str_span(p, user_end);
    if (user_end == at)
        return at + 1;
    p = *user_end == ':' ? lex_escaped(user_end + 1, at, LEX_PASSWORD) : NULL;
    if (p != at)
        return NULL;
    out->password = str_span(user_end + 1, at);
    return at + 1;
}

/* Behind the '@', where there is one: no other part of a SIP URI may hold a bare one. */
static const char *take_userinfo(const char *p, const char *end, struct uri *out)
{
    const char *at = lex_run(p, end, LEX_USER, true);
    if (at < end && at > p && *at == '@') {
        out->user = str_span(p, at);
        return at + 1;
    }
    at = memchr(at, '@', (size_t)(end - at));
    return at ? take_user(p, at, out) : p;
}

static bool parse_sip(struct str rest, struct uri *out)
{
    const char *end = str_end(rest), *p = take_userinfo(rest.p, end, out);
    struct addr ignored;
    if (p)
        p = lex_host(p, end, &out->host, &ignored);
    if (p && p < end && *p == ':')
        p = lex_port(p + 1, end, &out->port);
    if (p && p < end)
        p = take_params(p, end, &out->params);
    if (p && p < end)
        p = take_headers(p, end, &out->headers);
    return p == end;
}

/* global-number-digits or local-number-digits of RFC 3966. */
static bool is_number(struct str s)
{
    bool is_global = lex_take_char(&s, '+');
    size_t n_digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (lex_is(s.p[i], LEX_VISUAL))
            continue;
        if (is_global ? !ascii_is_digit(s.p[i]) : !lex_is(s.p[i], LEX_PHONE))
            return false;
        n_digits++;
    }
    return n_digits > 0;
}

static bool parse_tel(struct str rest, struct uri *out)
{
    const char *semicolon = str_find(rest, ';');
    out->user = str_span(rest.p, semicolon ? semicolon : str_end(rest));
    rest = str_skip(rest, out->user.n);
    return is_number(out->user) &&
           take_params(rest.p, str_end(rest), &out->params) == str_end(rest);
}

static uint32_t word_of(const char *p)
{
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* "sip:", its letters in any case. */
static bool is_sip(struct str text)
{
    return text.n >= 4 && (word_of(text.p) | word_of("\x20\x20\x20")) == word_of("sip:");
}

static enum uri_scheme scheme_of(struct str name)
{
    if (str_ieq(name, STR("sip")))
        return URI_SIP;
    if (str_ieq(name, STR("sips")))
        return URI_SIPS;
    return str_ieq(name, STR("tel")) ? URI_TEL : URI_OTHER;
}

bool uri_is_sips(struct str text)
{
    return str_has_iprefix(text, STR("sips:"));
}

bool uri_is_sos(const struct uri *u)
{
    static const struct str sos = {"service:sos", 11};
    return u->scheme == URI_OTHER && str_ieq(u->name, STR("urn")) &&
           str_has_iprefix(u->rest, sos) && (u->rest.n == sos.n || u->rest.p[sos.n] == '.');
}

static bool parse_behind_scheme(struct str rest, struct uri *out)
{
    switch (out->scheme) {
    case URI_SIP:
    case URI_SIPS:
        return parse_sip(rest, out);
    case URI_TEL:
        return parse_tel(rest, out);
    case URI_OTHER:
        break;
    }
    out->rest = rest;
    return rest.n > 0 && lex_escaped(rest.p, str_end(rest), LEX_URIC) == str_end(rest);
}

/* Up to its colon. */
static bool take_scheme(struct str *text, struct uri *out)
{
    if (is_sip(*text)) { /* nearly every one */
        out->name = (struct str){text->p, 3};
        *text = (struct str){text->p + 4, text->n - 4};
        return true;
    }
    out->name = lex_take(text, LEX_SCHEME);
    if (out->name.n == 0 || !ascii_is_alpha(*out->name.p) || !lex_take_char(text, ':'))
        return false;
    out->scheme = scheme_of(out->name);
    return true;
}

int uri_parse(struct str text, struct uri *out)
{
    *out = (struct uri){.text = text};
    return take_scheme(&text, out) && parse_behind_scheme(text, out) ? 0 : ERR_PARSE;
}

/* ---------------------------------------------------------------- canonical form */

static char unescape(const char *percent)
{
    return (char)(ascii_hex(percent[1]) << 4 | ascii_hex(percent[2]));
}

/* These mean the same with and without escape in a user part. ';' and '/' begin parts of it (D3).
 */
static bool is_plain_in_user(char c)
{
    return lex_is(c, LEX_USER) && c != ';' && c != '/';
}

/* Taken from phones as they come, but escaped in a name that we may say ourselves. */
static bool is_beyond_grammar(char c)
{
    return c == '#' || (unsigned char)c >= 0x80;
}

static void add_escaped(char c, struct buf *out)
{
    static const char hex[] = "0123456789ABCDEF";
    unsigned char byte = (unsigned char)c;
    const char text[3] = {'%', hex[byte >> 4], hex[byte & 15]};
    buf_add(out, (struct str){text, sizeof text});
}

/* In lower case, unless that is to be kept. */
static void add_folded(struct str s, bool is_case_kept, struct buf *out)
{
    const size_t from = out->len;
    buf_add(out, s);
    if (!is_case_kept)
        str_lower(out->p + from, out->len - from);
}

static enum uri_fault add_user(struct str user, bool is_case_kept, struct buf *out)
{
    for (size_t i = 0; i < user.n; i++) {
        const char *from = user.p + i, *to = lex_run(from, str_end(user), LEX_PARAM, true);
        add_folded(str_span(from, to), is_case_kept, out); /* no escape, nothing to be escaped */
        i += (size_t)(to - from);
        if (i == user.n)
            break;
        char c = user.p[i];
        if (c == '%') {
            c = unescape(user.p + i);
            i += 2;
            if ((unsigned char)c < ' ' || c == 0x7f)
                return URI_BAD_ESCAPE;
            if (!is_plain_in_user(c)) {
                add_escaped(c, out);
                continue;
            }
        }
        if (is_beyond_grammar(c)) {
            add_escaped(c, out);
            continue;
        }
        buf_add_char(out, is_case_kept ? c : ascii_lower(c));
    }
    return URI_OK;
}

static struct str without_root_dot(struct str host)
{
    if (host.n > 1 && host.p[host.n - 1] == '.')
        host.n--;
    return host;
}

static void add_host(struct str host, struct buf *out)
{
    struct addr a = {0};
    if (lex_starts_with(host, '[') && addr_parse_host(host, &a) == 0) {
        addr_print_host(&a, out);
        return;
    }
    add_folded(without_root_dot(host), false, out);
}

static enum uri_fault sip_to_aor(const struct uri *u, bool is_case_kept, struct buf *out)
{
    if (str_is_none(u->user))
        return URI_NO_USER;
    enum uri_fault fault = add_user(u->user, is_case_kept, out);
    if (fault)
        return fault;
    buf_add_char(out, '@');
    add_host(u->host, out);
    if (u->port && u->port != (u->scheme == URI_SIPS ? PORT_SIPS : PORT_SIP)) {
        buf_add_char(out, ':');
        buf_add_u64(out, u->port);
    }
    return URI_OK;
}

static void tel_to_aor(const struct uri *u, struct buf *out)
{
    for (size_t i = 0; i < u->user.n; i++)
        if (!lex_is(u->user.p[i], LEX_VISUAL))
            buf_add_char(out, ascii_lower(u->user.p[i]));
}

enum uri_fault uri_to_aor(const struct uri *u, bool is_case_kept, struct buf *out)
{
    enum uri_fault fault = URI_OK;
    if (u->scheme == URI_OTHER)
        return URI_BAD_SCHEME;
    if (u->scheme == URI_TEL)
        tel_to_aor(u, out);
    else
        fault = sip_to_aor(u, is_case_kept, out);
    return fault == URI_OK && out->has_overflown ? URI_TOO_LONG : fault;
}

/* ---------------------------------------------------------------- comparison */

/* Takes a character that may be escaped. An escaped one is the same as the bare one unless it is
 * reserved (RFC 3261 19.1.4). */
static int take_char(struct str *s)
{
    char c = *s->p;
    int mark = 0;
    if (c == '%') {
        c = unescape(s->p);
        mark = lex_is(c, LEX_RESERVED) ? 0x100 : 0;
        s->p += 2;
        s->n -= 2;
    }
    s->p++;
    s->n--;
    return (unsigned char)c | mark;
}

static int fold(int c)
{
    return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool is_same(struct str a, struct str b, bool is_case_kept)
{
    if (str_is_none(a) != str_is_none(b))
        return false;
    while (a.n && b.n) {
        int x = take_char(&a), y = take_char(&b);
        if (is_case_kept ? x != y : fold(x) != fold(y))
            return false;
    }
    return a.n == b.n;
}

bool uri_param(const struct uri *u, struct str name, struct str *value)
{
    struct str rest = u->params;
    struct param p;
    while (lex_take_char(&rest, ';') && take_part(&rest, LEX_PARAM, &p))
        if (is_same(p.name, name, false)) {
            *value = p.value;
            return true;
        }
    return false;
}

void uri_print_bare(const struct uri *u, struct str name, struct buf *out)
{
    struct str rest = u->params;
    const char *end = str_is_none(u->headers) ? str_end(u->text) : u->headers.p - 1;
    struct param p;
    buf_add(out, str_span(u->text.p, str_is_none(rest) ? end : rest.p));
    for (const char *from = rest.p; lex_take_char(&rest, ';'); from = rest.p)
        if (take_part(&rest, LEX_PARAM, &p) && !is_same(p.name, name, false))
            buf_add(out, str_span(from, rest.p));
}

/* RFC 3261 19.1.4: these must match also where only one URI has them (D80). */
static bool is_significant(struct str name)
{
    static const struct str names[] = {
        {"user", 4}, {"ttl", 3}, {"method", 6}, {"maddr", 5}, {"transport", 9}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_same(name, names[i], false))
            return true;
    return false;
}

struct part {
    struct param param;
    uint64_t hash; /* of the name as is_same compares it */
};

/* Parameters or headers, read once: to look each name up in the other URI's text would read that
 * text as often as there are names. */
struct parts {
    struct part part[URI_PARTS_MAX];
    size_t n;
};

static uint64_t hash_name(struct str name)
{
    uint64_t h = 0xcbf29ce484222325U; /* FNV-1a */
    while (name.n)
        h = (h ^ (unsigned)fold(take_char(&name))) * 0x100000001b3U;
    return h;
}

static void read_parts(struct str text, char separator, struct parts *out)
{
    unsigned classes = separator == ';' ? LEX_PARAM : LEX_HEADER;
    out->n = 0;
    while (text.n && out->n < URI_PARTS_MAX) {
        struct part *p = &out->part[out->n];
        lex_take_char(&text, separator);
        if (!take_part(&text, classes, &p->param))
            return;
        p->hash = hash_name(p->param.name);
        out->n++;
    }
}

static const struct part *find_like(const struct parts *in, const struct part *like)
{
    for (const struct part *p = in->part; p < in->part + in->n; p++)
        if (p->hash == like->hash && is_same(p->param.name, like->param.name, false))
            return p;
    return NULL;
}

static bool are_params_in(const struct parts *a, const struct parts *b, bool is_each_needed)
{
    for (const struct part *p = a->part; p < a->part + a->n; p++) {
        const struct part *other = find_like(b, p);
        if (other ? !is_same(p->param.value, other->param.value, false)
                  : is_each_needed || is_significant(p->param.name))
            return false;
    }
    return true;
}

static bool are_params_same(struct str a, struct str b, bool is_each_needed)
{
    struct parts x, y;
    read_parts(a, ';', &x);
    read_parts(b, ';', &y);
    return are_params_in(&x, &y, is_each_needed) && are_params_in(&y, &x, is_each_needed);
}

static bool are_headers_in(const struct parts *a, const struct parts *b)
{
    for (const struct part *p = a->part; p < a->part + a->n; p++) {
        const struct part *other = find_like(b, p);
        if (!other || !is_same(p->param.value, other->param.value, true))
            return false;
    }
    return true;
}

static bool are_headers_same(struct str a, struct str b)
{
    struct parts x, y;
    read_parts(a, '&', &x);
    read_parts(b, '&', &y);
    return are_headers_in(&x, &y) && are_headers_in(&y, &x);
}

static bool is_same_sip(const struct uri *a, const struct uri *b)
{
    return is_same(a->user, b->user, true) && is_same(a->password, b->password, true) &&
           uri_is_same_host(a->host, b->host) && a->port == b->port &&
           are_params_same(a->params, b->params, false) && are_headers_same(a->headers, b->headers);
}

static void skip_visual(struct str *s)
{
    (void)lex_take(s, LEX_VISUAL);
}

/* RFC 3966 4: numbers without visual separators, the same parameters in any order. */
static bool is_same_tel(const struct uri *a, const struct uri *b)
{
    struct str x = a->user, y = b->user;
    for (skip_visual(&x), skip_visual(&y); x.n && y.n; skip_visual(&x), skip_visual(&y))
        if (fold(take_char(&x)) != fold(take_char(&y)))
            return false;
    return x.n == y.n && are_params_same(a->params, b->params, true);
}

bool uri_is_equal(const struct uri *a, const struct uri *b)
{
    if (a->scheme != b->scheme)
        return false;
    if (str_eq(a->text, b->text))
        return true;
    if (a->scheme == URI_TEL)
        return is_same_tel(a, b);
    if (a->scheme == URI_OTHER)
        return str_ieq(a->name, b->name) && str_eq(a->rest, b->rest);
    return is_same_sip(a, b);
}

static bool may_be_address(struct str host)
{
    return host.n && (*host.p == '[' || ascii_is_digit(*host.p));
}

bool uri_is_same_host(struct str a, struct str b)
{
    struct addr x = {0}, y = {0};
    if (str_ieq(a, b))
        return true;
    if (may_be_address(a) && may_be_address(b) && addr_parse_host(a, &x) == 0 &&
        addr_parse_host(b, &y) == 0)
        return addr_is_same_host(&x, &y);
    return str_ieq(without_root_dot(a), without_root_dot(b));
}
