#include "service/match.h"

enum { HOST_MAX = 256 }; /* the parser takes none that is longer; brackets of IPv6 included */

/* Host names are equal in any case. */
static uint64_t hash_host(const struct hash_key *key, struct str host)
{
    char lower[HOST_MAX];
    size_t n = host.n < sizeof lower ? host.n : sizeof lower;
    for (size_t i = 0; i < n; i++)
        lower[i] = ascii_lower(host.p[i]);
    return hash_bytes(key, lower, n);
}

static uint64_t hash_source(const struct hash_key *key, const struct addr *a)
{
    return hash_bytes(key, a->ip, sizeof a->ip) + a->scope_id;
}

static uint64_t hash_new(const struct hash_key *key, const struct match *what)
{
    const struct via *via = &what->m->via;
    uint64_t parts[] = {hash_str(key, via->branch), hash_host(key, via->host), via->port,
                        hash_str(key, what->method), hash_source(key, what->source)};
    return hash_bytes(key, parts, sizeof parts);
}

static uint64_t hash_old(const struct hash_key *key, const struct match *what)
{
    const struct msg *m = what->m;
    uint64_t parts[] = {hash_str(key, m->uri),          hash_str(key, m->from_tag),
                        hash_str(key, m->call_id),      hash_str(key, m->via.text),
                        hash_str(key, what->to_tag),    hash_str(key, what->method),
                        hash_source(key, what->source), m->cseq};
    return hash_bytes(key, parts, sizeof parts);
}

uint64_t match_hash(const struct hash_key *key, const struct match *what)
{
    return via_has_cookie(&what->m->via) ? hash_new(key, what) : hash_old(key, what);
}

static bool is_new_match(const struct via *a, const struct via *b)
{
    return str_eq(a->branch, b->branch) && str_ieq(a->host, b->host) && a->port == b->port;
}

static bool is_old_match(const struct msg *a, const struct msg *b)
{
    return str_eq(a->uri, b->uri) && str_eq(a->from_tag, b->from_tag) &&
           str_eq(a->call_id, b->call_id) && a->cseq == b->cseq && str_eq(a->via.text, b->via.text);
}

bool match_is(const struct match *what, const struct msg *request, const struct addr *source)
{
    if (!addr_is_same_host(what->source, source) || !str_eq(what->method, request->method_name))
        return false;
    if (via_has_cookie(&what->m->via))
        return is_new_match(&what->m->via, &request->via);
    return !via_has_cookie(&request->via) && str_eq(what->to_tag, request->to_tag) &&
           is_old_match(what->m, request);
}
