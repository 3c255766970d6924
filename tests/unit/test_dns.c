/* Answers of the DNS: RFC 1035, 2308, 2782, 3403, and what a liar may send. */
#include "unit.h"

#include "base/dns.h"

enum { CNAME = 5, SOA = 6 };

/* A message that is being put together. */
struct message {
    char bytes[8192];
    struct buf out;
    size_t n_answers, n_authorities;
};

static void add_u16(struct message *m, unsigned v)
{
    buf_add_char(&m->out, (char)(v >> 8));
    buf_add_char(&m->out, (char)v);
}

static void add_name(struct message *m, struct str name)
{
    while (name.n) {
        const char *dot = str_find(name, '.');
        struct str label = str_span(name.p, dot ? dot : str_end(name));
        buf_add_char(&m->out, (char)label.n);
        buf_add(&m->out, label);
        name = str_skip(name, label.n + 1);
    }
    buf_add_char(&m->out, 0);
}

static void begin(struct message *m, unsigned code, const char *name, unsigned type)
{
    m->out = buf_over(m->bytes, sizeof m->bytes);
    m->n_answers = m->n_authorities = 0;
    add_u16(m, 0x1234);
    add_u16(m, 0x8180 | code);
    add_u16(m, 1);
    for (int i = 0; i < 3; i++)
        add_u16(m, 0);
    add_name(m, str_of(name));
    add_u16(m, type);
    add_u16(m, 1);
}

/* Its data are what is added until end_record. */
static size_t begin_record(struct message *m, const char *owner, unsigned type, uint32_t ttl_s)
{
    if (owner)
        add_name(m, str_of(owner));
    else
        add_u16(m, 0xC00C); /* the question's */
    add_u16(m, type);
    add_u16(m, 1);
    add_u16(m, ttl_s >> 16);
    add_u16(m, ttl_s & 0xffff);
    add_u16(m, 0);
    return m->out.len;
}

static void end_record(struct message *m, size_t data)
{
    size_t n = m->out.len - data;
    m->bytes[data - 2] = (char)(n >> 8);
    m->bytes[data - 1] = (char)n;
    m->n_answers++;
    m->bytes[6] = (char)(m->n_answers >> 8);
    m->bytes[7] = (char)m->n_answers;
}

static void add_a(struct message *m, const char *owner, uint32_t ttl_s, unsigned last)
{
    size_t data = begin_record(m, owner, DNS_A, ttl_s);
    buf_add(&m->out, STR("\xC0\x00\x02"));
    buf_add_char(&m->out, (char)last);
    end_record(m, data);
}

static void add_alias(struct message *m, const char *owner, uint32_t ttl_s, const char *to)
{
    size_t data = begin_record(m, owner, CNAME, ttl_s);
    add_name(m, str_of(to));
    end_record(m, data);
}

static void add_srv(struct message *m, unsigned order, unsigned port, const char *target)
{
    size_t data = begin_record(m, NULL, DNS_SRV, 300);
    add_u16(m, order);
    add_u16(m, 7);
    add_u16(m, port);
    add_name(m, str_of(target));
    end_record(m, data);
}

static void add_naptr(struct message *m, const char *flags, const char *service,
                      const char *expression, const char *target)
{
    const char *const texts[] = {flags, service, expression};
    size_t data = begin_record(m, NULL, DNS_NAPTR, 200);
    add_u16(m, 10);
    add_u16(m, 20);
    for (size_t i = 0; i < 3; i++) {
        buf_add_char(&m->out, (char)strlen(texts[i]));
        buf_add(&m->out, str_of(texts[i]));
    }
    add_name(m, str_of(target));
    end_record(m, data);
}

static struct dns_answer read_as(const struct message *m, const char *name, enum dns_type type)
{
    struct dns_answer a;
    struct dns_question q = {.type = type};
    memcpy(q.name, name, strlen(name));
    dns_parse(buf_str(&m->out), &q, &a);
    return a;
}

static void test_addresses(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 0, "sip.example.com", DNS_A);
    add_a(&m, NULL, 300, 1);
    add_a(&m, "SIP.example.com", 60, 2);
    add_a(&m, "other.example.com", 5, 3);
    struct dns_answer a = read_as(&m, "sip.EXAMPLE.com", DNS_A);
    assert_int_equal(a.result, DNS_FOUND);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.ttl_s, 60);
    assert_string_equal(addr_text(&a.list[1].addr, (char[ADDR_TEXT]){0}), "192.0.2.2:0");
    assert_int_equal(read_as(&m, "other.example.com", DNS_A).result, DNS_FAILED);
    assert_int_equal(read_as(&m, "sip.example.com", DNS_AAAA).result, DNS_FAILED);
    begin(&m, 0, "v6.example.com", DNS_AAAA);
    size_t data = begin_record(&m, NULL, DNS_AAAA, 0x80000000U);
    buf_add(&m.out, STR("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"));
    end_record(&m, data);
    data = begin_record(&m, NULL, DNS_AAAA, 300);
    buf_add(&m.out, STR("\x20\x01"));
    end_record(&m, data);
    a = read_as(&m, "v6.example.com", DNS_AAAA);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.ttl_s, 0);
    assert_string_equal(addr_text(&a.list[0].addr, (char[ADDR_TEXT]){0}), "[2001:db8::1]:0");
}

/* In any order, and without an end. */
static void test_aliases(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 0, "a.example.com", DNS_A);
    add_a(&m, "c.example.com", 300, 9);
    add_alias(&m, "b.example.com", 40, "c.example.com");
    add_alias(&m, "a.example.com", 400, "b.example.com");
    struct dns_answer a = read_as(&m, "a.example.com", DNS_A);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.ttl_s, 40);
    begin(&m, 0, "a.example.com", DNS_A);
    add_alias(&m, "a.example.com", 400, "b.example.com");
    add_alias(&m, "b.example.com", 400, "a.example.com");
    assert_int_equal(read_as(&m, "a.example.com", DNS_A).result, DNS_NO_DATA);
}

static void test_services(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 0, "_sip._udp.example.com", DNS_SRV);
    add_srv(&m, 1, 5062, "A.example.com");
    add_srv(&m, 2, 0, "b.example.com");
    add_srv(&m, 3, 0, "");
    add_srv(&m, 4, 5060, "bad name.example.com");
    struct dns_answer a = read_as(&m, "_sip._udp.example.com", DNS_SRV);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.list[0].target, "a.example.com");
    assert_int_equal(a.list[0].port, 5062);
    assert_int_equal(a.list[0].weight, 7);
    assert_string_equal(a.list[1].target, "");

    begin(&m, 0, "example.com", DNS_NAPTR);
    add_naptr(&m, "s", "sips+d2t", "", "_sips._tcp.example.com");
    add_naptr(&m, "u", "SIP+E2U", "!^.*$!sip:x@example.com!", "");
    add_naptr(&m, "S", "SERVICE-OF-A-LONG-NAME", "", "x.example.com");
    a = read_as(&m, "example.com", DNS_NAPTR);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.list[0].service, "SIPS+D2T");
    assert_true(a.list[0].is_to_srv);
    assert_int_equal(a.list[0].order, 10);
    assert_false(a.list[1].is_to_srv);
    assert_string_equal(a.list[2].service, "");
    assert_string_equal(a.list[2].target, "x.example.com");
}

static void add_soa(struct message *m, uint32_t ttl_s, uint32_t least_s)
{
    size_t n_answers = m->n_answers;
    size_t data = begin_record(m, "example.com", SOA, ttl_s);
    add_name(m, STR("ns.example.com"));
    add_name(m, STR("root.example.com"));
    for (int i = 0; i < 8; i++)
        add_u16(m, 0);
    add_u16(m, least_s >> 16);
    add_u16(m, least_s & 0xffff);
    end_record(m, data);
    m->bytes[7] = (char)n_answers;
    m->bytes[9] = 1;
}

static void test_nothing(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 3, "no.example.com", DNS_A);
    add_soa(&m, 900, 120);
    struct dns_answer a = read_as(&m, "no.example.com", DNS_A);
    assert_int_equal(a.result, DNS_NO_NAME);
    assert_int_equal(a.ttl_s, 120);
    begin(&m, 0, "no.example.com", DNS_A);
    add_soa(&m, 30, 120);
    a = read_as(&m, "no.example.com", DNS_A);
    assert_int_equal(a.result, DNS_NO_DATA);
    assert_int_equal(a.ttl_s, 30);
    begin(&m, 0, "no.example.com", DNS_A);
    assert_int_equal(read_as(&m, "no.example.com", DNS_A).ttl_s, DNS_NOTHING_S);
    begin(&m, 2, "no.example.com", DNS_A); /* SERVFAIL */
    assert_int_equal(read_as(&m, "no.example.com", DNS_A).result, DNS_FAILED);
}

/* A name that points at itself or forwards, that has no end, records that are cut off: each prefix
 * and each changed byte of a good answer is read without harm. */
static void test_spoilt(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 0, "a.example.com", DNS_SRV);
    add_srv(&m, 1, 5060, "b.example.com");
    size_t data = begin_record(&m, NULL, DNS_SRV, 300);
    buf_add(&m.out, STR("\0\x01\0\x01\x13\xc4"));
    add_u16(&m, 0xC000 | (unsigned)m.out.len);
    end_record(&m, data);
    assert_int_equal(read_as(&m, "a.example.com", DNS_SRV).n, 1);
    for (size_t n = 0; n < m.out.len; n++) {
        char *copy = test_malloc(n + 1);
        struct dns_answer a;
        memcpy(copy, m.bytes, n);
        dns_parse((struct str){copy, n}, &(struct dns_question){"a.example.com", DNS_SRV}, &a);
        assert_int_equal(a.result, DNS_FAILED);
        test_free(copy);
    }
    for (size_t i = 0; i < m.out.len; i++)
        for (int bit = 0; bit < 8; bit++) {
            m.bytes[i] ^= (char)(1 << bit);
            (void)read_as(&m, "a.example.com", DNS_SRV);
            m.bytes[i] ^= (char)(1 << bit);
        }
}

static void test_many(void **state)
{
    (void)state;
    struct message m;
    begin(&m, 0, "a.example.com", DNS_A);
    for (unsigned i = 1; i < 200; i++)
        add_a(&m, NULL, 300, i);
    assert_int_equal(read_as(&m, "a.example.com", DNS_A).n, DNS_RECORDS_MAX);
}

static void test_names(void **state)
{
    static const struct {
        const char *text;
        bool is_name;
    } rows[] = {
        {"example.com", true},
        {"_sip._udp.example.com", true},
        {"localhost", true},
        {"", false},
        {".", false},
        {"a..b", false},
        {"example.com.", false},
        {".example.com", false},
        {"a b", false},
        {"b\xc3\xbcro.x", false},
        {"192.0.2.1", true},
    };
    char text[300];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (dns_is_name(str_of(rows[i].text)) != rows[i].is_name)
            fail_msg("\"%s\"", rows[i].text);
    memset(text, 'a', sizeof text);
    assert_true(dns_is_name((struct str){text, 63}));
    assert_false(dns_is_name((struct str){text, 64}));
    for (size_t i = 50; i < sizeof text; i += 51)
        text[i] = '.';
    assert_true(dns_is_name((struct str){text, 253}));
    assert_false(dns_is_name((struct str){text, 254}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses), cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_services),  cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_spoilt),    cmocka_unit_test(test_many),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
