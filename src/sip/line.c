#include "sip/line.h"

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

/* RFC 3261 25.1: HCOLON allows blanks before the colon. */
void line_split(struct msg_line *l, const char *end)
{
    const char *name_end = lex_run(l->raw.p, end, LEX_TOKEN, true), *p = name_end;
    while (p < end && lex_is(*p, LEX_BLANK))
        p++;
    if (name_end == l->raw.p || p == end || *p != ':') {
        l->id = HDR_OTHER;
        l->name = l->value = STR_NONE;
        return;
    }
    l->id = hdr_find(str_span(l->raw.p, name_end));
    line_set(l, name_end, p + 1, end);
}

/* Where the field ends: behind the first LF that no white space follows; NULL if there is none. */
static const char *find_end(const char *from, const char *end, struct msg_line *out)
{
    const char *at = from;
    out->n_ends = 0;
    out->has_bare_lf = *from == '\n';
    do {
        const char *lf = memchr(at, '\n', (size_t)(end - at));
        if (!lf)
            return NULL;
        out->n_ends++;
        out->has_bare_lf = out->has_bare_lf || lf[-1] != '\r';
        at = lf + 1;
    } while (at < end && lex_is(*at, LEX_BLANK));
    return at;
}

const char *line_read_unclean(const char *from, const char *end, struct msg_line *out)
{
    if (from == end || line_blank_len(str_span(from, end)))
        return NULL;
    const char *next = find_end(from, end, out);
    if (!next)
        return NULL;
    out->is_clean = false;
    out->raw = str_span(from, next);
    line_split(out, next);
    return next;
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
