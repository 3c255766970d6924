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

const char *lex_quoted(const char *p, const char *end)
{
    if (p == end || *p != '"')
        return NULL;
    for (p++; (p = lex_run(p, end, LEX_QUOTE, false)) < end; p += 2) {
        if (*p == '"')
            return p + 1;
        if (*p != '\\' || end - p < 2) /* a control character; nothing behind it */
            return NULL;
        if (p[1] == '\r' || p[1] == '\n')
            return NULL;
    }
    return NULL;
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

static const char *take_ipv6(const char *p, const char *end, struct str *out, struct addr *literal)
{
    const char *close = memchr(p, ']', (size_t)(end - p));
    if (!close)
        return NULL;
    *out = str_span(p, close + 1);
    return addr_parse_host(*out, literal) == 0 ? close + 1 : NULL;
}

const char *lex_host(const char *p, const char *end, struct str *out, struct addr *literal)
{
    literal->family = 0;
    if (p < end && *p == '[')
        return take_ipv6(p, end, out, literal);
    const char *host_end = lex_run(p, end, LEX_HOST, true);
    *out = str_span(p, host_end);
    if (p < host_end && ascii_is_digit(*p) && addr_parse_host(*out, literal) == 0)
        return host_end;
    return is_name(*out) ? host_end : NULL;
}

const char *lex_port(const char *p, const char *end, uint16_t *out)
{
    uint32_t port = 0;
    for (; p < end && ascii_is_digit(*p) && port <= UINT16_MAX; p++)
        port = port * 10 + (uint32_t)(*p - '0');
    if (port == 0 || port > UINT16_MAX)
        return NULL;
    *out = (uint16_t)port;
    return p;
}

const char *lex_escapes(const char *p, const char *end, unsigned classes)
{
    for (; p < end && *p == '%'; p = lex_run(p + 3, end, classes, true))
        if (end - p < 3 || ascii_hex(p[1]) < 0 || ascii_hex(p[2]) < 0)
            return NULL;
    return p;
}
