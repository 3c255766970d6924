/* Two URIs, one a line: slices, the canonical form, equality. */
#include "fuzz.h"

#include "sip/uri.h"

const char *const fuzz_more_seeds = NULL;

enum { AOR_MAX = 8192 };

struct aor {
    enum uri_fault fault;
    struct buf out;
    char bytes[AOR_MAX];
};

static void check_slices(const struct uri *u, struct str text)
{
    const struct str parts[] = {u->text, u->name,   u->user,    u->password,
                                u->host, u->params, u->headers, u->rest};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(fuzz_is_inside(parts[i], text));
    MUST(u->text.n == text.n);
    if (u->scheme == URI_SIP || u->scheme == URI_SIPS)
        MUST(u->host.n > 0 && (str_is_none(u->user) || u->user.n > 0));
    if (u->scheme == URI_TEL)
        MUST(u->user.n > 0 && str_is_none(u->host));
}

static void print_aor(const struct uri *u, bool is_case_kept, struct aor *out)
{
    out->out = buf_over(out->bytes, sizeof out->bytes);
    out->fault = uri_to_aor(u, is_case_kept, &out->out);
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* The printed AoR, read as a URI of the same scheme, prints as itself (D1-D9). */
static void check_canonical(const struct uri *u, bool is_case_kept)
{
    static struct aor once, twice;
    static char text[AOR_MAX + 64];
    struct uri again;
    print_aor(u, is_case_kept, &once);
    if (once.fault != URI_OK)
        return;
    MUST(!has_control(buf_str(&once.out)));
    struct buf b = buf_over(text, sizeof text);
    buf_add(&b, u->name);
    buf_add_char(&b, ':');
    buf_add(&b, buf_str(&once.out));
    if (b.has_overflown)
        return;
    MUST(uri_parse(buf_str(&b), &again) == 0);
    print_aor(&again, is_case_kept, &twice);
    MUST(twice.fault == URI_OK);
    MUST(str_eq(buf_str(&once.out), buf_str(&twice.out)));
}

static void check_params(const struct uri *u)
{
    static const struct str names[] = {{"transport", 9}, {"lr", 2}, {"ob", 2}, {"%6cr", 4}};
    struct str value;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (uri_param(u, names[i], &value))
            MUST(fuzz_is_inside(value, u->params));
}

static bool check_one(struct str text, struct uri *u)
{
    if (uri_parse(text, u) != 0)
        return false;
    check_slices(u, text);
    check_params(u);
    check_canonical(u, true);
    check_canonical(u, false);
    MUST(uri_is_equal(u, u));
    return true;
}

/* Equality looks at the parts, not at the text being the same bytes. */
static void check_copy(struct arena *a, const struct uri *u)
{
    struct uri copy;
    struct str text = str_dup(a, u->text);
    MUST(uri_parse(text, &copy) == 0);
    MUST(uri_is_equal(u, &copy) && uri_is_equal(&copy, u));
}

/* What is equal has one canonical form. */
static void check_pair(const struct uri *a, const struct uri *b)
{
    static struct aor x, y;
    bool is_equal = uri_is_equal(a, b);
    MUST(is_equal == uri_is_equal(b, a));
    if (!str_is_none(a->host) && !str_is_none(b->host))
        MUST(uri_is_same_host(a->host, b->host) == uri_is_same_host(b->host, a->host));
    if (!is_equal)
        return;
    print_aor(a, true, &x);
    print_aor(b, true, &y);
    MUST(x.fault == y.fault);
    MUST(x.fault != URI_OK || str_eq(buf_str(&x.out), buf_str(&y.out)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = fuzz_str(data, size), first;
    struct uri a, b;
    fuzz_cut(&rest, &first);
    bool has_first = check_one(first, &a), has_second = check_one(rest, &b);
    if (has_first)
        check_copy(fuzz_arena(), &a);
    if (has_first && has_second)
        check_pair(&a, &b);
    return 0;
}
