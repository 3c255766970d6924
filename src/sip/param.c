#include "sip/param.h"

#include "base/arena.h"
#include "base/err.h"
#include "sip/lex.h"

int param_next(struct str *rest, struct param *out)
{
    lex_skip_space(rest);
    if (rest->n == 0)
        return 0;
    if (!lex_take_separator(rest, ';'))
        return ERR_PARSE;
    *out = (struct param){.name = lex_take(rest, LEX_TOKEN)};
    if (out->name.n == 0)
        return ERR_PARSE;
    if (!lex_take_separator(rest, '='))
        return 1;
    if (lex_starts_with(*rest, '"'))
        return lex_take_quoted(rest, &out->value) ? 1 : ERR_PARSE;
    out->value = lex_take(rest, LEX_VALUE);
    if (out->value.n == 0) /* it stands behind its "=", not behind the white space that follows */
        out->value.p = str_end(str_trim(str_span(out->name.p, rest->p)));
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
    while (rest->n) {
        const char *end = str_end(*rest);
        const char *p = rest->p;
        while ((p = lex_run(p, end, LEX_LIST, false)) < end && *p != ',')
            p = skip_piece(p, end);
        *element = str_trim(str_span(rest->p, p));
        *rest = str_span(p < end ? p + 1 : end, end);
        if (element->n)
            return true;
    }
    return false;
}
