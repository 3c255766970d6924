#include "core/route.h"

#include <openssl/crypto.h>

#include "base/err.h"

/* rr KIND FAMILY LISTENER PORT CORE SERVER IP [LOCAL] [STREAM] MAC, all but the first three in hex.
 * The high half of FAMILY is the transport; STREAM is there for all but UDP, which is 0. */
enum { HEAD = 3, FIXED = 1 + 1 + 2 + 2 + 2, MAC_BYTES = 10, STREAM = 8 };
enum { BODY_MAX = FIXED + 2 * 16 + STREAM };

/* In the order of enum route_side, for a phone that was called, then for one that calls. */
static const char kinds[] = "bacdef";
enum { SIDES = 3, KINDS = 2 * SIDES };

static size_t ip_len(unsigned family)
{
    return family == 4 ? 4 : family == 6 ? 16 : 0;
}

static size_t pack(const struct route *r, uint8_t out[BODY_MAX])
{
    const struct addr *peer = &r->phone.peer, *local = &r->phone.local;
    size_t ip = ip_len(peer->family), n = FIXED + ip;
    out[0] = (uint8_t)(peer->family | r->phone.transport << 4);
    out[1] = r->phone.listener;
    out[2] = (uint8_t)(peer->port >> 8);
    out[3] = (uint8_t)peer->port;
    out[4] = (uint8_t)(r->core >> 8);
    out[5] = (uint8_t)r->core;
    out[6] = (uint8_t)(r->server >> 8);
    out[7] = (uint8_t)r->server;
    memcpy(out + FIXED, peer->ip, ip);
    if (local->family == peer->family) {
        memcpy(out + n, local->ip, ip);
        n += ip;
    }
    if (!r->phone.transport)
        return n;
    for (int i = 0; i < STREAM; i++)
        out[n++] = (uint8_t)(r->phone.flow_id >> (8 * i));
    return n;
}

static uint64_t take_stream(const uint8_t *in)
{
    uint64_t id = 0;
    for (int i = 0; i < STREAM; i++)
        id |= (uint64_t)in[i] << (8 * i);
    return id;
}

static bool unpack(const uint8_t *in, size_t n, struct route *r)
{
    struct addr *peer = &r->phone.peer, *local = &r->phone.local;
    size_t ip = ip_len(in[0] & 0xf);
    r->phone.transport = in[0] >> 4;
    if (r->phone.transport && n > STREAM) {
        n -= STREAM;
        r->phone.flow_id = take_stream(in + n);
    }
    if (ip == 0 || (n != FIXED + ip && n != FIXED + 2 * ip))
        return false;
    peer->family = in[0] & 0xf;
    r->phone.listener = in[1];
    peer->port = (uint16_t)(in[2] << 8 | in[3]);
    r->core = (uint16_t)(in[4] << 8 | in[5]);
    r->server = (uint16_t)(in[6] << 8 | in[7]);
    memcpy(peer->ip, in + FIXED, ip);
    if (n == FIXED + ip)
        return true;
    local->family = peer->family;
    memcpy(local->ip, in + FIXED + ip, ip);
    return true;
}

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

void route_print(const struct token_key *key, const struct route *route,
                 const struct route_dialog *begun_by, struct buf *out)
{
    uint8_t body[BODY_MAX], mac[TOKEN_MAC_LEN];
    const struct signed_text text = {
        {'r', 'r', kinds[route->side + (route->is_caller ? SIDES : 0)]}, body, pack(route, body)};
    if (!sign(key, &text, begun_by->call_id, begun_by->from_tag, mac)) {
        out->has_overflown = true;
        return;
    }
    buf_add(out, (struct str){text.head, HEAD});
    buf_add_hex(out, body, text.n);
    buf_add_hex(out, mac, MAC_BYTES);
}

static bool read_hex(struct str s, uint8_t *out)
{
    for (size_t i = 0; i + 1 < s.n; i += 2) {
        int high = ascii_hex(s.p[i]), low = ascii_hex(s.p[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *out++ = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The MAC stands behind the body. */
static bool is_signed(const struct token_key *key, const struct signed_text *text,
                      struct str call_id, struct str caller_tag)
{
    uint8_t mac[TOKEN_MAC_LEN];
    return sign(key, text, call_id, caller_tag, mac) &&
           CRYPTO_memcmp(mac, text->body + text->n, MAC_BYTES) == 0;
}

bool route_parse(const struct token_key *key, struct str user, const struct route_dialog *request,
                 struct route *out, bool *is_from_phone)
{
    uint8_t bytes[BODY_MAX + MAC_BYTES];
    struct str hex = str_skip(user, HEAD);
    if (!str_has_iprefix(user, STR("rr")) || hex.n % 2 ||
        hex.n < (size_t)2 * (FIXED + 4 + MAC_BYTES) || hex.n > 2 * sizeof bytes ||
        !read_hex(hex, bytes))
        return false;
    const struct signed_text text = {
        {'r', 'r', ascii_lower(user.p[2])}, bytes, hex.n / 2 - MAC_BYTES};
    const char *kind = str_find((struct str){kinds, KINDS}, text.head[2]);
    if (!kind)
        return false;
    bool is_of_caller = is_signed(key, &text, request->call_id, request->from_tag);
    if (!is_of_caller && !is_signed(key, &text, request->call_id, request->to_tag))
        return false;
    *out = (struct route){.side = (enum route_side)((kind - kinds) % SIDES),
                          .is_caller = kind - kinds >= SIDES};
    *is_from_phone = is_of_caller == out->is_caller;
    return unpack(bytes, text.n, out);
}
