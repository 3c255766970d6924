#include "sip/glance.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sip/lex.h"

enum { BRANCH_MAX = 128, NUMBER_MAX = 10 };

/* A line, and what is behind it. */
struct field {
    struct str text;   /* without its line end */
    struct str raw;    /* with it */
    const char *limit; /* of the message: what may be read */
};

/* The first c of a slice, or NULL. Values are short, and nearly always more bytes follow them. */
static inline const char *find(struct str s, const char *limit, char c)
{
    const char *p = s.p, *end = str_end(s);
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi8(c);
    for (; limit - p >= 16 && p < end; p += 16) {
        __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
        int hits = _mm_movemask_epi8(_mm_cmpeq_epi8(block, wanted));
        if (hits) {
            p += __builtin_ctz((unsigned)hits);
            return p < end ? p : NULL;
        }
    }
#else
    (void)limit;
#endif
    return p < end ? memchr(p, c, (size_t)(end - p)) : NULL;
}

/* Not folded, and ended by CR LF. False: it is not so, or there is no line. */
static inline bool take_field(struct str *rest, struct field *out)
{
    const char *lf = find(*rest, out->limit, '\n');
    if (!lf || lf == rest->p || lf[-1] != '\r')
        return false;
    out->raw = str_span(rest->p, lf + 1);
    out->text = str_span(rest->p, lf - 1);
    *rest = str_span(lf + 1, out->limit);
    return true;
}

#ifdef __SSE2__
/* As bytes, where a block has one of these: a number from 0 on after the lowest is taken off. */
static inline __m128i is_between(__m128i block, char low, char high)
{
    const __m128i n = _mm_sub_epi8(block, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(n, _mm_set1_epi8((char)(high - low))), n);
}

/* Of sixteen: a letter, a digit, or one of "-." and what stands between them, which is nothing. */
static inline bool is_plain_block(const char *p)
{
    const __m128i block = _mm_loadu_si128((const __m128i *)(const void *)p);
    const __m128i letters = is_between(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z');
    const __m128i others = _mm_or_si128(is_between(block, '0', '9'), is_between(block, '-', '.'));
    return _mm_movemask_epi8(_mm_or_si128(letters, others)) == 0xffff;
}
#endif

static bool is_token(struct str s)
{
    const char *p = s.p, *end = str_end(s);
#ifdef __SSE2__
    while (end - p >= 16 && is_plain_block(p))
        p += 16;
    if (p > s.p && end - p < 16 && is_plain_block(end - 16))
        return true;
#endif
    return s.n && lex_run(p, end, LEX_TOKEN, true) == end;
}

/* ---------------------------------------------------------------- values */

/* The next ";…" of a list of parameters, with its ';'. */
static inline bool take_param(struct str *rest, const char *limit, struct str *out)
{
    if (!lex_starts_with(*rest, ';'))
        return false;
    const char *next = find(str_skip(*rest, 1), limit, ';');
    *out = str_span(rest->p, next ? next : str_end(*rest));
    *rest = str_span(str_end(*out), str_end(*rest));
    return true;
}

static inline bool has_name(struct str param, struct str name)
{
    return param.n >= name.n && memcmp(param.p, name.p, name.n) == 0;
}

/* With a branch and an rport that is to be filled in. */
static bool read_via(const struct field *f, struct str value, struct glance *g)
{
    const char *params = find(value, f->limit, ';');
    if (!params || g->via.text.n)
        return false;
    struct str rest = str_span(params, str_end(value)), param;
    g->via_line = f->raw;
    g->via.text = value;
    g->via.is_plain = true;
    while (take_param(&rest, f->limit, &param)) {
        if (has_name(param, STR(";branch=")))
            g->via.branch = str_skip(param, 8);
        else if (param.n == 6 && has_name(param, STR(";rport")))
            g->via.rport = param;
    }
    g->via.has_rport = !str_is_none(g->via.rport);
    return g->via.has_rport && g->via.branch.n <= BRANCH_MAX && is_token(g->via.branch);
}

/* The tag stands right behind the last bracket. */
static bool read_from(const struct field *f, struct str value, struct glance *g)
{
    const char *end = str_end(value);
    while (end > value.p && end[-1] != '>')
        end--;
    struct str rest = str_span(end, str_end(value)), param;
    if (g->from.n || end == value.p || !take_param(&rest, f->limit, &param) ||
        !has_name(param, STR(";tag=")))
        return false;
    g->from = f->raw;
    g->from_tag = str_skip(param, 5);
    return is_token(g->from_tag);
}

static bool read_to(const struct field *f, struct str value, struct glance *g)
{
    (void)value;
    if (g->to.n)
        return false;
    g->to = f->text;
    return true;
}

static bool read_call_id(const struct field *f, struct str value, struct glance *g)
{
    if (g->call_id.n)
        return false;
    g->call_id_line = f->raw;
    g->call_id = value;
    return true;
}

static bool read_cseq(const struct field *f, struct str value, struct glance *g)
{
    size_t n = 0;
    uint64_t v = 0;
    for (; n < value.n && n < NUMBER_MAX && ascii_is_digit(value.p[n]); n++)
        v = 10 * v + (uint64_t)(value.p[n] - '0');
    if (g->number.n || !n || v > INT32_MAX || !str_eq(str_skip(value, n), STR(" REGISTER")))
        return false;
    g->cseq_line = f->raw;
    g->number = (struct str){value.p, n};
    g->cseq = (uint32_t)v;
    return true;
}

static bool read_contact(const struct field *f, struct str value, struct glance *g)
{
    const char *end = find(value, f->limit, '>'), *to = str_end(value);
    if (!end || value.p[0] != '<' || g->contact.n)
        return false;
    struct str rest = str_span(end + 1, str_end(value)), param;
    while (to == str_end(value) && take_param(&rest, f->limit, &param))
        if (has_name(param, STR(";expires=")))
            to = param.p;
    g->contact = str_span(value.p, to);
    return true;
}

/* ---------------------------------------------------------------- lines */

/* False: not plain. What has another name is passed over. */
typedef bool read_fn(const struct field *f, struct str value, struct glance *g);

static inline bool read_if(const struct field *f, struct str name, read_fn *read, struct glance *g)
{
    if (f->text.n <= name.n || memcmp(f->text.p, name.p, name.n) != 0)
        return true;
    return read(f, str_skip(f->text, name.n), g);
}

static inline bool read_field(const struct field *f, struct glance *g)
{
    switch (f->text.p[0]) {
    case 'V':
        return read_if(f, STR("Via: "), read_via, g);
    case 'F':
        return read_if(f, STR("From: "), read_from, g);
    case 'T':
        return read_if(f, STR("To: "), read_to, g);
    case 'C':
        return read_if(f, STR("Call-ID: "), read_call_id, g) &&
               read_if(f, STR("CSeq: "), read_cseq, g) &&
               read_if(f, STR("Contact: "), read_contact, g);
    case ' ':
    case '\t':
        return false; /* folded */
    default:
        return true;
    }
}

static inline bool is_whole(const struct glance *g)
{
    return g->contact.n && g->number.n && g->call_id.n && g->to.n && g->from.n && g->via.text.n;
}

static bool is_in_order(const struct glance *g)
{
    return str_end(g->via.branch) <= g->from_tag.p && str_end(g->from_tag) <= g->number.p;
}

bool glance_parse(struct str bytes, struct glance *out)
{
    struct str rest = bytes;
    struct field f = {.limit = str_end(bytes)};
    *out = (struct glance){0};
    if (!take_field(&rest, &f))
        return false;
    while (take_field(&rest, &f) && f.text.n && read_field(&f, out))
        if (is_whole(out))
            return is_in_order(out);
    return false;
}
