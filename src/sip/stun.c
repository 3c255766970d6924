#include "sip/stun.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"

enum { BINDING_REQUEST = 0x0001, BINDING_SUCCESS = 0x0101, BINDING_ERROR = 0x0111 };

enum {
    USERNAME = 0x0006,
    MESSAGE_INTEGRITY = 0x0008,
    ERROR_CODE = 0x0009,
    UNKNOWN_ATTRIBUTES = 0x000a,
    REALM = 0x0014,
    NONCE = 0x0015,
    XOR_MAPPED_ADDRESS = 0x0020,
    OPTIONAL = 0x8000, /* from here on an attribute may be passed over */
    FINGERPRINT = 0x8028
};

/* Type and length in front of an attribute's value. */
enum { ATTRIBUTE_HEAD = 4, FINGERPRINT_LEN = 8, FINGERPRINT_XOR = 0x5354554e };

static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};

static uint16_t get16(const char *p)
{
    return (uint16_t)((uint8_t)p[0] << 8 | (uint8_t)p[1]);
}

static uint32_t get32(const char *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(struct buf *out, unsigned value)
{
    buf_add_char(out, (char)(value >> 8));
    buf_add_char(out, (char)value);
}

static void put32(struct buf *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

/* The CRC-32 of ITU V.42, as 15.5 wants it. */
static uint32_t fingerprint_of(struct str bytes)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < bytes.n; i++) {
        crc ^= (uint8_t)bytes.p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320U : 0);
    }
    return ~crc ^ FINGERPRINT_XOR;
}

bool stun_is(struct str datagram)
{
    return datagram.n >= STUN_HEADER && ((uint8_t)datagram.p[0] & 0xc0) == 0 &&
           memcmp(datagram.p + 4, cookie, sizeof cookie) == 0;
}

static bool is_known(unsigned type)
{
    static const uint16_t known[] = {0x0001,     USERNAME,           MESSAGE_INTEGRITY,
                                     ERROR_CODE, UNKNOWN_ATTRIBUTES, REALM,
                                     NONCE,      XOR_MAPPED_ADDRESS};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i] == type)
            return true;
    return type >= OPTIONAL;
}

/* One attribute at an offset; false: it is not whole, or the fingerprint is wrong or not the last
 * (15.5). */
static bool take_attribute(struct str all, size_t *at, struct stun_request *out)
{
    if (out->has_fingerprint || all.n - *at < ATTRIBUTE_HEAD)
        return false;
    unsigned type = get16(all.p + *at);
    size_t len = get16(all.p + *at + 2);
    size_t padded = (len + 3) & ~(size_t)3;
    const char *value = all.p + *at + ATTRIBUTE_HEAD;
    if (padded > all.n - *at - ATTRIBUTE_HEAD)
        return false;
    if (type == FINGERPRINT) {
        out->has_fingerprint = true;
        if (len != 4 || get32(value) != fingerprint_of((struct str){all.p, *at}))
            return false;
    }
    if (!is_known(type) && out->n_unknown < STUN_UNKNOWN_MAX)
        out->unknown[out->n_unknown++] = (uint16_t)type;
    *at += ATTRIBUTE_HEAD + padded;
    return true;
}

enum stun_verdict stun_parse(struct str datagram, struct stun_request *out)
{
    size_t at = STUN_HEADER;
    *out = (struct stun_request){0};
    if (datagram.n > STUN_MAX || datagram.n % 4 ||
        get16(datagram.p + 2) != datagram.n - STUN_HEADER)
        return STUN_BROKEN;
    while (at < datagram.n)
        if (!take_attribute(datagram, &at, out))
            return STUN_BROKEN;
    memcpy(out->id, datagram.p + 8, sizeof out->id);
    return get16(datagram.p) == BINDING_REQUEST ? STUN_BINDING : STUN_OTHER;
}

/* 15.2: the port and an IPv4 address against the cookie, IPv6 against cookie and id. */
static void add_mapped(const struct stun_request *r, const struct addr *source, struct buf *out)
{
    size_t n = source->family == 4 ? 4 : 16;
    put16(out, XOR_MAPPED_ADDRESS);
    put16(out, (unsigned)(4 + n));
    put16(out, source->family == 4 ? 1 : 2);
    put16(out, source->port ^ (cookie[0] << 8 | cookie[1]));
    for (size_t i = 0; i < n; i++) {
        uint8_t mask = i < sizeof cookie ? cookie[i] : (uint8_t)r->id[i - sizeof cookie];
        buf_add_char(out, (char)(source->ip[i] ^ mask));
    }
}

/* 7.3.1 */
static void add_unknown(const struct stun_request *r, struct buf *out)
{
    put16(out, ERROR_CODE);
    put16(out, 4);
    put32(out, 4 << 8 | 20);
    put16(out, UNKNOWN_ATTRIBUTES);
    put16(out, (unsigned)(2 * r->n_unknown));
    for (size_t i = 0; i < r->n_unknown; i++)
        put16(out, r->unknown[i]);
    if (r->n_unknown % 2)
        put16(out, 0);
}

size_t stun_answer(const struct stun_request *request, const struct addr *source,
                   char out[STUN_ANSWER_MAX])
{
    struct buf b = buf_over(out, STUN_ANSWER_MAX);
    put16(&b, request->n_unknown ? BINDING_ERROR : BINDING_SUCCESS);
    put16(&b, 0);
    buf_add(&b, (struct str){(const char *)cookie, sizeof cookie});
    buf_add(&b, (struct str){request->id, sizeof request->id});
    if (request->n_unknown)
        add_unknown(request, &b);
    else
        add_mapped(request, source, &b);
    size_t len = b.len + (request->has_fingerprint ? FINGERPRINT_LEN : 0) - STUN_HEADER;
    out[3] = (char)len; /* the fingerprint counts itself */
    if (request->has_fingerprint) {
        uint32_t fingerprint = fingerprint_of(buf_str(&b));
        put16(&b, FINGERPRINT);
        put16(&b, 4);
        put32(&b, fingerprint);
    }
    BUG_ON(b.has_overflown);
    return b.len;
}
