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
