#include "sip/nameaddr.h"

#include "base/err.h"
#include "sip/lex.h"
#include "sip/param.h"

/* The star alone, not a display name that begins with one. */
static bool is_star(const char *p, const char *end)
{
    if (*p != '*')
        return false;
    p = lex_behind_space(p + 1, end);
    return p == end || *p == ',' || *p == ';';
}

/* display-name = *(token LWS) / quoted-string, and the white space behind it. NULL where no '<'
 * follows. */
static const char *take_display(const char *p, const char *end, struct str *out)
{
    const char *from = p;
    if (*p == '"') {
        p = lex_quoted(p, end);
        if (!p)
            return NULL;
        *out = str_span(from, p);
        p = lex_behind_space(p, end);
    } else if (*p != '<') {
        p = lex_run(p, end, LEX_TOKEN | LEX_SPACE, true);
        *out = str_trim(str_span(from, p));
    }
    return p < end && *p == '<' ? p : NULL;
}

/* Up to the '>', from behind the '<'; nothing that no URI may hold. */
static const char *take_bracketed(const char *p, const char *end, struct str *out)
{
    const char *close = lex_run(p, end, LEX_BREAK, false);
    if (close == end || *close != '>' || close == p)
        return NULL;
    *out = str_span(p, close);
    return close + 1;
}

/* RFC 3261 20.10: without brackets the first ';' or ',' ends the URI. A '?' may not be in it, and
 * neither belongs to anything that may follow. */
static const char *take_bare(const char *p, const char *end, struct str *out)
{
    *out = str_span(p, lex_run(p, end, LEX_BARE, true));
    return str_find(*out, ':') ? str_end(*out) : NULL;
}

static const char *take_address(const char *p, const char *end, struct nameaddr *out)
{
    out->is_star = is_star(p, end);
    if (out->is_star) {
        out->uri = (struct str){p, 1};
        return p + 1;
    }
    const char *open = take_display(p, end, &out->display);
    out->has_brackets = open != NULL;
    if (open)
        return take_bracketed(open + 1, end, &out->uri);
    out->display = STR_NONE;
    return take_bare(p, end, &out->uri);
}

static void note_tag(const struct param *p, struct nameaddr *out)
{
    if (str_is_none(out->tag) && str_ieq(p->name, STR("tag")))
        out->tag = str_is_none(p->value) ? (struct str){str_end(p->name), 0} : p->value;
}

/* Without the white space at its end. */
static struct str text_of(const char *from, const char *end)
{
    while (end > from && lex_is(end[-1], LEX_SPACE))
        end--;
    return str_span(from, end);
}

static const char *take_params(const char *p, const char *end, struct nameaddr *out)
{
    const char *from = lex_behind_space(p, end);
    struct param param;
    if (from == end || *from != ';')
        return p;
    for (const char *next = from; next < end && *next == ';'; next = lex_behind_space(p, end)) {
        p = param_read(next, end, &param);
        if (!p)
            return NULL;
        note_tag(&param, out);
    }
    out->params = text_of(from, p);
    return p;
}

/* The comma behind an element, with another element behind it, or the end. */
static const char *take_end(const char *p, const char *end)
{
    p = lex_behind_space(p, end);
    if (p == end)
        return p;
    if (*p != ',')
        return NULL;
    p = lex_behind_space(p + 1, end);
    return p < end ? p : NULL;
}

int nameaddr_next(struct str *rest, struct nameaddr *out)
{
    const char *end = str_end(*rest), *from = lex_behind_space(rest->p, end);
    *out = (struct nameaddr){0};
    *rest = str_span(from, end);
    if (from == end)
        return 0;
    const char *p = take_address(from, end, out);
    if (p)
        p = take_params(p, end, out);
    if (!p)
        return ERR_PARSE;
    out->text = text_of(from, p);
    p = take_end(p, end);
    if (!p)
        return ERR_PARSE;
    *rest = str_span(p, end);
    return 1;
}

int nameaddr_parse(struct str value, struct nameaddr *out)
{
    return nameaddr_next(&value, out) == 1 && value.n == 0 ? 0 : ERR_PARSE;
}
