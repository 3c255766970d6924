#include "ctl/pcap.h"

#include <string.h>

#include "base/buf.h"

/* LINKTYPE_RAW: the packet begins with its IP header. */
enum { LINKTYPE_RAW = 101, SNAPLEN = 262144, IP4_LEN = 20, IP6_LEN = 40, UDP_LEN = 8 };
enum { PACKET_MAX = 65535 + IP6_LEN, PROTOCOL_UDP = 17, HOPS = 64 };

/* The file's own numbers are in this machine's order, which its magic number tells. */
static bool write_native(FILE *f, const uint32_t *numbers, size_t n)
{
    return fwrite(numbers, sizeof *numbers, n, f) == n;
}

bool pcap_begin(FILE *f)
{
    const uint32_t head[] = {0xa1b2c3d4, 0, 0, 0, SNAPLEN, LINKTYPE_RAW};
    uint32_t bytes[6];
    const uint16_t version[] = {2, 4};
    memcpy(bytes, head, sizeof bytes);
    memcpy(&bytes[1], version, sizeof version);
    return write_native(f, bytes, 6) && fflush(f) == 0;
}

static void add_number(struct buf *out, uint32_t v, unsigned n_bytes)
{
    for (unsigned i = n_bytes; i-- > 0;)
        buf_add_char(out, (char)(v >> 8 * i));
}

/* RFC 1071: 16 bits a word, an odd last byte as if a 0 followed. */
static uint32_t sum(uint32_t so_far, struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        so_far += (uint32_t)(uint8_t)s.p[i] << (i % 2 ? 0 : 8);
    return so_far;
}

static uint16_t fold(uint32_t s)
{
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

static void set16(struct buf *out, size_t at, uint16_t v)
{
    out->p[at] = (char)(v >> 8);
    out->p[at + 1] = (char)v;
}

static struct str ip_of(const struct addr *a)
{
    return (struct str){(const char *)a->ip, a->family == 6 ? 16 : 4};
}

static void add_ip(struct buf *out, const struct pcap_message *m, size_t udp_len)
{
    if (m->from.family == 6) {
        add_number(out, 6U << 28, 4);
        add_number(out, (uint32_t)udp_len, 2);
        add_number(out, PROTOCOL_UDP << 8 | HOPS, 2);
    } else {
        add_number(out, 0x4500, 2);
        add_number(out, (uint32_t)udp_len + IP4_LEN, 2);
        add_number(out, 0, 4);
        add_number(out, HOPS << 8 | PROTOCOL_UDP, 2);
        add_number(out, 0, 2);
    }
    buf_add(out, ip_of(&m->from));
    buf_add(out, ip_of(&m->to));
    if (m->from.family != 6)
        set16(out, 10, fold(sum(0, buf_str(out))));
}

static void add_udp(struct buf *out, const struct pcap_message *m, size_t udp_len)
{
    size_t begin = out->len;
    add_number(out, m->from.port, 2);
    add_number(out, m->to.port, 2);
    add_number(out, (uint32_t)udp_len, 2);
    add_number(out, 0, 2);
    buf_add(out, m->bytes);
    uint32_t s = PROTOCOL_UDP + (uint32_t)udp_len;
    s = sum(s, ip_of(&m->from));
    s = sum(s, ip_of(&m->to));
    uint16_t check = fold(sum(s, (struct str){out->p + begin, out->len - begin}));
    set16(out, begin + 6, check ? check : 0xffff);
}

bool pcap_add(FILE *f, const struct pcap_message *m)
{
    static char packet[PACKET_MAX];
    struct buf out = buf_over(packet, sizeof packet);
    struct pcap_message cut = *m;
    if (cut.bytes.n > UINT16_MAX - IP4_LEN - UDP_LEN)
        cut.bytes.n = UINT16_MAX - IP4_LEN - UDP_LEN;
    if (m->from.family != m->to.family)
        return false;
    add_ip(&out, &cut, cut.bytes.n + UDP_LEN);
    add_udp(&out, &cut, cut.bytes.n + UDP_LEN);
    const uint32_t head[] = {(uint32_t)(m->wall_us / 1000000), (uint32_t)(m->wall_us % 1000000),
                             (uint32_t)out.len, (uint32_t)out.len};
    return !out.has_overflown && write_native(f, head, 4) && fwrite(packet, out.len, 1, f) == 1 &&
           fflush(f) == 0;
}
