#include "sip/lex.h"

#include "base/addr.h"

/* The classes of RFC 3261's "unreserved". */
#define UNRESERVED                                                                                 \
    (LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_HEADER | LEX_URIC | LEX_BARE | LEX_VALUE)
#define ALNUM    (UNRESERVED | LEX_TOKEN | LEX_HOST | LEX_SCHEME)
#define HEX      (ALNUM | LEX_PHONE)
#define MARK     (UNRESERVED | LEX_TOKEN)
#define RESERVED (LEX_RESERVED | LEX_URIC)
#define UNSEEN   (LEX_BREAK | LEX_BLIND)

const uint32_t lex_table[256] = {
    [0x00 ... 0x08] = UNSEEN | LEX_QUOTE,
    ['\t'] = LEX_SPACE | UNSEEN,
    ['\n'] = LEX_SPACE | UNSEEN,
    [0x0b ... 0x0c] = UNSEEN | LEX_QUOTE,
    ['\r'] = LEX_SPACE | UNSEEN,
    [0x0e ... 0x1f] = UNSEEN | LEX_QUOTE,
    [0x7f] = UNSEEN | LEX_QUOTE,
    [' '] = LEX_SPACE | UNSEEN,
    ['"'] = LEX_BREAK | LEX_QUOTE | LEX_LIST,
    ['\\'] = LEX_QUOTE,
    ['<'] = LEX_BREAK | LEX_LIST,
    ['>'] = LEX_BREAK,
    ['0' ... '9'] = HEX,
    ['A' ... 'F'] = HEX,
    ['G' ... 'Z'] = ALNUM,
    ['a' ... 'f'] = HEX,
    ['g' ... 'z'] = ALNUM,
    ['-'] = MARK | LEX_HOST | LEX_SCHEME | LEX_PHONE | LEX_VISUAL,
    ['.'] = MARK | LEX_HOST | LEX_SCHEME | LEX_PHONE | LEX_VISUAL,
    ['_'] = MARK | LEX_HOST,
    ['!'] = MARK,
    ['~'] = MARK,
    ['*'] = MARK | LEX_PHONE,
    ['\''] = MARK,
    ['('] = UNRESERVED | LEX_PHONE | LEX_VISUAL,
    [')'] = UNRESERVED | LEX_PHONE | LEX_VISUAL,
    ['%'] = LEX_TOKEN | LEX_BARE | LEX_VALUE,
    ['`'] = LEX_TOKEN | LEX_VALUE,
    [';'] = RESERVED | LEX_USER,
    ['/'] = RESERVED | LEX_BARE | LEX_USER | LEX_PARAM | LEX_HEADER | LEX_VALUE,
    ['?'] = RESERVED | LEX_USER | LEX_HEADER,
    [':'] = RESERVED | LEX_BARE | LEX_PARAM | LEX_HEADER | LEX_VALUE,
    ['@'] = RESERVED | LEX_BARE | LEX_VALUE,
    ['&'] = RESERVED | LEX_BARE | LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_VALUE,
    ['='] = RESERVED | LEX_BARE | LEX_USER | LEX_PASSWORD | LEX_VALUE,
    ['+'] = RESERVED | LEX_BARE | LEX_TOKEN | LEX_SCHEME | LEX_USER | LEX_PASSWORD | LEX_PARAM |
            LEX_HEADER | LEX_VALUE,
    ['$'] = RESERVED | LEX_BARE | LEX_USER | LEX_PASSWORD | LEX_PARAM | LEX_HEADER | LEX_VALUE,
    [','] = RESERVED | LEX_USER | LEX_PASSWORD | LEX_LIST,
    ['['] = LEX_URIC | LEX_BARE | LEX_PARAM | LEX_HEADER | LEX_VALUE,
    [']'] = LEX_URIC | LEX_BARE | LEX_PARAM | LEX_HEADER | LEX_VALUE,
    ['#'] = LEX_PHONE | LEX_VALUE | LEX_USER, /* not by the grammar; phones dial *21# so */
    [0x80 ... 0xff] = LEX_USER | LEX_BLIND,   /* UTF-8, likewise */
    ['{'] = LEX_VALUE,
    ['}'] = LEX_VALUE,
    ['|'] = LEX_VALUE,
    ['^'] = LEX_VALUE,
};

enum { HOST_MAX = 255 };

bool lex_take_quoted(struct str *s, struct str *out)
{
    if (!lex_starts_with(*s, '"'))
        return false;
    for (size_t i = 1; i < s->n; i++) {
        i += lex_span_not(str_skip(*s, i), LEX_QUOTE);
        if (i >= s->n)
            return false;
        if (s->p[i] == '"') {
            *out = (struct str){s->p, i + 1};
            *s = str_skip(*s, i + 1);
            return true;
        }
        if (s->p[i] != '\\') /* a control character */
            return false;
        i++;
        if (i < s->n && (s->p[i] == '\r' || s->p[i] == '\n'))
            return false;
    }
    return false;
}

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_is_digit(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_label(struct str s)
{
    return s.n > 0 && s.n < 64 && s.p[0] != '-' && s.p[s.n - 1] != '-';
}

/* A name of labels, with or without the root's dot; where the last label is a number it must be an
 * IPv4 address. */
static bool is_name(struct str s)
{
    if (s.n > HOST_MAX)
        return false;
    struct str all = s, label = {s.p, 0};
    if (s.n > 1 && s.p[s.n - 1] == '.')
        s.n--;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '.') {
            label.n++;
            continue;
        }
        if (!is_label(label))
            return false;
        label = (struct str){s.p + i + 1, 0};
    }
    struct addr ignored;
    return is_label(label) && (!is_digits(label) || addr_parse_host(all, &ignored) == 0);
}

static bool take_ipv6(struct str *s, struct str *out)
{
    const char *close = str_find(*s, ']');
    if (!close)
        return false;
    struct addr ignored;
    *out = str_span(s->p, close + 1);
    *s = str_skip(*s, out->n);
    return addr_parse_host(*out, &ignored) == 0;
}

bool lex_take_host(struct str *s, struct str *out)
{
    if (lex_starts_with(*s, '['))
        return take_ipv6(s, out);
    *out = lex_take(s, LEX_HOST);
    struct addr ignored;
    if (out->n && ascii_is_digit(*out->p) && addr_parse_host(*out, &ignored) == 0)
        return true; /* is_name would say so, too */
    return is_name(*out);
}

bool lex_take_port(struct str *s, uint16_t *out)
{
    struct str digits = {s->p, 0};
    while (digits.n < s->n && ascii_is_digit(s->p[digits.n]))
        digits.n++;
    uint32_t port = 0;
    if (str_to_u32(digits, UINT16_MAX, &port) || port == 0)
        return false;
    *s = str_skip(*s, digits.n);
    *out = (uint16_t)port;
    return true;
}

bool lex_take_escaped(struct str *s, unsigned classes, struct str *out)
{
    const char *p = s->p, *end = s->p + s->n;
    while ((p = lex_run(p, end, classes, true)) < end && *p == '%') {
        if (end - p < 3 || ascii_hex(p[1]) < 0 || ascii_hex(p[2]) < 0)
            return false;
        p += 3;
    }
    *out = (struct str){s->p, (size_t)(p - s->p)};
    *s = str_skip(*s, out->n);
    return true;
}
