#include "service/match.h"

#include "base/buf.h"
#include "base/err.h"

enum { HOST_MAX = 256 }; /* the parser takes none that is longer; brackets of IPv6 included */

/* What is hashed in one piece. */
enum {
    BRANCH_MAX = 128,
    METHOD_MAX_LEN = 32,
    TEXT_MAX = BRANCH_MAX + HOST_MAX + METHOD_MAX_LEN + 64
};

/* A longer text by its hash, which is put into *room. */
static struct str shorten(const struct hash_key *key, struct str s, size_t max, uint64_t *room)
{
    if (s.n <= max)
        return s;
    *room = hash_str(key, s);
    return (struct str){(const char *)room, sizeof *room};
}

/* Host names are equal in any case. The lengths behind the text keep its parts apart. */
static uint64_t hash_new(const struct hash_key *key, const struct match *what)
{
    const struct via *via = &what->m->via;
    const struct str host = {via->host.p, via->host.n < HOST_MAX ? via->host.n : HOST_MAX};
    const uint64_t lengths = (uint64_t)via->branch.n << 32 | host.n << 16 | via->port;
    char text[TEXT_MAX];
    struct buf b = buf_over(text, sizeof text);
    uint64_t branch, method;
    buf_add(&b, shorten(key, via->branch, BRANCH_MAX, &branch));
    for (size_t i = 0; i < host.n; i++)
        text[b.len++] = ascii_lower(host.p[i]);
    buf_add(&b, (struct str){(const char *)what->source->ip, sizeof what->source->ip});
    buf_add(&b, (struct str){(const char *)&what->source->scope_id, sizeof(uint32_t)});
    buf_add(&b, (struct str){(const char *)&lengths, sizeof lengths});
    buf_add(&b, shorten(key, what->method, METHOD_MAX_LEN, &method));
    BUG_ON(b.has_overflown);
    return hash_str(key, buf_str(&b));
}

static uint64_t hash_source(const struct hash_key *key, const struct addr *a)
{
    return hash_bytes(key, a->ip, sizeof a->ip) + a->scope_id;
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

/* By its end, where branches differ most. */
static size_t look_of(struct str branch)
{
    uint64_t end = 0;
    const size_t n = branch.n < sizeof end ? branch.n : sizeof end;
    if (n)
        memcpy(&end, str_end(branch) - n, n);
    return (size_t)((end + branch.n) * 0x9e3779b97f4a7c15 >> (64 - MATCH_SIEVE_LOG));
}

void match_sieve_move(struct match_sieve *s, struct str branch, int by)
{
    s->n[look_of(branch)] += (uint32_t)by;
}

struct hmap_node *match_first(const struct hmap *map, const struct match_sieve *sieve,
                              const struct match *what)
{
    if (!sieve->n[look_of(what->m->via.branch)])
        return NULL;
    return hmap_first(map, match_hash(&map->key, what));
}

/* Without a cookie more than the Via counts. */
bool match_is_likely(const struct hmap *map, const struct match_sieve *sieve, const struct via *via,
                     struct str method, const struct addr *source)
{
    if (!sieve->n[look_of(via->branch)])
        return false;
    struct msg m = {.method_name = method};
    struct str rest = via->text;
    return via_next(&rest, &m.via) != 1 || !via_has_cookie(&m.via) ||
           match_first(map, sieve, &(struct match){&m, source, method, STR_NONE});
}
