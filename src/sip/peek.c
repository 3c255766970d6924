#include "sip/peek.h"

#include "base/err.h"
#include "sip/lex.h"
#include "sip/line.h"

/* "SIP/", any version, any case. */
static bool is_version(struct str word)
{
    return str_has_iprefix(word, STR("SIP/"));
}

/* SIP-Version SP 3DIGIT, then a space or nothing. */
static int parse_status(struct str line, struct peek *out)
{
    const char *sp = str_find(line, ' ');
    if (!sp)
        return ERR_PARSE;
    struct str rest = str_span(sp + 1, str_end(line));
    uint32_t status = 0;
    if (rest.n < 3 || (rest.n > 3 && rest.p[3] != ' ') ||
        str_to_u32((struct str){rest.p, 3}, 999, &status) != 0 || status < 100)
        return ERR_PARSE;
    out->status = status;
    return 0;
}

/* Method SP anything SP SIP-Version. */
static int parse_request(struct str line, struct peek *out)
{
    struct str all = str_trim(line);
    const char *sp = str_find(all, ' ');
    if (!sp || !hdr_is_token(str_span(all.p, sp)))
        return ERR_PARSE;
    const char *word = str_end(all);
    while (word > sp + 1 && word[-1] != ' ')
        word--;
    if (!is_version(str_span(word, str_end(all))))
        return ERR_PARSE;
    out->is_request = true;
    out->method = hdr_method(str_span(all.p, sp));
    return 0;
}

/* Where a value of a header that was looked for belongs; NULL for other headers. */
static struct str *slot(struct peek *p, enum hdr_id id)
{
    switch (id) {
    case HDR_VIA:
        return &p->via;
    case HDR_FROM:
        return &p->from;
    case HDR_TO:
        return &p->to;
    case HDR_CALL_ID:
        return &p->call_id;
    case HDR_CSEQ:
        return &p->cseq;
    default:
        return NULL;
    }
}

static void find_fields(struct peek *p)
{
    enum { WANTED = 5 };
    struct str rest = p->heads;
    struct msg_line l;
    for (int n_found = 0; n_found < WANTED && line_next(&rest, &l);) {
        struct str *to = slot(p, l.id);
        if (!to || !str_is_none(*to))
            continue;
        *to = l.value;
        n_found++;
    }
}

/* What stands behind the word that a CSeq ends with. */
static struct str last_word(struct str s)
{
    size_t n = 0;
    while (n < s.n && lex_is(s.p[s.n - 1 - n], LEX_TOKEN))
        n++;
    return str_skip(s, s.n - n);
}

/* Behind the quoted string that s begins with, or all of s where it stays open. */
static const char *skip_quoted(struct str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '"')
            return s.p + i + 1;
        i += s.p[i] == '\\';
    }
    return str_end(s);
}

/* Cuts the next parameter of a Via element off *rest, from behind its semicolon to the next one.
 * False at the element's end. */
static bool next_param(struct str *rest, struct str *param)
{
    const char *from = NULL, *end = str_end(*rest), *p = rest->p;
    while (p < end && *p != ',' && !(from && *p == ';')) {
        if (*p == ';')
            from = p + 1;
        p = *p == '"' ? skip_quoted(str_span(p, end)) : p + 1;
    }
    if (!from)
        return false;
    *param = str_trim(str_span(from, p));
    *rest = str_span(p, end);
    return true;
}

static struct str without_quotes(struct str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (struct str){s.p + 1, s.n - 2};
    return s;
}

static struct str find_branch(struct str via)
{
    struct str param;
    while (next_param(&via, &param)) {
        const char *eq = str_find(param, '=');
        if (eq && str_ieq(str_trim(str_span(param.p, eq)), STR("branch")))
            return without_quotes(str_trim(str_span(eq + 1, str_end(param))));
    }
    return STR_NONE;
}

int peek_parse(struct str bytes, struct peek *out)
{
    *out = (struct peek){0};
    struct str line, rest = bytes;
    if (!line_start(&rest, &line))
        return ERR_PARSE;
    int err = is_version(line) ? parse_status(line, out) : parse_request(line, out);
    if (err)
        return err;
    out->bytes = str_span(line.p, str_end(bytes));
    out->heads = rest;
    find_fields(out);
    if (!str_is_none(out->via))
        out->branch = find_branch(out->via);
    if (!out->is_request)
        out->method = hdr_method(last_word(out->cseq));
    return 0;
}
