/* The smallest pieces of the grammar (RFC 3261 25.1): character classes, white space, quoted
 * strings, hosts. The functions take from the front of a slice that is not none. Pure; any
 * thread. */
#ifndef BW_SIP_LEX_H
#define BW_SIP_LEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum lex_class {
    LEX_TOKEN = 1 << 0,
    LEX_SPACE = 1 << 1,    /* blank and tab; CR and LF of a fold */
    LEX_HOST = 1 << 2,     /* of a name or an IPv4 address; '_' is seen in the field */
    LEX_VALUE = 1 << 3,    /* a bare parameter value: token, host, and what else does no harm */
    LEX_USER = 1 << 4,     /* unreserved, user-unreserved */
    LEX_PASSWORD = 1 << 5, /* unreserved and what a password may have */
    LEX_PARAM = 1 << 6,    /* unreserved, param-unreserved */
    LEX_HEADER = 1 << 7,   /* unreserved, hnv-unreserved */
    LEX_URIC = 1 << 8,     /* reserved, unreserved, and RFC 2732's brackets */
    LEX_SCHEME = 1 << 9,
    LEX_RESERVED = 1 << 10,
    LEX_PHONE = 1 << 11,  /* phonedigit-hex of RFC 3966, visual separators among them */
    LEX_VISUAL = 1 << 12, /* RFC 3966's visual-separator */
    LEX_BARE = 1 << 13,   /* of a URI without brackets: no ';', ',' or '?' (D23) */
    LEX_BREAK = 1 << 14,  /* in no URI: would tear a start line or an angle bracket apart */
    LEX_QUOTE = 1 << 15,  /* not plain in a quoted string: its ends, escapes, control characters */
    LEX_LIST = 1 << 16,   /* ends an element of a list, or hides commas: ',', '"', '<' */
    LEX_BLIND = 1 << 17   /* leaves no mark on paper, or is not ASCII */
};

extern const uint32_t lex_table[256];

/* c belongs to one of the classes. */
static inline bool lex_is(char c, unsigned classes)
{
    return lex_table[(unsigned char)c] & classes;
}

static inline bool lex_starts_with(struct str s, char c)
{
    return s.n && *s.p == c;
}

/* The end of the run of characters at p that are in one of the classes, or where is_in is false in
 * none. Four at a time: most of what is read of a message is read here. */
static inline const char *lex_run(const char *p, const char *end, unsigned classes, bool is_in)
{
    for (; end - p >= 4; p += 4) {
        if (lex_is(p[0], classes) != is_in)
            return p;
        if (lex_is(p[1], classes) != is_in)
            return p + 1;
        if (lex_is(p[2], classes) != is_in)
            return p + 2;
        if (lex_is(p[3], classes) != is_in)
            return p + 3;
    }
    while (p < end && lex_is(*p, classes) == is_in)
        p++;
    return p;
}

/* Takes the longest run of characters of these classes; it may be empty. */
static inline struct str lex_take(struct str *s, unsigned classes)
{
    struct str taken = str_span(s->p, lex_run(s->p, s->p + s->n, classes, true));
    s->p += taken.n;
    s->n -= taken.n;
    return taken;
}

static inline bool lex_take_char(struct str *s, char c)
{
    if (!lex_starts_with(*s, c))
        return false;
    s->p++;
    s->n--;
    return true;
}

static inline void lex_skip_space(struct str *s)
{
    while (s->n && lex_is(*s->p, LEX_SPACE)) {
        s->p++;
        s->n--;
    }
}

/* The same character with white space allowed on both sides (SEMI, EQUAL, SLASH, COLON). Nothing
 * is taken where it does not follow. */
static inline bool lex_take_separator(struct str *s, char c)
{
    struct str after = *s;
    lex_skip_space(&after);
    if (!lex_take_char(&after, c))
        return false;
    lex_skip_space(&after);
    *s = after;
    return true;
}

/* How many characters at the front are in none of the classes. */
static inline size_t lex_span_not(struct str s, unsigned classes)
{
    return (size_t)(lex_run(s.p, s.p + s.n, classes, false) - s.p);
}

/* A quoted string, with its quotes. False: it is open, or holds a bare control character; an
 * escaped one, NUL too, is legal. */
bool lex_take_quoted(struct str *s, struct str *out);

/* A host name, IPv4 or bracketed IPv6 address without zone. False: none of them. */
bool lex_take_host(struct str *s, struct str *out);

/* A port, 1…65535. */
bool lex_take_port(struct str *s, uint16_t *out);

/* The longest run of characters of these classes (not '%') and %HH escapes; it may be empty. False:
 * an escape is malformed. */
bool lex_take_escaped(struct str *s, unsigned classes, struct str *out);

#endif
