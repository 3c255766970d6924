#include "admin/aorfilter.h"

#include "admin/aorview.h"
#include "service/regview.h"
#include "store/store.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000 };

/* ---------------------------------------------------------------- reading */

static bool fail(struct fault *f, const char *message)
{
    *f = (struct fault){400, "bad-request", message};
    return false;
}

/* 192.0.2.7, 192.0.2.7:5060, 192.0.2.0/24, 2001:db8::/32, [2001:db8::7]:5060. */
static bool parse_source(struct str text, struct aorfilter *out)
{
    const char *slash = str_find(text, '/');
    struct str host = slash ? str_span(text.p, slash) : text;
    if (addr_parse_host(host, &out->source)) {
        if (slash || addr_parse(text, 0, &out->source))
            return false;
        out->has_port = true;
    }
    unsigned most = out->source.family == 4 ? 32 : 128;
    uint32_t bits = most;
    if (slash && str_to_u32(str_span(slash + 1, str_end(text)), most, &bits))
        return false;
    out->source_bits = bits;
    return true;
}

static void parse_domain(const struct conf *conf, struct str host, struct aorfilter *out)
{
    if (str_is_none(host))
        return;
    out->domain = conf_domain_find(conf, host);
    out->host = host;
}

static bool has_upstream(const struct conf *conf, struct str name)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (str_eq(str_of(conf->upstreams[i].name), name))
            return true;
    return false;
}

bool aorfilter_parse(const struct conf *conf, const struct query *q, struct aorfilter *out,
                     struct fault *f)
{
    static const char *const names[] = {"domain", "upstream", "source", "user-agent",
                                        "q",      "cursor",   "limit"};
    *out = (struct aorfilter){.limit = LIMIT_DEFAULT};
    if (!query_is_of(q, names, sizeof names / sizeof names[0]))
        return fail(f, "expected domain, upstream, source, user-agent, q, cursor and limit, each "
                       "once and with a value");
    if (!query_u32(q, STR("limit"), 1, LIMIT_MAX, &out->limit))
        return fail(f, "limit: expected 1 to 1000");
    struct str source = query_find(q, STR("source"));
    if (!str_is_none(source) && !parse_source(source, out))
        return fail(f, "source: expected an IP address, alone, with a port or with /BITS");
    parse_domain(conf, query_find(q, STR("domain")), out);
    out->upstream = query_find(q, STR("upstream"));
    if (!str_is_none(out->upstream) && !has_upstream(conf, out->upstream))
        return fail(f, "upstream: there is none of this name");
    out->user_agent = query_find(q, STR("user-agent"));
    out->prefix = query_find(q, STR("q"));
    out->cursor = query_find(q, STR("cursor"));
    if (out->cursor.n > STORE_AOR_MAX || out->prefix.n > STORE_AOR_MAX)
        return fail(f, "q, cursor: longer than any address of record");
    return true;
}

/* ---------------------------------------------------------------- asking */

bool aorfilter_takes_aor(const struct aorfilter *f, const struct conf *conf, struct str aor)
{
    if (!str_has_prefix(aor, f->prefix))
        return false;
    if (str_is_none(f->host) && str_is_none(f->upstream))
        return true;
    const struct conf_domain *d = regview_domain(conf, aor);
    if (f->domain && d != f->domain)
        return false;
    if (!f->domain && !str_is_none(f->host) && !str_ieq(aorview_host(aor), f->host))
        return false;
    return str_is_none(f->upstream) || (d && str_eq(str_of(d->upstream->name), f->upstream));
}

static bool is_equal_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff00 >> rest);
    return memcmp(a, b, whole) == 0 && (!rest || ((a[whole] ^ b[whole]) & mask) == 0);
}

static bool is_from(const struct aorfilter *f, const struct addr *peer)
{
    if (f->source.family == 0)
        return true;
    return peer->family == f->source.family && (!f->has_port || peer->port == f->source.port) &&
           is_equal_bits(peer->ip, f->source.ip, f->source_bits);
}

static bool has_inside(struct str text, struct str part)
{
    for (size_t i = 0; i + part.n <= text.n; i++)
        if (str_ieq((struct str){text.p + i, part.n}, part))
            return true;
    return false;
}

bool aorfilter_takes_record(const struct aorfilter *f, const struct aor_record *r)
{
    if (f->source.family == 0 && str_is_none(f->user_agent))
        return true;
    for (size_t i = 0; i < r->n_bindings; i++)
        if (is_from(f, &r->bindings[i].way.peer) &&
            has_inside(r->bindings[i].user_agent, f->user_agent))
            return true;
    return false;
}
