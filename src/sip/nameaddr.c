#include "sip/nameaddr.h"

#include "base/err.h"
#include "sip/lex.h"
#include "sip/param.h"

static bool is_at_end(struct str rest)
{
    lex_skip_space(&rest);
    return rest.n == 0 || *rest.p == ',' || *rest.p == ';';
}

/* The star alone, not a display name that begins with one. */
static bool take_star(struct str *rest, struct nameaddr *out)
{
    struct str after = *rest;
    if (!lex_take_char(&after, '*') || !is_at_end(after))
        return false;
    out->uri = (struct str){rest->p, 1};
    out->is_star = true;
    *rest = after;
    return true;
}

/* display-name = *(token LWS) / quoted-string, and the white space behind it. Taken only where a
 * '<' follows. */
static bool take_display(struct str *rest, struct str *out)
{
    struct str after = *rest;
    if (lex_starts_with(after, '"')) {
        if (!lex_take_quoted(&after, out))
            return false;
        lex_skip_space(&after);
    } else {
        *out = str_trim(lex_take(&after, LEX_TOKEN | LEX_SPACE));
        if (out->n == 0)
            *out = STR_NONE;
    }
    if (!lex_starts_with(after, '<'))
        return false;
    *rest = after;
    return true;
}

/* Up to the '>'; nothing that no URI may hold. */
static bool take_bracketed(struct str *rest, struct str *out)
{
    if (!lex_take_char(rest, '<'))
        return false;
    size_t n = lex_span_not(*rest, LEX_BREAK);
    if (n == rest->n || rest->p[n] != '>')
        return false;
    *out = (struct str){rest->p, n};
    *rest = str_skip(*rest, n + 1);
    return n > 0;
}

/* RFC 3261 20.10: without brackets the first ';' or ',' ends the URI. A '?' may not be in it, and
 * neither belongs to anything that may follow. */
static bool take_bare(struct str *rest, struct str *out)
{
    *out = lex_take(rest, LEX_BARE);
    return str_find(*out, ':') != NULL;
}

static bool take_address(struct str *rest, struct nameaddr *out)
{
    if (take_star(rest, out))
        return true;
    if (take_display(rest, &out->display)) {
        out->has_brackets = true;
        return take_bracketed(rest, &out->uri);
    }
    out->display = STR_NONE;
    return take_bare(rest, &out->uri);
}

static void note_tag(const struct param *p, struct nameaddr *out)
{
    if (str_is_none(out->tag) && str_ieq(p->name, STR("tag")))
        out->tag = str_is_none(p->value) ? (struct str){str_end(p->name), 0} : p->value;
}

static bool take_params(struct str *rest, struct nameaddr *out)
{
    struct str ahead = *rest;
    lex_skip_space(&ahead);
    if (!lex_starts_with(ahead, ';'))
        return true;
    const char *from = ahead.p;
    while (lex_starts_with(ahead, ';')) {
        struct param p;
        if (param_next(&ahead, &p) != 1)
            return false;
        note_tag(&p, out);
        *rest = ahead;
        lex_skip_space(&ahead);
    }
    out->params = str_trim(str_span(from, rest->p));
    return true;
}

/* The comma behind an element, with another element behind it, or the end. */
static bool take_end(struct str *rest)
{
    lex_skip_space(rest);
    if (rest->n == 0)
        return true;
    if (!lex_take_char(rest, ','))
        return false;
    lex_skip_space(rest);
    return rest->n > 0;
}

int nameaddr_next(struct str *rest, struct nameaddr *out)
{
    *out = (struct nameaddr){0};
    lex_skip_space(rest);
    if (rest->n == 0)
        return 0;
    const char *from = rest->p;
    if (!take_address(rest, out) || !take_params(rest, out))
        return ERR_PARSE;
    out->text = str_trim(str_span(from, rest->p));
    return take_end(rest) ? 1 : ERR_PARSE;
}

int nameaddr_parse(struct str value, struct nameaddr *out)
{
    return nameaddr_next(&value, out) == 1 && value.n == 0 ? 0 : ERR_PARSE;
}
