/* The lines of a message as they stand, legal or not: what peek, frame and msg have in common. A
 * line ends with LF, with or without a CR before it; a line that begins with white space belongs
 * to the field before it (RFC 3261 7.3.1). Each step looks at its own bytes only. Pure; any
 * thread. */
#ifndef BW_SIP_LINE_H
#define BW_SIP_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "sip/hdr.h"
#include "sip/lex.h"

struct msg_line {
    enum hdr_id id;   /* of the name; HDR_OTHER where there is none */
    uint32_t n_ends;  /* line ends in raw: more than one means folded */
    bool has_bare_lf; /* one of them lacks its CR */
    bool is_clean;    /* but for the CRLF at its end no character up to CR, which NUL and tab are */
    struct str name;  /* a token, as written; none: no token with a colon behind it */
    struct str value; /* trimmed, its folds in it; none where name is */
    struct str raw;   /* the whole field with its line end(s) */
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

/* The first character up to CR, or the end. */
static inline const char *line_find_low(const char *at, const char *end)
{
#ifdef __SSE2__
    for (size_t left = (size_t)(end - at); left >= 16; left -= 16, at += 16) {
        const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
        const unsigned hits = (unsigned)_mm_movemask_epi8(lex_is_upto(block, '\r'));
        if (hits)
            return at + __builtin_ctz(hits);
    }
#endif
    while (at < end && (unsigned char)*at > '\r')
        at++;
    return at;
}

/* The end of a name that is known and has its colon right behind it; NULL for another one. No name
 * has a character up to CR, nor may the line. */
static inline const char *line_known_name(const char *p, const char *end, enum hdr_id *id)
{
#ifdef __SSE2__
    if (end - p < HDR_FOLDED_LEN)
        return NULL;
    const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
    const unsigned colons = (unsigned)_mm_movemask_epi8(lex_is_char(block, ':'));
    if (!colons || colons & 1) /* there is none, or no name before it */
        return NULL;
    const unsigned n = (unsigned)__builtin_ctz(colons);
    const struct hdr_place *place = hdr_place(p, n);
    const __m128i folded = _mm_loadu_si128((const __m128i *)(const void *)place->folded);
    const __m128i same = _mm_cmpeq_epi8(_mm_or_si128(block, _mm_set1_epi8(0x20)), folded);
    *id = (enum hdr_id)place->id;
    return (unsigned)__builtin_ctz(~(unsigned)_mm_movemask_epi8(same)) > n ? p + n : NULL;
#else
    (void)p, (void)end, (void)id;
    return NULL;
#endif
}

/* Sets name and value of a field that has its name up to there, and after it a colon. */
static inline void line_set(struct msg_line *l, const char *name_end, const char *p,
                            const char *end)
{
    while (end > p && lex_is(end[-1], LEX_SPACE))
        end--;
    p = lex_behind_space(p, end);
    l->name = str_span(l->raw.p, name_end);
    l->value = str_span(p, end);
}

/* What line_read does with a line that is not clean. */
const char *line_read_unclean(const char *from, const char *end, struct msg_line *out);

/* Finds name and value in raw, where the value has ended at the end. */
void line_split(struct msg_line *l, const char *end);

/* The header field that begins there; where it ends. NULL: a blank line is there, or no line end
 * comes any more. */
static inline const char *line_read(const char *from, const char *end, struct msg_line *out)
{
    const char *cr = line_find_low(from, end);
    if (cr == from || end - cr < 3 || memcmp(cr, "\r\n", 2) != 0 || lex_is(cr[2], LEX_BLANK))
        return line_read_unclean(from, end, out);
    out->n_ends = 1;
    out->has_bare_lf = false;
    out->is_clean = true;
    out->raw = str_span(from, cr + 2);
    const char *name_end = line_known_name(from, end, &out->id);
    if (name_end)
        line_set(out, name_end, name_end + 1, cr);
    else
        line_split(out, cr);
    return cr + 2;
}

/* Takes the next header field off the front of *rest. False: a blank line is next, or no line end
 * comes any more; then *rest stays. */
static inline bool line_next(struct str *rest, struct msg_line *out)
{
    const char *end = str_end(*rest), *next = line_read(rest->p, end, out);
    if (next)
        *rest = str_span(next, end);
    return next != NULL;
}

/* How often c stands in s. */
size_t line_count(struct str s, char c);

#endif
