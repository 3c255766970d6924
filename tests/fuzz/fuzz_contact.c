/* Lists of addresses and contacts: slices, order, and each element read alone as in its list. */
#include "fuzz.h"

#include "sip/contact.h"
#include "sip/param.h"

const char *const fuzz_more_seeds = NULL;

static void check_address(const struct nameaddr *n, struct str value)
{
    const struct str parts[] = {n->display, n->uri, n->params};
    MUST(!str_is_none(n->text) && n->text.n > 0 && fuzz_is_inside(n->text, value));
    MUST(str_eq(n->text, str_trim(n->text)));
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(fuzz_is_inside(parts[i], n->text));
    MUST(n->uri.n > 0);
    MUST(!n->is_star || (str_eq(n->uri, STR("*")) && !n->has_brackets));
    MUST(n->has_brackets || str_is_none(n->display));
    MUST(fuzz_is_inside(n->tag, n->text));
}

static bool is_same(struct str a, struct str b)
{
    return a.p == b.p && a.n == b.n;
}

static void check_alone(const struct nameaddr *n)
{
    struct nameaddr alone;
    MUST(nameaddr_parse(n->text, &alone) == 0);
    MUST(is_same(alone.text, n->text) && is_same(alone.display, n->display));
    MUST(is_same(alone.uri, n->uri) && is_same(alone.params, n->params));
    MUST(alone.has_brackets == n->has_brackets && alone.is_star == n->is_star);
}

/* All parameters of an accepted element are well formed. */
static void check_params(const struct nameaddr *n)
{
    struct str rest = n->params;
    struct param p;
    int got;
    if (str_is_none(rest))
        return;
    while ((got = param_next(&rest, &p)) == 1) {
        MUST(fuzz_is_inside(p.name, n->params) && p.name.n > 0);
        MUST(fuzz_is_inside(p.value, n->params));
        struct str plain = param_unquote(fuzz_arena(), p.value);
        MUST(plain.n <= p.value.n);
    }
    MUST(got == 0);
}

/* A list that is well formed splits at the same commas for those who do not read its elements. */
static void check_addresses(struct str value)
{
    struct str rest = value, split = value, element;
    struct nameaddr n;
    bool is_split_same = true;
    int got;
    while ((got = nameaddr_next(&rest, &n)) == 1) {
        check_address(&n, value);
        check_alone(&n);
        check_params(&n);
        is_split_same = is_split_same && param_split(&split, &element) && is_same(element, n.text);
    }
    MUST(got == 0 || got == ERR_PARSE);
    MUST(got != 0 || (is_split_same && !param_split(&split, &element)));
}

static void check_contact(const struct contact *c, struct str value)
{
    MUST(c->expires_s >= CONTACT_NO_EXPIRES && c->expires_s <= UINT32_MAX);
    MUST(c->q >= CONTACT_NO_Q && c->q <= 1000);
    MUST(fuzz_is_inside(c->instance, value));
    MUST(str_is_none(c->instance) || c->instance.p[0] == '<');
    MUST(c->reg_id <= INT32_MAX && (!str_is_none(c->instance) || c->reg_id == 0));
    MUST(c->addr.is_star || is_same(c->uri.text, c->addr.uri));
}

static void check_contacts(struct str value)
{
    struct str rest = value;
    struct contact c;
    size_t before = rest.n + 1;
    int got;
    while ((got = contact_next(&rest, &c)) == 1) {
        MUST(rest.n < before);
        before = rest.n;
        check_contact(&c, value);
    }
    MUST(got == 0 || got == ERR_PARSE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str value = fuzz_str(data, size);
    uint32_t seconds;
    check_addresses(value);
    check_contacts(value);
    int err = contact_expires(value, &seconds);
    MUST(err == 0 || err == ERR_PARSE);
    return 0;
}
