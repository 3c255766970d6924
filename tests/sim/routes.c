#include "routes.h"

#include "base/buf.h"
#include "text.h"

/* The elements of all lines of one header; no comma stands within one of them. */
static size_t collect(struct str message, struct str name, struct str out[ROUTES_MAX])
{
    size_t n = 0;
    struct str value = text_header(message, name, 0);
    for (unsigned i = 0; value.p; value = text_header(message, name, ++i)) {
        while (value.n && n < ROUTES_MAX) {
            const char *comma = str_find(value, ',');
            out[n] = comma ? str_span(value.p, comma) : value;
            value = str_trim(str_skip(value, out[n].n + (comma ? 1 : 0)));
            n++;
        }
    }
    return n;
}

void routes_of(struct str message, struct routes *out)
{
    struct str found[ROUTES_MAX];
    bool is_request = text_is_request(message);
    bool is_path = is_request && str_eq(text_method(message), STR("REGISTER"));
    *out = (struct routes){0};
    out->n = collect(message, is_path ? STR("Path") : STR("Record-Route"), found);
    for (size_t i = 0; i < out->n; i++)
        out->elements[i] = str_trim(found[is_request ? i : out->n - 1 - i]);
}

/* ---------------------------------------------------------------- as others write it */

static struct str user_of(struct str element)
{
    const char *colon = str_find(element, ':'), *at = str_find(element, '@');
    return colon && at ? str_span(colon + 1, at) : STR_NONE;
}

static void put_user(struct buf *out, struct str user, bool is_escaped)
{
    for (size_t i = 0; i < user.n; i++) {
        char c = user.p[i];
        if (is_escaped && i % 5 == 0)
            buf_addf(out, "%%%02X", (unsigned)c);
        else
            buf_add_char(out, c >= 'a' && c <= 'z' && !is_escaped ? (char)(c - 'a' + 'A') : c);
    }
}

static struct str with_user(struct arena *a, struct str element, bool is_escaped)
{
    struct str user = user_of(element);
    if (!user.n)
        return element;
    struct buf out = buf_in(a, element.n + 2 * user.n);
    buf_add(&out, str_span(element.p, user.p));
    put_user(&out, user, is_escaped);
    buf_add(&out, str_span(str_end(user), str_end(element)));
    return buf_str(&out);
}

static struct str around(struct arena *a, const char *before, struct str text, const char *behind)
{
    struct buf out = buf_in(a, strlen(before) + text.n + strlen(behind));
    buf_addf(&out, "%s%.*s%s", before, STR_FMT(text), behind);
    return buf_str(&out);
}

/* <sip:a@b;lr> with more in it and behind it. */
static struct str with_params(struct arena *a, struct str element)
{
    const char *first = str_find(element, ';'), *close = str_find(element, '>');
    if (!first || !close)
        return element;
    struct buf out = buf_in(a, element.n + 64);
    buf_addf(&out, "%.*s;nat=yes%.*s;ftag=4711>;via=p1", STR_FMT(str_span(element.p, first)),
             STR_FMT(str_span(first, close)));
    return buf_str(&out);
}

/* In what a Record-Route of ours says of the phone; what stands at its end is of the other one. */
enum { SPOILT_AT = 20 };

static struct str spoilt(struct arena *a, struct str element)
{
    struct str copy = str_dup(a, element), user = user_of(copy);
    if (user.n) {
        char *c = (char *)(uintptr_t)user.p + (user.n > SPOILT_AT ? SPOILT_AT : 0);
        *c = *c == '0' ? '1' : '0';
    }
    return copy;
}

static void drop(struct routes *r, size_t at)
{
    for (r->n--; at < r->n; at++)
        r->elements[at] = r->elements[at + 1];
}

static void make_strict(struct arena *a, struct routes *r)
{
    const char *open = str_find(r->elements[0], '<'), *close = str_find(r->elements[0], '>');
    struct str target = around(a, "<", r->ruri, ">");
    if (!open || !close || r->n == ROUTES_MAX)
        return;
    r->ruri = str_span(open + 1, close);
    drop(r, 0);
    r->elements[r->n++] = target;
}

static struct str rewritten(struct arena *a, struct str how, struct str element)
{
    if (str_eq(how, STR("upper")) || str_eq(how, STR("escaped")))
        return with_user(a, element, str_eq(how, STR("escaped")));
    if (str_eq(how, STR("params")))
        return with_params(a, element);
    return str_eq(how, STR("display")) ? around(a, "\"Edge, 1\" ", element, "") : STR_NONE;
}

static bool change(struct arena *a, struct str how, struct routes *r)
{
    size_t nth = how.n ? (size_t)(how.p[how.n - 1] - '1') : 0;
    if (str_has_prefix(how, STR("drop-")) && nth < r->n) {
        drop(r, nth);
    } else if (str_has_prefix(how, STR("spoil-")) && nth < r->n) {
        r->elements[nth] = spoilt(a, r->elements[nth]);
    } else if (str_eq(how, STR("swap")) && r->n > 1) {
        struct str first = r->elements[0];
        r->elements[0] = r->elements[1];
        r->elements[1] = first;
    } else {
        return false;
    }
    return true;
}

static bool write_once(struct arena *a, struct str how, struct routes *r)
{
    if (str_eq(how, STR("split"))) {
        r->is_split = true;
        return true;
    }
    if (str_eq(how, STR("strict")) && r->n) {
        make_strict(a, r);
        return true;
    }
    if (change(a, how, r))
        return true;
    for (size_t i = 0; i < r->n; i++) {
        struct str other = rewritten(a, how, r->elements[i]);
        if (!other.p)
            return false;
        r->elements[i] = other;
    }
    return r->n > 0;
}

bool routes_write(struct arena *a, struct str how, struct routes *r)
{
    while (how.n) {
        const char *comma = str_find(how, ',');
        struct str word = comma ? str_span(how.p, comma) : how;
        if (!write_once(a, word, r))
            return false;
        how = str_skip(how, word.n + (comma ? 1 : 0));
    }
    return true;
}

struct str routes_join(struct arena *a, const struct routes *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++)
        n += r->elements[i].n + 2;
    struct buf out = buf_in(a, n);
    for (size_t i = 0; i < r->n; i++) {
        buf_add(&out, i ? STR(", ") : STR(""));
        buf_add(&out, r->elements[i]);
    }
    return r->n ? buf_str(&out) : STR_NONE;
}
