#include "core/route.h"

#include <openssl/crypto.h>

#include "base/err.h"

/* rr SIDE FAMILY LISTENER PORT IP MAC, all but the first three in hex. */
enum { HEAD = 3, MAC_BYTES = 10, BODY_MAX = 1 + 1 + 2 + 16 };

static const char sides[] = "bac"; /* in the order of enum route_side */

/* The phone's flow as bytes: family, listener, port, IP. */
static size_t pack(const struct way *phone, uint8_t out[BODY_MAX])
{
    size_t ip_len = phone->peer.family == 4 ? 4 : 16;
    out[0] = phone->peer.family;
    out[1] = phone->listener;
    out[2] = (uint8_t)(phone->peer.port >> 8);
    out[3] = (uint8_t)phone->peer.port;
    memcpy(out + 4, phone->peer.ip, ip_len);
    return 4 + ip_len;
}

static bool unpack(const uint8_t *in, size_t n, struct way *phone)
{
    *phone = (struct way){0};
    size_t ip_len = n - 4;
    if ((in[0] != 4 || ip_len != 4) && (in[0] != 6 || ip_len != 16))
        return false;
    phone->peer.family = in[0];
    phone->listener = in[1];
    phone->peer.port = (uint16_t)(in[2] << 8 | in[3]);
    memcpy(phone->peer.ip, in + 4, ip_len);
    return true;
}

static bool sign(const struct token_key *key, struct str head, struct str body, struct str call_id,
                 uint8_t out[TOKEN_MAC_LEN])
{
    const struct str parts[] = {STR("route"), head, body, call_id};
    return token_mac(key, parts, 4, out);
}

void route_print(const struct token_key *key, enum route_side side, const struct way *phone,
                 struct str call_id, struct buf *out)
{
    const char head[HEAD] = {'r', 'r', sides[side]};
    uint8_t body[BODY_MAX], mac[TOKEN_MAC_LEN];
    size_t n = pack(phone, body);
    if (!sign(key, (struct str){head, HEAD}, (struct str){(const char *)body, n}, call_id, mac)) {
        out->has_overflown = true;
        return;
    }
    buf_add(out, (struct str){head, HEAD});
    buf_add_hex(out, body, n);
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

bool route_parse(const struct token_key *key, struct str user, struct str call_id,
                 enum route_side *side, struct way *phone)
{
    uint8_t bytes[BODY_MAX + MAC_BYTES], mac[TOKEN_MAC_LEN];
    struct str text = str_skip(user, HEAD);
    if (!str_has_prefix(user, STR("rr")) || text.n % 2 || text.n < (size_t)2 * (8 + MAC_BYTES) ||
        text.n > 2 * sizeof bytes)
        return false;
    const char *at = str_find((struct str){sides, 3}, user.p[2]);
    size_t n = text.n / 2 - MAC_BYTES;
    if (!at || !read_hex(text, bytes) ||
        !sign(key, (struct str){user.p, HEAD}, (struct str){(const char *)bytes, n}, call_id,
              mac) ||
        CRYPTO_memcmp(mac, bytes + n, MAC_BYTES) != 0)
        return false;
    *side = (enum route_side)(at - sides);
    return unpack(bytes, n, phone);
}
