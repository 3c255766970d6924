/* The lines of a message as they stand, legal or not: what peek, frame and msg have in common. A
 * line ends with LF, with or without a CR before it; a line that begins with white space belongs
 * to the field before it (RFC 3261 7.3.1). Each step looks at its own bytes only. Pure; any
 * thread. */
#ifndef BW_SIP_LINE_H
#define BW_SIP_LINE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/str.h"
#include "sip/lex.h"

struct line {
    struct str name;  /* a token; none: no token with a colon behind it */
    struct str value; /* trimmed, its folds in it; none where name is */
    struct str raw;   /* the whole field with its line end(s) */
    uint32_t n_ends;  /* line ends in raw: more than one means folded */
    bool has_bare_lf; /* one of them lacks its CR */
};

/* Takes the start line off the front of *rest, with the stray line ends before it; *out is without
 * its CRLF. False where no line end comes. */
bool line_start(struct str *rest, struct str *out);

/* The length of the blank line that *rest begins with: 2, 1 without its CR, 0 if there is none. */
static inline size_t line_blank_len(struct str rest)
{
    if (rest.n >= 1 && rest.p[0] == '\n')
        return 1;
    return rest.n >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n' ? 2 : 0;
}

/* ---- what line_next is made of; inline, for it is run for each line of each message */

static inline bool line_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first LF, or NULL. Header lines are short: a call to memchr would cost as much again. */
static inline const char *line_find_lf(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i lf = _mm_set1_epi8('\n');
    for (; end - at >= 16; at += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, lf));
        if (hits)
            return at + __builtin_ctz((unsigned)hits);
    }
#endif
    return at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
}

/* Where the field ends: behind the first LF that no white space follows; NULL if there is none. */
static inline const char *line_find_end(struct str rest, struct line *out)
{
    const char *at = rest.p, *end = str_end(rest);
    out->n_ends = 0;
    out->has_bare_lf = rest.p[0] == '\n';
    do {
        const char *lf = line_find_lf(at, end);
        if (!lf)
            return NULL;
        out->n_ends++;
        out->has_bare_lf = out->has_bare_lf || lf[-1] != '\r';
        at = lf + 1;
    } while (at < end && line_is_blank(*at));
    return at;
}

/* The loops need no bound: the line end stops them, at the latest. RFC 3261 25.1: HCOLON allows
 * blanks before the colon. */
static inline void line_split(struct line *l)
{
    const char *p = l->raw.p, *end = str_end(l->raw);
    l->name = l->value = STR_NONE;
    p = lex_run(p, end, LEX_TOKEN, true);
    const char *name_end = p;
    while (line_is_blank(*p))
        p++;
    if (name_end == l->raw.p || *p++ != ':')
        return;
    while (lex_is(end[-1], LEX_SPACE))
        end--;
    while (p < end && lex_is(*p, LEX_SPACE))
        p++;
    l->name = str_span(l->raw.p, name_end);
    l->value = p < end ? str_span(p, end) : (struct str){p, 0};
}

/* Takes the next header field off the front of *rest. False: a blank line is next, or no line end
 * comes any more; then *rest stays. */
static inline bool line_next(struct str *rest, struct line *out)
{
    if (rest->n == 0 || line_blank_len(*rest))
        return false;
    const char *end = line_find_end(*rest, out);
    if (!end)
        return false;
    out->raw = str_span(rest->p, end);
    *rest = str_span(end, str_end(*rest));
    line_split(out);
    return true;
}

/* How often c stands in s. */
size_t line_count(struct str s, char c);

#endif
