#include "contacts.h"

#include <stdio.h>

#include "text.h"

/* ---------------------------------------------------------------- reading */

/* Where the first element of a comma-separated list ends. */
static size_t element_len(struct str s)
{
    bool is_quoted = false, is_bracketed = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            is_quoted = !is_quoted;
        else if (!is_quoted && (s.p[i] == '<' || s.p[i] == '>'))
            is_bracketed = s.p[i] == '<';
        else if (s.p[i] == ',' && !is_quoted && !is_bracketed)
            return i;
    }
    return s.n;
}

static struct str uri_of(struct str value)
{
    const char *open = str_find(value, '<'), *close = str_find(value, '>');
    if (open && close && open < close)
        return str_span(open + 1, close);
    const char *semi = str_find(value, ';');
    return semi ? str_span(value.p, semi) : value;
}

bool contacts_nth(struct str message, unsigned nth, struct contacts_item *out)
{
    struct str value = text_header(message, STR("Contact"), 0);
    for (unsigned i = 0; value.p; value = text_header(message, STR("Contact"), ++i)) {
        while (value.n) {
            struct str element = {value.p, element_len(value)};
            if (nth-- == 0) {
                *out = (struct contacts_item){str_trim(element), uri_of(str_trim(element))};
                return true;
            }
            value = str_trim(str_skip(value, element.n + 1));
        }
    }
    return false;
}

struct str contacts_number(struct arena *a, struct str uri, struct str number)
{
    const struct str bulk = STR(";bnc"), scheme = STR("sip:");
    size_t front = uri.n > bulk.n ? uri.n - bulk.n : 0;
    if (!number.n || !str_eq(str_skip(uri, front), bulk))
        return uri;
    struct buf out = buf_in(a, uri.n + number.n + 1);
    buf_add(&out, scheme);
    buf_add(&out, number);
    buf_add_char(&out, '@');
    buf_add(&out, str_skip((struct str){uri.p, front}, scheme.n));
    return out.has_overflown ? STR_NONE : buf_str(&out);
}

bool contacts_expires(const struct contacts_item *c, uint32_t *out)
{
    struct str value = text_param(c->value, STR("expires"));
    if (value.n > 1 && value.p[0] == '"')
        value = (struct str){value.p + 1, value.n - 2};
    return value.n && str_to_u32(value, UINT32_MAX, out) == 0;
}

struct str contacts_token(struct str uri)
{
    const char *colon = str_find(uri, ':');
    struct str rest = colon ? str_span(colon + 1, str_end(uri)) : uri;
    const char *at = str_find(rest, '@');
    if (at && str_has_prefix(rest, STR("t-")))
        return str_span(rest.p + 2, at);
    return text_param(uri, STR("bw"));
}

/* ---------------------------------------------------------------- writing */

static bool has_word(struct str words, struct str wanted)
{
    while (words.n) {
        const char *comma = str_find(words, ',');
        struct str word = comma ? str_span(words.p, comma) : words;
        if (str_eq(word, wanted))
            return true;
        words = comma ? str_span(comma + 1, str_end(words)) : STR_NONE;
    }
    return false;
}

static char in_case(struct str words, char c)
{
    if (has_word(words, STR("lower")))
        return ascii_lower(c);
    bool is_small = c >= 'a' && c <= 'z';
    return has_word(words, STR("upper")) && is_small ? (char)(c - 'a' + 'A') : c;
}

/* host and port, which may come and go where it is the default one */
static void add_host(struct str words, struct str host, struct buf *out)
{
    const char *colon = str_find(host, ':');
    bool is_default = colon && str_eq(str_span(colon, str_end(host)), STR(":5060"));
    bool is_toggled = has_word(words, STR("port"));
    struct str name = is_toggled && is_default ? str_span(host.p, colon) : host;
    for (size_t i = 0; i < name.n; i++)
        buf_add_char(out, in_case(words, name.p[i]));
    if (is_toggled && !colon)
        buf_add(out, STR(":5060"));
}

static void add_user(struct str words, struct str user, struct buf *out)
{
    if (user.n && has_word(words, STR("escaped"))) {
        buf_addf(out, "%%%02x", (unsigned)(unsigned char)user.p[0]);
        user = str_skip(user, 1);
    }
    buf_add(out, user);
}

static void add_uri(struct str words, struct str uri, struct buf *out)
{
    const char *colon = str_find(uri, ':'), *at = str_find(uri, '@');
    if (!colon || !at) {
        buf_add(out, uri);
        return;
    }
    const char *semi = str_find(str_span(at, str_end(uri)), ';'); /* a user may have one, too */
    const char *host_end = semi ? semi : str_end(uri);
    buf_add(out, str_span(uri.p, colon + 1));
    add_user(words, str_span(colon + 1, at), out);
    buf_add_char(out, '@');
    add_host(words, str_span(at + 1, host_end), out);
    if (!has_word(words, STR("stripped")))
        buf_add(out, str_span(host_end, str_end(uri)));
}

struct str contacts_take_gruu(struct str *label)
{
    const char *colon = label->n ? str_find(*label, ':') : NULL;
    size_t n = colon ? (size_t)(colon - label->p) : label->n;
    struct str name = n < label->n ? str_skip(*label, n + 1) : STR_NONE;
    label->n = n;
    return name;
}

struct str contacts_uri(struct str message, struct str gruu)
{
    struct contacts_item contact;
    struct str last = STR_NONE;
    for (unsigned i = 0; contacts_nth(message, i, &contact); i++) {
        if (!gruu.n)
            return contact.uri;
        for (struct str rest = contact.value; rest.n > gruu.n + 2; rest = str_skip(rest, 1)) {
            struct str value = str_skip(rest, gruu.n + 2);
            const char *end = str_has_prefix(rest, gruu) ? str_find(value, '"') : NULL;
            if (end)
                last = str_span(value.p, end);
        }
    }
    return last;
}

static void add_contact(const struct contacts_list *l, struct str uri, struct str expires,
                        struct buf *out)
{
    buf_add_char(out, '<');
    add_uri(l->words, uri, out);
    buf_add_char(out, '>');
    if (has_word(l->words, STR("more")))
        buf_add(out, STR(";q=0.5;+sip.instance=\"<urn:uuid:1>\";received=\"sip:192.0.2.1\""));
    if (has_word(l->words, STR("gruu")))
        buf_add(out, STR(";pub-gruu=\"sip:bob@example.com;gr=urn:uuid:1\""
                         ";temp-gruu=\"sip:tgruu.up@example.com;gr\""));
    if (has_word(l->words, STR("bare")))
        return;
    const char *quote = has_word(l->words, STR("quoted")) ? "\"" : "";
    buf_addf(out, ";expires=%s%.*s%s", quote, STR_FMT(expires), quote);
}

struct listing {
    const struct contacts_list *list;
    struct buf *out;
    unsigned n;
};

static void add(struct listing *g, struct str uri, struct str expires)
{
    bool is_merged = has_word(g->list->words, STR("merged"));
    if (g->n && is_merged)
        buf_add(g->out, STR(", "));
    else
        buf_add(g->out, STR("Contact: "));
    g->n++;
    add_contact(g->list, uri, expires, g->out);
    if (!is_merged)
        buf_add(g->out, STR("\r\n"));
}

/* What the request asked for in that Contact, with zero for what it removes. */
static void add_ours(struct listing *g)
{
    struct contacts_item c;
    uint32_t asked;
    for (unsigned i = 0; contacts_nth(g->list->request, i, &c); i++) {
        struct str expires = text_param(c.value, STR("expires"));
        if (!expires.n)
            expires = text_header(g->list->request, STR("Expires"), 0);
        bool is_removal = expires.n && str_to_u32(expires, UINT32_MAX, &asked) == 0 && asked == 0;
        if (!is_removal)
            add(g, c.uri, g->list->expires.p ? g->list->expires : expires);
    }
}

void contacts_build(const struct contacts_list *l, struct buf *out)
{
    struct listing g = {.list = l, .out = out};
    unsigned n_foreign = 0;
    for (struct str rest = l->words; rest.n;) {
        const char *comma = str_find(rest, ',');
        struct str word = comma ? str_span(rest.p, comma) : rest;
        char foreign[64];
        (void)snprintf(foreign, sizeof foreign, "sip:other%u@203.0.113.%u:5070", n_foreign + 1,
                       n_foreign + 1);
        if (str_eq(word, STR("ours")))
            add_ours(&g);
        else if (str_eq(word, STR("foreign"))) {
            add(&g, str_of(foreign), STR("7777"));
            n_foreign++;
        }
        rest = comma ? str_span(comma + 1, str_end(rest)) : STR_NONE;
    }
    if (g.n && has_word(l->words, STR("merged")))
        buf_add(out, STR("\r\n"));
    if (has_word(l->words, STR("bare")) && l->expires.p)
        buf_addf(out, "Expires: %.*s\r\n", STR_FMT(l->expires));
}
