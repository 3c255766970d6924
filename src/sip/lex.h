/* The smallest pieces of the grammar (RFC 3261 25.1): character classes, white space, quoted
 * strings, hosts. The functions take from the front of a slice that is not none. Pure; any
 * thread. */
#ifndef BW_SIP_LEX_H
#define BW_SIP_LEX_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/addr.h"
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
    LEX_BLIND = 1 << 17,  /* leaves no mark on paper, or is not ASCII */
    LEX_BLANK = 1 << 18   /* blank and tab */
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

/* Letters, digits, '-' and '.' are in each of these. */
enum {
    LEX_ALL_CORE = LEX_TOKEN | LEX_HOST | LEX_VALUE | LEX_USER | LEX_PASSWORD | LEX_PARAM |
                   LEX_HEADER | LEX_URIC | LEX_SCHEME | LEX_BARE
};

#ifdef __SSE2__
static inline __m128i lex_is_upto(__m128i block, char most)
{
    return _mm_cmpeq_epi8(_mm_subs_epu8(block, _mm_set1_epi8(most)), _mm_setzero_si128());
}

static inline __m128i lex_is_char(__m128i block, char c)
{
    return _mm_cmpeq_epi8(block, _mm_set1_epi8(c));
}

static inline __m128i lex_is_core(__m128i block)
{
    const __m128i letter =
        _mm_sub_epi8(_mm_or_si128(block, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    const __m128i other = _mm_sub_epi8(block, _mm_set1_epi8('-')); /* "-./0123456789" */
    return _mm_or_si128(lex_is_upto(letter, 'z' - 'a'),
                        _mm_andnot_si128(lex_is_char(block, '/'), lex_is_upto(other, '9' - '-')));
}

/* Those where a run of characters that are in none of the classes may end. */
static inline __m128i lex_is_stop(__m128i block, unsigned classes)
{
    __m128i stop = _mm_setzero_si128();
    if (classes & (LEX_BREAK | LEX_BLIND | LEX_QUOTE))
        stop = _mm_or_si128(lex_is_upto(block, classes & LEX_QUOTE ? 0x1f : ' '),
                            lex_is_char(block, 0x7f));
    if (classes & LEX_BLIND)
        stop = _mm_or_si128(stop, _mm_cmplt_epi8(block, _mm_setzero_si128()));
    if (classes & (LEX_BREAK | LEX_QUOTE | LEX_LIST))
        stop = _mm_or_si128(stop, lex_is_char(block, '"'));
    if (classes & LEX_BREAK) /* '<' and '>' differ in that bit */
        stop = _mm_or_si128(stop, lex_is_char(_mm_or_si128(block, _mm_set1_epi8(2)), '>'));
    if (classes & LEX_QUOTE)
        stop = _mm_or_si128(stop, lex_is_char(block, '\\'));
    if (classes & LEX_LIST)
        stop = _mm_or_si128(stop, _mm_or_si128(lex_is_char(block, '<'), lex_is_char(block, ',')));
    return stop;
}

static inline unsigned lex_stops(__m128i block, unsigned classes, bool is_in)
{
    return is_in ? ~(unsigned)_mm_movemask_epi8(lex_is_core(block)) & 0xffff
                 : (unsigned)_mm_movemask_epi8(lex_is_stop(block, classes));
}

/* Sixteen and eight at a time as far as that is sure; the character where it ends may go on with
 * the run. */
static inline const char *lex_run_wide(const char *p, const char *end, unsigned classes, bool is_in)
{
    unsigned stops;
    for (; end - p >= 16; p += 16) {
        stops = lex_stops(_mm_loadu_si128((const __m128i *)(const void *)p), classes, is_in);
        if (stops)
            return p + __builtin_ctz(stops);
    }
    if (end - p < 8)
        return p;
    stops = lex_stops(_mm_loadl_epi64((const __m128i *)(const void *)p), classes, is_in) & 0xff;
    return p + (stops ? __builtin_ctz(stops) : 8);
}
#else
static inline const char *lex_run_wide(const char *p, const char *end, unsigned classes, bool is_in)
{
    (void)end, (void)classes, (void)is_in;
    return p;
}
#endif

/* The end of the run of characters at p that are in one of the classes, or where is_in is false in
 * none. Most of what is read of a message is read here. */
static inline const char *lex_run(const char *p, const char *end, unsigned classes, bool is_in)
{
    const unsigned outside = LEX_BREAK | LEX_BLIND | LEX_QUOTE | LEX_LIST;
    if (is_in ? (classes & LEX_ALL_CORE) != 0 : (classes & ~outside) == 0)
        p = lex_run_wide(p, end, classes, is_in);
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

/* Behind the white space at p. */
static inline const char *lex_behind_space(const char *p, const char *end)
{
    while (p < end && lex_is(*p, LEX_SPACE))
        p++;
    return p;
}

static inline void lex_skip_space(struct str *s)
{
    const char *end = s->p + s->n;
    s->p = lex_behind_space(s->p, end);
    s->n = (size_t)(end - s->p);
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

/* ---- the next ones begin at p and give back where they end, or NULL where it is none of them */

/* A quoted string, with its quotes; not open, nor with a bare control character; an escaped one,
 * NUL too, is legal. */
const char *lex_quoted(const char *p, const char *end);

/* A host name, IPv4 or bracketed IPv6 address without zone. *literal: the address; family 0 for a
 * name; its port is left as it is. */
const char *lex_host(const char *p, const char *end, struct str *out, struct addr *literal);

/* A port, 1…65535. */
const char *lex_port(const char *p, const char *end, uint16_t *out);

/* What lex_escaped does at the first '%', which stands at p. */
const char *lex_escapes(const char *p, const char *end, unsigned classes);

/* The longest run of characters of these classes (not '%') and %HH escapes; it may be empty. No
 * escape is malformed. */
static inline const char *lex_escaped(const char *p, const char *end, unsigned classes)
{
    p = lex_run(p, end, classes, true);
    return p < end && *p == '%' ? lex_escapes(p, end, classes) : p;
}

#endif
