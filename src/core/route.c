#include "core/route.h"

#include <openssl/crypto.h>

#include "base/err.h"

/* rr KIND BITS [x PEER]: BITS are FAMILY LISTENER PORT CORE SERVER NAME LINE IP [LOCAL] [STREAM]
 * MAC, five bits a character. The high half of FAMILY is the transport; STREAM is there for all but
 * UDP, which is 0. PEER is TARGET MAC in the same way. */
enum { HEAD = 3, FIXED = 1 + 1 + 2 + 2 + 2 + 4 + 8, MAC_BYTES = 10, STREAM = 8 };
enum {
    BODY_MAX = FIXED + 2 * 16 + STREAM,
    TARGET = 4,
    PEER_MAC = 6,
    PEER_BYTES = TARGET + PEER_MAC
};
enum { BITS_MAX = (BODY_MAX + MAC_BYTES) * 8 / 5 + 1 };

_Static_assert(ROUTE_LEN >= HEAD + BITS_MAX + ROUTE_PEER_LEN, "the longest fits");
_Static_assert(ROUTE_PEER_LEN == 1 + PEER_BYTES * 8 / 5, "PEER and what separates it");

/* No digit of the others. */
static const char separator = 'x';

/* In the order of enum route_side, for a phone that was called, then for one that calls. */
static const char kinds[] = "bacdef";
enum { SIDES = 3, KINDS = 2 * SIDES };

static size_t ip_len(unsigned family)
{
    return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static void put(uint8_t *out, uint64_t v, size_t n)
{
    for (size_t i = n; i > 0; i--, v >>= 8)
        out[i - 1] = (uint8_t)v;
}

static uint64_t get(const uint8_t *in, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | in[i];
    return v;
}

static size_t pack(const struct route *r, uint8_t out[BODY_MAX])
{
    const struct addr *peer = &r->phone.peer, *local = &r->phone.local;
    size_t ip = ip_len(peer->family), n = FIXED + ip;
    out[0] = (uint8_t)(peer->family | r->phone.transport << 4);
    out[1] = r->phone.listener;
    put(out + 2, peer->port, 2);
    put(out + 4, r->core, 2);
    put(out + 6, r->server, 2);
    put(out + 8, r->name, 4);
    put(out + 12, r->line, 8);
    memcpy(out + FIXED, peer->ip, ip);
    if (local->family == peer->family) {
        memcpy(out + n, local->ip, ip);
        n += ip;
    }
    if (!r->phone.transport)
        return n;
    put(out + n, r->phone.flow_id, STREAM);
    return n + STREAM;
}

static bool unpack(const uint8_t *in, size_t n, struct route *r)
{
    struct addr *peer = &r->phone.peer, *local = &r->phone.local;
    size_t ip = ip_len(in[0] & 0xf);
    r->phone.transport = in[0] >> 4;
    if (r->phone.transport && n > STREAM) {
        n -= STREAM;
        r->phone.flow_id = get(in + n, STREAM);
    }
    if (ip == 0 || (n != FIXED + ip && n != FIXED + 2 * ip))
        return false;
    peer->family = in[0] & 0xf;
    r->phone.listener = in[1];
    peer->port = (uint16_t)get(in + 2, 2);
    r->core = (uint16_t)get(in + 4, 2);
    r->server = (uint16_t)get(in + 6, 2);
    r->name = (uint32_t)get(in + 8, 4);
    r->line = get(in + 12, 8);
    memcpy(peer->ip, in + FIXED, ip);
    if (n == FIXED + ip)
        return true;
    local->family = peer->family;
    memcpy(local->ip, in + FIXED + ip, ip);
    return true;
}

/* ---------------------------------------------------------------- text */

static size_t n_chars(size_t n_bytes)
{
    return (n_bytes * 8 + 4) / 5;
}

/* bytes: one more than n, which is 0. */
static void add_bits(const uint8_t *bytes, size_t n, struct buf *out)
{
    char text[BITS_MAX];
    token_print_bits(bytes, text, n_chars(n));
    buf_add(out, (struct str){text, n_chars(n)});
}

/* How many bytes there are; 0: it is none, or not as we print it. */
static size_t read_bits(struct str s, uint8_t *out)
{
    size_t n = s.n * 5 / 8;
    return n_chars(n) == s.n && token_parse_bits(s, out) && out[n] == 0 ? n : 0;
}

struct str route_without_peer(struct str user)
{
    const char *end = str_find(user, separator);
    return end ? str_span(user.p, end) : user;
}

/* ---------------------------------------------------------------- HMACs */

struct signed_text {
    char head[HEAD];
    const uint8_t *body;
    size_t n;
};

static bool sign(const struct token_key *key, const struct signed_text *text, struct str call_id,
                 struct str caller_tag, uint8_t out[TOKEN_MAC_LEN])
{
    const struct str parts[] = {
        STR("route"), {text->head, HEAD}, {(const char *)text->body, text->n}, call_id, caller_tag};
    return token_mac(key, parts, sizeof parts / sizeof *parts, out);
}

/* The MAC stands behind the body. */
static bool is_signed(const struct token_key *key, const struct signed_text *text,
                      struct str call_id, struct str caller_tag)
{
    uint8_t mac[TOKEN_MAC_LEN];
    return sign(key, text, call_id, caller_tag, mac) &&
           CRYPTO_memcmp(mac, text->body + text->n, MAC_BYTES) == 0;
}

/* user: in lower case. bytes: the target, behind which the MAC comes. */
static bool sign_peer(const struct token_key *key, const struct route_peer *peer, struct str user,
                      uint8_t bytes[PEER_BYTES])
{
    uint8_t mac[TOKEN_MAC_LEN];
    put(bytes, peer->target, TARGET);
    const struct str parts[] = {
        STR("route-peer"), user, peer->call_id, peer->tag, {(const char *)bytes, TARGET}};
    if (!token_mac(key, parts, sizeof parts / sizeof *parts, mac))
        return false;
    memcpy(bytes + TARGET, mac, PEER_MAC);
    return true;
}

/* ---------------------------------------------------------------- the door */

void route_print(const struct token_key *key, const struct route *route,
                 const struct route_dialog *begun_by, struct buf *out)
{
    uint8_t bytes[BODY_MAX + MAC_BYTES + 1] = {0}, mac[TOKEN_MAC_LEN];
    const struct signed_text text = {
        {'r', 'r', kinds[route->side + (route->is_caller ? SIDES : 0)]}, bytes, pack(route, bytes)};
    if (!sign(key, &text, begun_by->call_id, begun_by->from_tag, mac)) {
        out->has_overflown = true;
        return;
    }
    memcpy(bytes + text.n, mac, MAC_BYTES);
    buf_add(out, (struct str){text.head, HEAD});
    add_bits(bytes, text.n + MAC_BYTES, out);
}

void route_print_peer(const struct token_key *key, const struct route_peer *peer, struct str user,
                      struct buf *out)
{
    uint8_t bytes[PEER_BYTES + 1] = {0};
    if (!sign_peer(key, peer, user, bytes)) {
        out->has_overflown = true;
        return;
    }
    buf_add_char(out, separator);
    add_bits(bytes, PEER_BYTES, out);
}

static void read_peer(const struct token_key *key, struct str user, struct str tail,
                      const struct route_peer *asked, struct route_read *out)
{
    uint8_t got[PEER_BYTES + 1] = {0}, want[PEER_BYTES];
    struct route_peer peer = *asked;
    if (tail.n != ROUTE_PEER_LEN || read_bits(str_skip(tail, 1), got) != PEER_BYTES)
        return;
    peer.target = (uint32_t)get(got, TARGET);
    out->is_peer_known =
        sign_peer(key, &peer, user, want) && CRYPTO_memcmp(got, want, PEER_BYTES) == 0;
    out->target = out->is_peer_known ? peer.target : 0;
}

bool route_parse(const struct token_key *key, struct str user, const struct route_dialog *request,
                 struct route_read *out)
{
    uint8_t bytes[BODY_MAX + MAC_BYTES + 1] = {0};
    char lower[ROUTE_LEN];
    struct str all = {lower, user.n};
    if (user.n > sizeof lower || user.n < HEAD)
        return false;
    for (size_t i = 0; i < user.n; i++)
        lower[i] = ascii_lower(user.p[i]);
    struct str own = route_without_peer(all), bits = str_skip(own, HEAD);
    size_t n = bits.n <= BITS_MAX ? read_bits(bits, bytes) : 0;
    const char *kind = str_find((struct str){kinds, KINDS}, lower[2]);
    if (!str_has_prefix(all, STR("rr")) || !kind || n < FIXED + 4 + MAC_BYTES)
        return false;
    const struct signed_text text = {{'r', 'r', *kind}, bytes, n - MAC_BYTES};
    bool is_of_caller = is_signed(key, &text, request->call_id, request->from_tag);
    if (!is_of_caller && !is_signed(key, &text, request->call_id, request->to_tag))
        return false;
    *out = (struct route_read){.route = {.side = (enum route_side)((kind - kinds) % SIDES),
                                         .is_caller = kind - kinds >= SIDES}};
    out->is_from_phone = is_of_caller == out->route.is_caller;
    const struct route_peer asked = {.call_id = request->call_id, .tag = request->to_tag};
    if (out->is_from_phone && all.n > own.n)
        read_peer(key, own, str_skip(all, own.n), &asked, out);
    return unpack(bytes, n - MAC_BYTES, &out->route);
}
