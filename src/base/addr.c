#include "base/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/err.h"

_Static_assert(sizeof(struct addr) == 24, "no padding in struct addr");

bool addr_is_equal(const struct addr *a, const struct addr *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

bool addr_is_same_host(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && a->scope_id == b->scope_id && memcmp(a->ip, b->ip, 16) == 0;
}

bool addr_is_any(const struct addr *a)
{
    static const uint8_t zero[16];
    return a->family && memcmp(a->ip, zero, 16) == 0;
}

static inline bool is_digit_at(const char *p, const char *end, unsigned *digit)
{
    return p < end && (*digit = (unsigned)(unsigned char)*p - '0') <= 9;
}

/* A number up to 255 without leading zeros; behind it, or NULL. */
static inline const char *parse_byte(const char *p, const char *end, uint8_t *out)
{
    unsigned v, digit;
    if (!is_digit_at(p++, end, &v))
        return NULL;
    if (is_digit_at(p, end, &digit)) {
        if (v == 0)
            return NULL;
        v = v * 10 + digit;
        p++;
        if (is_digit_at(p, end, &digit)) {
            v = v * 10 + digit;
            p++;
        }
    }
    *out = (uint8_t)v;
    return v <= UINT8_MAX ? p : NULL;
}

/* As inet_pton takes it: four of them. */
static bool parse_v4(struct str s, uint8_t ip[4])
{
    const char *p = s.p, *end = s.p + s.n;
    for (int i = 0; i < 3; i++) {
        p = parse_byte(p, end, &ip[i]);
        if (!p || p == end || *p++ != '.')
            return false;
    }
    return parse_byte(p, end, &ip[3]) == end;
}

static int set_host(struct addr *out, uint8_t family, const uint8_t ip[16])
{
    memcpy(out->ip, ip, sizeof out->ip);
    out->family = family;
    out->scope_id = 0;
    out->zero = 0;
    return 0;
}

static int parse_v6(struct str s, struct addr *out)
{
    char text[INET6_ADDRSTRLEN];
    uint8_t ip[16];
    if (s.n == 0 || s.n >= sizeof text || !str_find(s, ':') || str_find(s, '\0'))
        return ERR_PARSE;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(AF_INET6, text, ip) == 1 ? set_host(out, 6, ip) : ERR_PARSE;
}

int addr_parse_host(struct str s, struct addr *out)
{
    uint8_t ip[16] = {0};
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return parse_v6((struct str){s.p + 1, s.n - 2}, out);
    if (s.n && parse_v4(s, ip))
        return set_host(out, 4, ip);
    return parse_v6(s, out);
}

/* Where the port's colon stands: after the bracket, or the only colon there is. */
static const char *port_colon(struct str s)
{
    if (s.n && s.p[0] == '[') {
        const char *close = str_find(s, ']');
        return close && close + 1 < str_end(s) && close[1] == ':' ? close + 1 : NULL;
    }
    const char *colon = str_find(s, ':');
    return colon && !str_find(str_span(colon + 1, str_end(s)), ':') ? colon : NULL;
}

int addr_parse(struct str s, uint16_t default_port, struct addr *out)
{
    const char *colon = port_colon(s);
    uint32_t port = default_port;
    if (colon) {
        int err = str_to_u32(str_span(colon + 1, str_end(s)), UINT16_MAX, &port);
        if (err)
            return ERR_PARSE;
        s = str_span(s.p, colon);
    }
    struct addr a = {.port = (uint16_t)port};
    if (addr_parse_host(s, &a))
        return ERR_PARSE;
    *out = a;
    return 0;
}

void addr_print_bare(const struct addr *a, struct buf *out)
{
    if (a->family == 6) {
        char text[INET6_ADDRSTRLEN] = "";
        inet_ntop(AF_INET6, a->ip, text, sizeof text);
        buf_add(out, str_of(text));
        return;
    }
    char text[sizeof "255.255.255.255"],
        *p = text; /* in each answer: inet_ntop is ten times slower */
    for (int i = 0; i < 4; i++) {
        const unsigned v = a->ip[i];
        if (v >= 100)
            *p++ = (char)('0' + v / 100);
        if (v >= 10)
            *p++ = (char)('0' + v / 10 % 10);
        *p++ = (char)('0' + v % 10);
        *p++ = '.';
    }
    buf_add(out, str_span(text, p - 1));
}

void addr_print_host(const struct addr *a, struct buf *out)
{
    if (a->family == 6)
        buf_add_char(out, '[');
    addr_print_bare(a, out);
    if (a->family == 6)
        buf_add_char(out, ']');
}

void addr_print(const struct addr *a, struct buf *out)
{
    addr_print_host(a, out);
    buf_add_char(out, ':');
    buf_add_u64(out, a->port);
}

const char *addr_text(const struct addr *a, char text[ADDR_TEXT])
{
    struct buf out = buf_over(text, ADDR_TEXT - 1);
    addr_print(a, &out);
    text[out.len] = '\0';
    return text;
}

socklen_t addr_to_sockaddr(const struct addr *a, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof *out);
    if (a->family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)out;
        in->sin_family = AF_INET;
        in->sin_port = htons(a->port);
        memcpy(&in->sin_addr, a->ip, 4);
        return sizeof *in;
    }
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(a->port);
    in6->sin6_scope_id = a->scope_id;
    memcpy(&in6->sin6_addr, a->ip, 16);
    return sizeof *in6;
}

int addr_from_sockaddr(const struct sockaddr *sa, struct addr *out)
{
    struct addr a = {0};
    if (sa->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const void *)sa;
        memcpy(a.ip, &in->sin_addr, 4);
        a.port = ntohs(in->sin_port);
        a.family = 4;
    } else if (sa->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const void *)sa;
        memcpy(a.ip, &in6->sin6_addr, 16);
        a.port = ntohs(in6->sin6_port);
        a.scope_id = in6->sin6_scope_id;
        a.family = 6;
    } else {
        return ERR_PARSE;
    }
    *out = a;
    return 0;
}
