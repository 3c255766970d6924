#include "sip/param.h"

#include "base/arena.h"
#include "base/err.h"
#include "sip/lex.h"

const char *param_read(const char *p, const char *end, struct param *out)
{
    const char *from = lex_behind_space(p + 1, end);
    p = lex_run(from, end, LEX_TOKEN, true);
    *out = (struct param){.name = str_span(from, p)};
    if (p == from)
        return NULL;
    const char *equal = lex_behind_space(p, end);
    if (equal == end || *equal != '=')
        return p;
    from = lex_behind_space(equal + 1, end);
    if (from < end && *from == '"')
        p = lex_quoted(from, end);
    else
        p = lex_run(from, end, LEX_VALUE, true);
    /* an empty one stands behind its "=", not behind the white space that follows */
    if (p)
        out->value = p == from ? (struct str){equal + 1, 0} : str_span(from, p);
    return p;
}

int param_next(struct str *rest, struct param *out)
{
    const char *end = str_end(*rest), *p = lex_behind_space(rest->p, end);
    if (p == end) {
        *rest = (struct str){p, 0};
        return 0;
    }
    p = *p == ';' ? param_read(p, end, out) : NULL;
    if (!p)
        return ERR_PARSE;
    *rest = str_span(p, end);
    return 1;
}

bool param_find(struct str params, struct str name, struct param *out)
{
    while (param_next(&params, out) == 1)
        if (str_ieq(out->name, name))
            return true;
    return false;
}

static bool is_quoted(struct str s)
{
    return s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
}

struct str param_unquote(struct arena *a, struct str value)
{
    if (!is_quoted(value))
        return value;
    char *to = arena_alloc(a, value.n);
    if (!to)
        return STR_NONE;
    struct str plain = {to, 0};
    const char *end = str_end(value) - 1;
    for (const char *p = value.p + 1; p < end; p++) {
        if (*p == '\\' && p + 1 < end)
            p++;
        to[plain.n++] = *p;
    }
    return plain;
}

/* Where the quoted string or <…> that begins at p ends; open ones run to the end. */
static const char *skip_piece(const char *p, const char *end)
{
    struct str rest = str_span(p, end);
    if (*p == '<') {
        const char *close = str_find(rest, '>');
        return close ? close + 1 : end;
    }
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end)
            p++;
    return p < end ? p + 1 : end;
}

bool param_split(struct str *rest, struct str *element)
{
    const char *end = rest->p + rest->n, *p = rest->p;
    while (p < end && (*p == ',' || lex_is(*p, LEX_SPACE)))
        p++;
    const char *from = p;
    while ((p = lex_run(p, end, LEX_LIST, false)) < end && *p != ',')
        p = skip_piece(p, end);
    *rest = str_span(p < end ? p + 1 : p, end);
    while (p > from && lex_is(p[-1], LEX_SPACE))
        p--;
    *element = str_span(from, p);
    return p > from;
}
