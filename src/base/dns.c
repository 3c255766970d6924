#include "base/dns.h"

enum {
    HEADER_LEN = 12,
    TYPE_CNAME = 5,
    TYPE_SOA = 6,
    CLASS_IN = 1,
    RCODE_NO_NAME = 3,
    FLAG_RESPONSE = 0x8000,
    LABEL_MAX = 63,
    ALIASES_MAX = 8,
    JUMPS_MAX = 16, /* inside of one name */
    POINTER = 0xC0,
    TTL_SIGN = 31, /* RFC 2181 8: such a TTL is none */
};

/* Bytes that are read one after another; what is not there reads as 0 and is remembered. */
struct reader {
    const uint8_t *p;
    size_t n, at;
    bool has_failed;
};

struct rr {
    char owner[DNS_NAME_MAX];
    unsigned type, class;
    uint32_t ttl_s;
    size_t data, end; /* in the message */
    bool is_readable; /* its owner is a name that could be asked for */
};

static unsigned read_u8(struct reader *r)
{
    if (r->has_failed || r->at >= r->n) {
        r->has_failed = true;
        return 0;
    }
    return r->p[r->at++];
}

static unsigned read_u16(struct reader *r)
{
    unsigned high = read_u8(r);
    return high << 8 | read_u8(r);
}

static uint32_t read_u32(struct reader *r)
{
    uint32_t high = read_u16(r);
    return high << 16 | read_u16(r);
}

/* ---------------------------------------------------------------- names */

static bool is_in_name(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

bool dns_is_name(struct str text)
{
    size_t n_label = 0;
    bool is_good = text.n > 0 && text.n < DNS_NAME_MAX;
    for (size_t i = 0; i < text.n && is_good; i++) {
        bool is_dot = text.p[i] == '.';
        is_good = is_dot ? n_label > 0 : is_in_name(text.p[i]) && n_label < LABEL_MAX;
        n_label = is_dot ? 0 : n_label + 1;
    }
    return is_good && n_label > 0;
}

/* One label; false: its characters, or its length, stand in no name of ours. The reader goes on
 * all the same. */
static bool add_label(struct reader *r, size_t len, struct buf *out)
{
    bool is_good = true;
    if (out->len)
        buf_add_char(out, '.');
    for (size_t i = 0; i < len; i++) {
        char c = ascii_lower((char)read_u8(r));
        is_good = is_good && is_in_name(c);
        buf_add_char(out, c);
    }
    return is_good;
}

/* RFC 1035 4.1.4. A pointer leads to what stands before the name that it is in.
 * False: it cannot be used, and the message may be. */
static bool read_name(struct reader *r, char out[DNS_NAME_MAX])
{
    struct buf text = buf_over(out, DNS_NAME_MAX - 1);
    size_t start = r->at, after = 0;
    unsigned n_jumps = 0;
    bool is_good = true;
    for (unsigned len = read_u8(r); len && !r->has_failed && !text.has_overflown;
         len = read_u8(r)) {
        if (len <= LABEL_MAX) {
            is_good = add_label(r, len, &text) && is_good;
            continue;
        }
        size_t to = (size_t)(len & ~(unsigned)POINTER) << 8 | read_u8(r);
        if (len < POINTER || to >= start || ++n_jumps > JUMPS_MAX)
            r->has_failed = true;
        after = after ? after : r->at;
        r->at = start = to;
    }
    if (after)
        r->at = after;
    out[text.len] = '\0';
    r->has_failed = r->has_failed || text.has_overflown;
    return is_good && !r->has_failed;
}

static bool is_name(const char *name, struct str other)
{
    return str_ieq(str_of(name), other);
}

/* ---------------------------------------------------------------- records */

/* Leaves the reader at its data; rr->end is the next one. */
static void read_head(struct reader *r, struct rr *rr)
{
    rr->is_readable = read_name(r, rr->owner);
    rr->type = read_u16(r);
    rr->class = read_u16(r);
    rr->ttl_s = read_u32(r);
    rr->ttl_s = rr->ttl_s >> TTL_SIGN ? 0 : rr->ttl_s;
    rr->end = read_u16(r);
    rr->data = r->at;
    rr->end += rr->data;
    r->has_failed = r->has_failed || rr->end > r->n;
}

static bool read_ip(struct reader *r, size_t len, struct addr *out)
{
    *out = (struct addr){.family = len == 4 ? 4 : 6};
    for (size_t i = 0; i < len; i++)
        out->ip[i] = (uint8_t)read_u8(r);
    return !addr_is_any(out);
}

static bool read_srv(struct reader *r, struct dns_record *out)
{
    out->order = (uint16_t)read_u16(r);
    out->weight = (uint16_t)read_u16(r);
    out->port = (uint16_t)read_u16(r);
    return read_name(r, out->target) && (out->port || !out->target[0]);
}

/* RFC 1035 3.3: a length and so many characters. What is longer than out has room for reads as "".
 */
static void read_text(struct reader *r, char *out, size_t cap)
{
    size_t len = read_u8(r), n = len < cap ? len : 0;
    for (size_t i = 0; i < len; i++) {
        char c = (char)read_u8(r);
        if (i < n)
            out[i] = c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
    }
    out[n] = '\0';
}

static bool read_naptr(struct reader *r, struct dns_record *out)
{
    char flags[DNS_SERVICE_MAX];
    out->order = (uint16_t)read_u16(r);
    out->weight = (uint16_t)read_u16(r);
    read_text(r, flags, sizeof flags);
    read_text(r, out->service, sizeof out->service);
    unsigned n_expression = read_u8(r);
    r->at += n_expression;
    out->is_to_srv = n_expression == 0 && is_name(flags, STR("S"));
    return read_name(r, out->target);
}

static bool read_data(struct reader *r, const struct rr *rr, struct dns_record *out)
{
    bool is_good = false;
    size_t len = rr->end - rr->data;
    *out = (struct dns_record){.order = 0};
    if (rr->type == DNS_A)
        is_good = len == 4 && read_ip(r, len, &out->addr);
    else if (rr->type == DNS_AAAA)
        is_good = len == 16 && read_ip(r, len, &out->addr);
    else if (rr->type == DNS_SRV)
        is_good = read_srv(r, out);
    else
        is_good = read_naptr(r, out);
    return is_good && r->at == rr->end;
}

/* ---------------------------------------------------------------- an answer */

struct parse {
    struct reader r;
    size_t answers, authorities; /* where they begin */
    unsigned n_answers, n_authorities;
    char name[DNS_NAME_MAX]; /* looked for: the question's, then its alias's */
    enum dns_type type;
    struct dns_answer *out;
};

static void shorten(struct dns_answer *out, uint32_t ttl_s)
{
    if (ttl_s < out->ttl_s)
        out->ttl_s = ttl_s;
}

static void take_record(struct parse *p, const struct rr *rr)
{
    struct reader data = p->r;
    struct dns_answer *out = p->out;
    data.at = rr->data;
    if (out->n == DNS_RECORDS_MAX || !read_data(&data, rr, &out->list[out->n]) || data.has_failed)
        return;
    out->n++;
    shorten(out, rr->ttl_s);
}

/* One way through the answers. True: the name is an alias, p->name the one behind it now. */
static bool collect(struct parse *p)
{
    bool has_alias = false;
    char alias[DNS_NAME_MAX];
    p->r.at = p->answers;
    for (unsigned i = 0; i < p->n_answers && !p->r.has_failed; i++) {
        struct rr rr;
        read_head(&p->r, &rr);
        if (p->r.has_failed)
            break;
        bool is_wanted =
            rr.is_readable && rr.class == CLASS_IN && is_name(rr.owner, str_of(p->name));
        if (is_wanted && rr.type == (unsigned)p->type)
            take_record(p, &rr);
        struct reader data = p->r;
        if (is_wanted && rr.type == TYPE_CNAME && !has_alias && read_name(&data, alias)) {
            has_alias = true;
            shorten(p->out, rr.ttl_s);
        }
        p->r.at = rr.end;
    }
    if (has_alias)
        memcpy(p->name, alias, sizeof alias);
    return has_alias;
}

/* RFC 2308 5: the lesser of the SOA's own TTL and its MINIMUM, the last of its fields. */
static uint32_t nothing_ttl(struct parse *p)
{
    enum { TAIL = 4 };
    p->r.at = p->authorities;
    for (unsigned i = 0; i < p->n_authorities && !p->r.has_failed; i++) {
        struct rr rr;
        read_head(&p->r, &rr);
        struct reader tail = p->r;
        if (p->r.has_failed)
            break;
        if (rr.type == TYPE_SOA && rr.end - rr.data > TAIL) {
            tail.at = rr.end - TAIL;
            uint32_t least_s = read_u32(&tail);
            return rr.ttl_s < least_s ? rr.ttl_s : least_s;
        }
        p->r.at = rr.end;
    }
    return DNS_NOTHING_S;
}

static bool read_question(struct parse *p, const char *name)
{
    char asked[DNS_NAME_MAX] = "";
    bool is_good = read_name(&p->r, asked) && is_name(asked, str_of(name));
    is_good = read_u16(&p->r) == (unsigned)p->type && is_good;
    memcpy(p->name, asked, sizeof asked);
    return read_u16(&p->r) == CLASS_IN && is_good;
}

static void find_authorities(struct parse *p)
{
    for (unsigned i = 0; i < p->n_answers && !p->r.has_failed; i++) {
        struct rr rr;
        read_head(&p->r, &rr);
        p->r.at = rr.end;
    }
    p->authorities = p->r.at;
}

/* The response code, or -1: it is no answer to the question. */
static int read_header(struct parse *p, const char *name)
{
    enum { RCODE_MASK = 15 };
    (void)read_u16(&p->r);
    unsigned flags = read_u16(&p->r), n_questions = read_u16(&p->r);
    p->n_answers = read_u16(&p->r);
    p->n_authorities = read_u16(&p->r);
    p->r.at = HEADER_LEN;
    if (!(flags & FLAG_RESPONSE) || n_questions != 1 || !read_question(p, name))
        return -1;
    p->answers = p->r.at;
    find_authorities(p);
    return p->r.has_failed ? -1 : (int)(flags & RCODE_MASK);
}

void dns_parse(struct str bytes, const struct dns_question *q, struct dns_answer *out)
{
    struct parse p = {
        .r = {.p = (const uint8_t *)bytes.p, .n = bytes.n}, .type = q->type, .out = out};
    out->result = DNS_FAILED;
    out->ttl_s = UINT32_MAX;
    out->n = 0;
    int code = read_header(&p, q->name);
    if (code != 0 && code != RCODE_NO_NAME)
        return;
    for (unsigned i = 0; i < ALIASES_MAX && collect(&p) && !out->n; i++)
        ;
    if (p.r.has_failed)
        return;
    out->result = out->n ? DNS_FOUND : code ? DNS_NO_NAME : DNS_NO_DATA;
    if (!out->n)
        shorten(out, nothing_ttl(&p));
}
