#include "sip/line.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sip/lex.h"

bool line_start(struct str *rest, struct str *out)
{
    while (rest->n && (*rest->p == '\r' || *rest->p == '\n'))
        *rest = str_skip(*rest, 1);
    const char *lf = str_find(*rest, '\n');
    if (!lf)
        return false;
    *out = str_span(rest->p, lf);
    if (out->n && out->p[out->n - 1] == '\r')
        out->n--;
    *rest = str_span(lf + 1, str_end(*rest));
    return true;
}

size_t line_blank_len(struct str rest)
{
    if (rest.n >= 1 && rest.p[0] == '\n')
        return 1;
    return rest.n >= 2 && rest.p[0] == '\r' && rest.p[1] == '\n' ? 2 : 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The first LF, or NULL. Header lines are short: a call to memchr would cost as much again. */
static inline const char *find_lf(const char *at, const char *end)
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
static const char *find_end(struct str rest, struct line *out)
{
    const char *at = rest.p, *end = str_end(rest);
    out->n_ends = 0;
    out->has_bare_lf = rest.p[0] == '\n';
    do {
        const char *lf = find_lf(at, end);
        if (!lf)
            return NULL;
        out->n_ends++;
        out->has_bare_lf = out->has_bare_lf || lf[-1] != '\r';
        at = lf + 1;
    } while (at < end && is_blank(*at));
    return at;
}

/* The loops need no bound: the line end stops them, at the latest. RFC 3261 25.1: HCOLON allows
 * blanks before the colon. */
static void split(struct line *l)
{
    const char *p = l->raw.p, *end = str_end(l->raw);
    l->name = l->value = STR_NONE;
    p = lex_run(p, end, LEX_TOKEN, true);
    const char *name_end = p;
    while (is_blank(*p))
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

bool line_next(struct str *rest, struct line *out)
{
    if (rest->n == 0 || line_blank_len(*rest))
        return false;
    const char *end = find_end(*rest, out);
    if (!end)
        return false;
    out->raw = str_span(rest->p, end);
    *rest = str_span(end, str_end(*rest));
    split(out);
    return true;
}

size_t line_count(struct str s, char c)
{
    enum { BLOCK = 32 }; /* a constant, so that the compiler compares many bytes at once */
    size_t n = 0;
    const char *p = s.p, *end = str_end(s);
    for (; end - p >= BLOCK; p += BLOCK) {
        uint8_t hits = 0;
        for (int i = 0; i < BLOCK; i++)
            hits = (uint8_t)(hits + (p[i] == c));
        n += hits;
    }
    for (; p < end; p++)
        n += *p == c;
    return n;
}
