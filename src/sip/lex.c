#include "sip/lex.h"

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
    ['\t'] = LEX_SPACE | LEX_BLANK | UNSEEN,
    ['\n'] = LEX_SPACE | UNSEEN,
    [0x0b ... 0x0c] = UNSEEN | LEX_QUOTE,
    ['\r'] = LEX_SPACE | UNSEEN,
    [0x0e ... 0x1f] = UNSEEN | LEX_QUOTE,
    [0x7f] = UNSEEN | LEX_QUOTE,
    [' '] = LEX_SPACE | LEX_BLANK | UNSEEN,
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

enum { HOST_MAX = 255, LABEL_MAX = 63 };

bool lex_take_quoted(struct str *s, struct str *out)
{
    const char *p = s->p, *end = s->p + s->n;
    if (p == end || *p != '"')
        return false;
    for (p++; (p = lex_run(p, end, LEX_QUOTE, false)) < end; p += 2) {
        if (*p == '"') {
            *out = str_span(s->p, p + 1);
            *s = str_span(p + 1, end);
            return true;
        }
        if (*p != '\\' || end - p < 2) /* a control character; nothing behind it */
            return false;
        if (p[1] == '\r' || p[1] == '\n')
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

/* Labels of 1 to 63 characters with dots between them, none with a '-' at an end. *last: where the
 * last one begins. Of a host's characters only '-' and '.' come before the digits. */
static bool is_labels(struct str s, const char **last)
{
    const char *end = str_end(s), *label = s.p, *p = s.p;
    for (;;) {
        while (p<end && * p> '.')
            p++;
        if (p < end && *p == '-') {
            if (p++ == label || p == end || *p == '.')
                return false;
            continue;
        }
        if (p == label || p - label > LABEL_MAX)
            return false;
        if (p == end)
            break;
        label = ++p;
    }
    *last = label;
    return true;
}

/* A name of labels, with or without the root's dot, of which the last one is no number. */
static bool is_name(struct str s)
{
    const char *last;
    if (s.n > HOST_MAX)
        return false;
    if (s.n > 1 && s.p[s.n - 1] == '.')
        s.n--;
    return is_labels(s, &last) &&
           (!ascii_is_digit(*last) || !is_digits(str_span(last, str_end(s))));
}

static bool take_ipv6(struct str *s, struct str *out, struct addr *literal)
{
    const char *close = str_find(*s, ']');
    if (!close)
        return false;
    *out = str_span(s->p, close + 1);
    *s = str_skip(*s, out->n);
    return addr_parse_host(*out, literal) == 0;
}

bool lex_take_host(struct str *s, struct str *out, struct addr *literal)
{
    literal->family = 0;
    if (lex_starts_with(*s, '['))
        return take_ipv6(s, out, literal);
    *out = lex_take(s, LEX_HOST);
    if (out->n && ascii_is_digit(*out->p) && addr_parse_host(*out, literal) == 0)
        return true;
    return is_name(*out);
}

bool lex_take_port(struct str *s, uint16_t *out)
{
    const char *p = s->p, *end = s->p + s->n;
    uint32_t port = 0;
    for (; p < end && ascii_is_digit(*p) && port <= UINT16_MAX; p++)
        port = port * 10 + (uint32_t)(*p - '0');
    if (port == 0 || port > UINT16_MAX)
        return false;
    *s = str_span(p, end);
    *out = (uint16_t)port;
    return true;
}

bool lex_take_escapes(struct str *s, const char *p, unsigned classes, struct str *out)
{
    const char *end = s->p + s->n;
    for (; p < end && *p == '%'; p = lex_run(p + 3, end, classes, true))
        if (end - p < 3 || ascii_hex(p[1]) < 0 || ascii_hex(p[2]) < 0)
            return false;
    *out = str_span(s->p, p);
    *s = str_span(p, end);
    return true;
}
