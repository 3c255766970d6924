/* RFC 3263 4, with RFC 2782 and 3403: which names are asked for, and what the answers amount to. */
#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "core/locate.h"

#define UDP4 (1U << 0)
#define UDP6 (1U << 1)
#define TCP4 (1U << 2)
#define TLS4 (1U << 4)
#define ALL4 (UDP4 | TCP4 | TLS4)

/* A zone: "NAME TYPE DATA", the data as in a zone file. */
struct zone {
    const char *lines[16];
};

static void take(struct dns_answer *a, enum dns_type type, const char *data)
{
    struct dns_record *r = &a->list[a->n];
    unsigned order = 0, weight = 0, port = 0;
    char flag = 0;
    *r = (struct dns_record){.order = 0};
    if (type == DNS_SRV) {
        assert_true(sscanf(data, "%u %u %u %253s", &order, &weight, &port, r->target) == 4);
    } else if (type == DNS_NAPTR) {
        assert_true(sscanf(data, "%u %u %c %11s %253s", &order, &weight, &flag, r->service,
                           r->target) == 5);
    } else {
        assert_int_equal(addr_parse_host(str_of(data), &r->addr), 0);
    }
    if (strcmp(r->target, ".") == 0)
        r->target[0] = '\0';
    r->is_to_srv = flag == 's';
    r->order = (uint16_t)order;
    r->weight = (uint16_t)weight;
    r->port = (uint16_t)port;
    a->n++;
}

static const char *word_of(enum dns_type type)
{
    return type == DNS_A ? "A" : type == DNS_AAAA ? "AAAA" : type == DNS_SRV ? "SRV" : "NAPTR";
}

/* "NAME TYPE FAILED": no answer. */
static void look_up(const struct zone *z, const struct dns_question *ask, struct dns_answer *a)
{
    a->result = DNS_NO_DATA;
    a->ttl_s = 77;
    a->n = 0;
    for (size_t i = 0; i < 16 && z->lines[i]; i++) {
        char name[DNS_NAME_MAX], type[10];
        int at = 0;
        assert_true(sscanf(z->lines[i], "%253s %9s %n", name, type, &at) == 2);
        if (strcmp(name, ask->name) != 0 || strcmp(type, word_of(ask->type)) != 0)
            continue;
        a->result = DNS_FOUND;
        if (strcmp(z->lines[i] + at, "FAILED") == 0)
            a->result = DNS_FAILED;
        else
            take(a, ask->type, z->lines[i] + at);
    }
}

static void print(const struct locate *l, struct buf *out)
{
    static const char *const words[] = {"udp", "tcp", "tls"};
    for (size_t i = 0; i < l->n_targets; i++) {
        const struct locate_target *t = &l->targets[i];
        buf_addf(out, "%s%u %s ", i ? ", " : "", t->group, words[t->transport]);
        addr_print(&t->addr, out);
    }
    if (l->has_failed)
        buf_addf(out, " failed");
}

static void run(struct locate *l, const struct locate_want *want, const struct zone *z)
{
    struct dns_question ask;
    locate_start(l, want);
    while (locate_next(l, &ask)) {
        struct dns_answer a;
        look_up(z, &ask, &a);
        locate_answer(l, &a);
    }
}

static const struct zone full = {{
    "example.com NAPTR 20 1 s SIP+D2U _sip._udp.example.com",
    "example.com NAPTR 10 2 s SIP+D2T _sip._tcp.x.example.com",
    "example.com NAPTR 10 1 s SIPS+D2T _sips._tcp.example.com",
    "example.com NAPTR 1 1 s SIP+D2S _sip._sctp.example.com",
    "example.com NAPTR 1 1 u SIP+D2U .",
    "_sip._tcp.x.example.com SRV 1 0 5070 a.example.com",
    "_sips._tcp.example.com SRV 1 0 5071 a.example.com",
    "_sip._udp.example.com SRV 2 0 5072 a.example.com",
    "_sip._udp.example.com SRV 1 0 5073 b.example.com",
    "a.example.com A 192.0.2.1",
    "b.example.com A 192.0.2.2",
    "b.example.com AAAA 2001:db8::2",
}};

static const struct zone plain = {{
    "example.com A 192.0.2.10",
    "example.com A 192.0.2.9",
    "_sip._udp.dot.com SRV 0 0 0 .",
    "dot.com A 192.0.2.11",
    "_sip._udp.half.com SRV 0 0 0 .",
    "_sip._tcp.half.com SRV 0 0 5060 a.half.com",
    "a.half.com A 192.0.2.12",
    "_sip._udp.bad.com SRV FAILED",
    "bad.com A 192.0.2.13",
    "mute.com NAPTR FAILED",
    "mute.com A 192.0.2.14",
    "deaf.com NAPTR FAILED",
    "_sip._udp.deaf.com SRV 1 0 5075 a.deaf.com",
    "a.deaf.com A 192.0.2.15",
    "deaf.com A 192.0.2.16",
}};

/* What stands in a URI, and where it leads. */
static const struct row {
    const struct zone *zone;
    struct locate_want want;
    const char *expected;
} rows[] = {
    /* NAPTR: the lowest order with a service that can be used, by preference. */
    {&full, {.host = "example.com", .usable = ALL4}, "0 tls 192.0.2.1:5071, 1 tcp 192.0.2.1:5070"},
    {&full,
     {.host = "example.com", .usable = UDP4 | UDP6},
     "0 udp [2001:db8::2]:5073, 0 udp 192.0.2.2:5073, 1 udp 192.0.2.1:5072"},
    {&full, {.host = "example.com", .usable = UDP4}, "0 udp 192.0.2.2:5073, 1 udp 192.0.2.1:5072"},
    /* sips: TLS only. */
    {&full, {.host = "example.com", .is_secure = true, .usable = ALL4}, "0 tls 192.0.2.1:5071"},
    {&full, {.host = "example.com", .is_secure = true, .usable = UDP4 | TCP4}, ""},
    /* A transport: no NAPTR; the usual name. */
    {&full,
     {.host = "example.com", .has_transport = true, .transport = LOCATE_UDP, .usable = ALL4},
     "0 udp 192.0.2.2:5073, 1 udp 192.0.2.1:5072"},
    {&full,
     {.host = "a.example.com", .has_transport = true, .transport = LOCATE_TLS, .usable = ALL4},
     "0 tls 192.0.2.1:5061"},
    /* A port: neither NAPTR nor SRV. */
    {&plain,
     {.host = "example.com", .port = 5080, .usable = ALL4},
     "0 udp 192.0.2.9:5080, 0 udp 192.0.2.10:5080"},
    {&plain,
     {.host = "example.com", .port = 5080, .is_secure = true, .usable = ALL4},
     "0 tls 192.0.2.9:5080, 0 tls 192.0.2.10:5080"},
    {&plain,
     {.host = "example.com",
      .port = 5,
      .has_transport = true,
      .transport = LOCATE_TCP,
      .usable = ALL4},
     "0 tcp 192.0.2.9:5, 0 tcp 192.0.2.10:5"},
    /* Addresses alone. */
    {&plain,
     {.host = "example.com", .usable = ALL4},
     "0 udp 192.0.2.9:5060, 0 udp 192.0.2.10:5060"},
    {&plain,
     {.host = "example.com", .is_secure = true, .usable = ALL4},
     "0 tls 192.0.2.9:5061, 0 tls 192.0.2.10:5061"},
    /* Numeric: nothing is asked for. */
    {&full, {.host = "192.0.2.77", .usable = ALL4}, "0 udp 192.0.2.77:5060"},
    {&full,
     {.host = "[2001:db8::7]", .is_secure = true, .usable = ALL4},
     "0 tls [2001:db8::7]:5061"},
    {&full,
     {.host = "192.0.2.77", .port = 5, .has_transport = true, .transport = LOCATE_TCP},
     "0 tcp 192.0.2.77:5"},
    /* "." as target: no service, whatever addresses the name has. */
    {&plain, {.host = "dot.com", .usable = UDP4}, ""},
    {&plain, {.host = "half.com", .usable = ALL4}, "0 tcp 192.0.2.12:5060"},
    /* What could not be found out is not taken for nothing: the SRV records may have another name,
     * so that there are none of the usual one does not lead to the host itself. */
    {&plain, {.host = "bad.com", .usable = UDP4}, " failed"},
    {&plain, {.host = "mute.com", .usable = UDP4}, " failed"},
    {&plain, {.host = "deaf.com", .usable = UDP4}, "0 udp 192.0.2.15:5075 failed"},
    {&plain,
     {.host = "mute.com", .usable = UDP4, .is_naptr_given_up = true},
     "0 udp 192.0.2.14:5060 failed"},
    {&plain, {.host = "none.com", .usable = ALL4}, ""},
};

static void test_rows(void **state)
{
    static struct locate l;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        struct buf out = buf_over(text, sizeof text - 1);
        run(&l, &rows[i].want, rows[i].zone);
        print(&l, &out);
        text[out.len] = '\0';
        if (strcmp(text, rows[i].expected) != 0)
            fail_msg("row %zu (%s): \"%s\", expected \"%s\"", i, rows[i].want.host, text,
                     rows[i].expected);
    }
}

/* Answers without end: each question has 32 servers, each server 32 addresses. */
static void test_huge(void **state)
{
    static struct locate l;
    static struct dns_answer a;
    struct dns_question ask;
    const struct locate_want want = {.host = "example.com", .usable = ALL4 | UDP6};
    unsigned n_asks = 0;
    (void)state;
    locate_start(&l, &want);
    while (locate_next(&l, &ask)) {
        a = (struct dns_answer){.result = DNS_FOUND, .ttl_s = 5, .n = DNS_RECORDS_MAX};
        for (unsigned i = 0; i < DNS_RECORDS_MAX; i++) {
            a.list[i] = (struct dns_record){
                .order = (uint16_t)i,
                .port = 5060,
                .is_to_srv = true,
                .service = "SIP+D2U",
                .target = "x.example.com",
                .addr = {.family = 4, .ip = {10, (uint8_t)n_asks, 0, (uint8_t)i}}};
        }
        locate_answer(&l, &a);
        assert_true(++n_asks <= LOCATE_ASKS_MAX);
    }
    assert_int_equal(l.n_targets, LOCATE_TARGETS_MAX);
    assert_int_equal(l.ttl_s, 5);
    /* And servers without any. */
    n_asks = 0;
    locate_start(&l, &want);
    while (locate_next(&l, &ask)) {
        a.n = ask.type == DNS_SRV ? DNS_RECORDS_MAX : 0;
        locate_answer(&l, &a);
        assert_true(++n_asks <= LOCATE_ASKS_MAX);
    }
    assert_int_equal(l.n_targets, 0);
}

/* ---------------------------------------------------------------- the order of one request */

enum { DRAWS = 20000 };

/* How often each target comes first. */
static void count(const struct locate_target *list, size_t n, unsigned *first)
{
    uint8_t order[LOCATE_TARGETS_MAX];
    memset(first, 0, n * sizeof *first);
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint32_t seen = 0;
        locate_order(list, n, i * 2654435761U, order);
        first[order[0]]++;
        for (size_t k = 0; k < n; k++) {
            seen |= 1U << order[k];
            assert_true(k == 0 || list[order[k - 1]].group <= list[order[k]].group);
        }
        assert_int_equal(seen, (1U << n) - 1); /* each once */
    }
}

static bool is_about(unsigned n, unsigned percent)
{
    unsigned expected = DRAWS / 100 * percent;
    return n + DRAWS / 50 > expected && n < expected + DRAWS / 50;
}

static void test_weights(void **state)
{
    static const struct locate_target list[] = {
        {.group = 0, .unit = 0, .weight = 60, .id = 1},
        {.group = 0, .unit = 1, .weight = 30, .id = 2},
        {.group = 0, .unit = 2, .weight = 10, .id = 3},
        {.group = 0, .unit = 3, .weight = 0, .id = 4},
        {.group = 1, .unit = 4, .weight = 90, .id = 5},
    };
    unsigned first[5];
    (void)state;
    count(list, 5, first);
    if (!is_about(first[0], 60) || !is_about(first[1], 30) || !is_about(first[2], 10) ||
        first[3] > DRAWS / 50 || first[4])
        fail_msg("%u %u %u %u %u of %u", first[0], first[1], first[2], first[3], first[4], DRAWS);
}

/* Without weights each has the same share; the addresses of one server stay together, in order. */
static void test_units(void **state)
{
    static const struct locate_target list[] = {{.unit = 0, .id = 1},
                                                {.unit = 0, .id = 1},
                                                {.unit = 1, .id = 2},
                                                {.unit = 2, .id = 3},
                                                {.unit = 2, .id = 3}};
    unsigned first[5];
    uint8_t order[5];
    (void)state;
    count(list, 5, first);
    assert_true(is_about(first[0], 33) && is_about(first[2], 33) && is_about(first[3], 33));
    for (uint64_t i = 0; i < 100; i++) {
        locate_order(list, 5, i, order);
        for (size_t k = 0; k < 5; k++)
            if (order[k] == 0 || order[k] == 3)
                assert_int_equal(order[k + 1], order[k] + 1);
    }
    uint8_t again[5];
    locate_order(list, 5, 42, order);
    locate_order(list, 5, 42, again);
    assert_memory_equal(order, again, sizeof order);
}

/* One more server, or one less, moves its own share of the lines and no other (D90). */
static void test_changes(void **state)
{
    static const struct locate_target all[] = {{.unit = 0, .weight = 10, .id = 11},
                                               {.unit = 1, .weight = 10, .id = 22},
                                               {.unit = 2, .weight = 20, .id = 33},
                                               {.unit = 3, .weight = 40, .id = 44}};
    unsigned n_moved = 0;
    uint8_t with[4], without[3];
    (void)state;
    for (uint64_t i = 0; i < DRAWS; i++) {
        uint64_t number = i * 0x9e3779b97f4a7c15ULL;
        locate_order(all, 4, number, with);
        locate_order(all, 3, number, without);
        n_moved += with[0] != without[0];
        if (with[0] != without[0])
            assert_int_equal(with[0], 3);
        /* Those that stay keep their order among themselves. */
        for (size_t k = 0, n = 0; k < 4; k++)
            if (with[k] != 3)
                assert_int_equal(with[k], without[n++]);
    }
    if (!is_about(n_moved, 50))
        fail_msg("%u of %u", n_moved, DRAWS);
}

/* What a server is told apart by is its name, or its address: not its place in the list. */
static void test_ids(void **state)
{
    static const struct zone before = {{
        "_sip._udp.example.com SRV 1 1 5060 b.example.com",
        "_sip._udp.example.com SRV 1 1 5060 c.example.com",
        "b.example.com A 192.0.2.2",
        "c.example.com A 192.0.2.3",
    }};
    static const struct zone after = {{
        "_sip._udp.example.com SRV 1 1 5060 a.example.com",
        "_sip._udp.example.com SRV 1 1 5060 B.example.com",
        "a.example.com A 192.0.2.1",
        "B.example.com A 192.0.2.22",
    }};
    static struct locate l, k;
    const struct locate_want want = {
        .host = "example.com", .has_transport = true, .transport = LOCATE_UDP, .usable = UDP4};
    (void)state;
    run(&l, &want, &before);
    run(&k, &want, &after);
    assert_int_equal(l.n_targets, 2);
    assert_int_equal(k.n_targets, 2);
    assert_int_equal(l.targets[0].id, k.targets[0].id);
    assert_int_not_equal(l.targets[0].id, l.targets[1].id);
    assert_int_equal(l.targets[0].host, locate_host_mark(STR("B.example.COM")));
    run(&l, &(struct locate_want){.host = "example.com", .port = 5060, .usable = UDP4}, &plain);
    assert_int_not_equal(l.targets[0].id, l.targets[1].id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),    cmocka_unit_test(test_huge),
        cmocka_unit_test(test_weights), cmocka_unit_test(test_units),
        cmocka_unit_test(test_changes), cmocka_unit_test(test_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
