/* Via lists: slices, each element read alone as in its list, and what is passed on with received
 * and rport is a Via that answers go back by. */
#include "fuzz.h"

#include "sip/oc.h"
#include "sip/param.h"
#include "sip/via.h"

const char *const fuzz_more_seeds = NULL;

static const struct addr sources[] = {
    {.ip = {192, 0, 2, 9}, .port = 5099, .family = 4},
    {.ip = {0x20, 0x01, 0x0d, 0xb8, [15] = 1}, .port = 61000, .family = 6},
};

static void check_slices(const struct via *v, struct str value)
{
    MUST(v->text.n > 0 && fuzz_is_inside(v->text, value));
    MUST(str_eq(v->text, str_trim(v->text)));
    const struct str parts[] = {v->transport, v->host,        v->params,
                                v->branch,    v->received,    v->maddr,
                                v->rport,     v->rport_value, v->received_param};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        MUST(fuzz_is_inside(parts[i], v->text));
    MUST(v->transport.n > 0 && v->host.n > 0);
    MUST(v->has_rport == !str_is_none(v->rport));
    MUST(str_is_none(v->rport) || *v->rport.p == ';');
    MUST(str_is_none(v->received_param) || *v->received_param.p == ';');
}

static bool is_same(struct str a, struct str b)
{
    return a.p == b.p && a.n == b.n;
}

/* RFC 7339: whatever stands there, a limit that is read is one that can be obeyed. */
static void check_oc(const struct via *v)
{
    struct oc oc;
    if (oc_parse(v, &oc))
        MUST(oc.algorithm == OC_RATE || (oc.algorithm == OC_LOSS && oc.value <= 100));
}

static void check_alone(const struct via *v)
{
    struct str rest = v->text;
    struct via alone;
    MUST(via_next(&rest, &alone) == 1 && rest.n == 0);
    MUST(is_same(alone.text, v->text) && is_same(alone.host, v->host));
    MUST(is_same(alone.params, v->params) && is_same(alone.branch, v->branch));
    MUST(alone.port == v->port && is_same(alone.rport, v->rport));
}

static struct str print(struct arena *a, const struct via *v, const struct addr *source)
{
    struct buf out = buf_in(a, v->text.n + 128);
    via_print_received(v, source, &out);
    MUST(!out.has_overflown);
    return buf_str(&out);
}

/* Printing adds what is needed once; the answer finds the source whatever the sender had put in. */
static void check_received(const struct via *v, const struct addr *source)
{
    struct arena *a = fuzz_arena();
    struct via next, again;
    struct str printed = print(a, v, source), rest = printed;
    MUST(via_next(&rest, &next) == 1 && rest.n == 0);
    MUST(str_eq(next.transport, v->transport) && str_eq(next.host, v->host));
    MUST(next.port == v->port && str_eq(next.branch, v->branch));
    MUST(next.has_rport == v->has_rport);
    struct addr to;
    MUST(via_reply_addr(&next, &to) == 0);
    MUST(addr_is_same_host(&to, source));
    MUST(!v->has_rport || to.port == source->port);
    struct str second = print(a, &next, source);
    rest = second;
    MUST(via_next(&rest, &again) == 1);
    MUST(str_eq(second, printed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str value = fuzz_str(data, size), rest = value, split = value, element;
    struct via v;
    struct addr to;
    bool is_split_same = true;
    int got;
    while ((got = via_next(&rest, &v)) == 1) {
        check_slices(&v, value);
        check_alone(&v);
        check_oc(&v);
        check_received(&v, &sources[0]);
        check_received(&v, &sources[1]);
        (void)via_reply_addr(&v, &to);
        is_split_same = is_split_same && param_split(&split, &element) && is_same(element, v.text);
    }
    MUST(got == 0 || got == ERR_PARSE);
    MUST(got != 0 || (is_split_same && !param_split(&split, &element)));
    return 0;
}
