#include "unit.h"

#include "base/err.h"
#include "mutate.h"
#include "sip/via.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))

struct row {
    struct str value;
    const char *transport, *host; /* NULL: ERR_PARSE */
    uint16_t port;
    const char *params;
};

static const struct row rows[] = {
    {TEXT("SIP/2.0/UDP h"), "UDP", "h", 0, NULL},
    {TEXT("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1"), "UDP", "192.0.2.1", 5060,
     ";branch=z9hG4bK1"},
    {TEXT(" SIP / 2.0\t/\r\n TLS  h.example. : 5061 ; rport ; branch = x "), "TLS", "h.example.",
     5061, "; rport ; branch = x"}, /* RFC 4475 wsinv */
    {TEXT("sip/2.0/UNKNOWN 3f2a_x"), "UNKNOWN", "3f2a_x", 0, NULL},
    {TEXT("SIP/2.0/TCP host1.example.com;branch=z9hG4bK-.!%66*_+`'~"), "TCP", "host1.example.com",
     0, ";branch=z9hG4bK-.!%66*_+`'~"}, /* RFC 4475 intmeth */
    /* RFC 5118 4.1, 4.5, 4.8 */
    {TEXT("SIP/2.0/UDP [2001:db8::9:1];received=[2001:db8::9:255];branch=z"), "UDP",
     "[2001:db8::9:1]", 0, ";received=[2001:db8::9:255];branch=z"},
    {TEXT("SIP/2.0/UDP [2001:db8::9:1];received=2001:db8::9:255;branch=z"), "UDP",
     "[2001:db8::9:1]", 0, ";received=2001:db8::9:255;branch=z"},
    {TEXT("SIP/2.0/UDP [::ffff:192.0.2.10]:19823"), "UDP", "[::ffff:192.0.2.10]", 19823, NULL},
    {TEXT("SIP/2.0/UDP 2001:db8::9:1;branch=z"), NULL, NULL, 0, NULL}, /* RFC 5118 4.2 */
    {TEXT("SIP/2.0/UDP [2001:db8::1"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP [2001:db8:::1]"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP [fe80::1%eth0]"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP [192.0.2.1]"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP 192.0.2.256"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP 192.0.2.1."), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP a..b"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP -a"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP ."), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP "), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h:"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h:0"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h:65536"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h:5060x"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h;"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h;;,;,,"), NULL, NULL, 0, NULL}, /* RFC 4475 badinv01 */
    {TEXT("SIP/2.0/UDP h,"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP h x"), NULL, NULL, 0, NULL},
    {TEXT("SIP/7.0/UDP h"), NULL, NULL, 0, NULL}, /* RFC 4475 badvers */
    {TEXT("SIP/2.0 h"), NULL, NULL, 0, NULL},
    {TEXT("SIP/2.0/UDP[::1]"), NULL, NULL, 0, NULL},
    {TEXT("XIP/2.0/UDP h"), NULL, NULL, 0, NULL},
    {TEXT(","), NULL, NULL, 0, NULL},
};

static void assert_part(struct str part, const char *want)
{
    assert_int_equal(str_is_none(part), want == NULL);
    if (want && !str_eq(part, str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(part), want);
}

static void single_elements(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str rest = rows[i].value;
        struct via v;
        int got = via_next(&rest, &v);
        if (got != (rows[i].host ? 1 : ERR_PARSE))
            fail_msg("\"%.*s\": %d", STR_FMT(rows[i].value), got);
        if (got != 1)
            continue;
        assert_part(v.transport, rows[i].transport);
        assert_part(v.host, rows[i].host);
        assert_int_equal(v.port, rows[i].port);
        assert_part(v.params, rows[i].params);
        assert_true(str_eq(v.text, str_trim(rows[i].value)));
        assert_int_equal(via_next(&rest, &v), 0);
    }
}

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct str rest = STR("SIP/2.0/UDP a;branch=1 , SIP / 2.0 / TCP b ;branch= 2,SIP/2.0/TLS c");
    struct via v;
    assert_int_equal(via_next(&rest, &v), 1);
    assert_str(v.text, "SIP/2.0/UDP a;branch=1");
    assert_int_equal(via_next(&rest, &v), 1);
    assert_str(v.text, "SIP / 2.0 / TCP b ;branch= 2");
    assert_str(v.branch, "2");
    assert_int_equal(via_next(&rest, &v), 1);
    assert_str(v.host, "c");
    assert_int_equal(via_next(&rest, &v), 0);
}

static void an_empty_value_ends_at_its_equals_sign(void **state)
{
    (void)state;
    struct via v;
    struct str rest = STR("SIP/2.0/UDP h;branch= \t, SIP/2.0/UDP i");
    assert_int_equal(via_next(&rest, &v), 1);
    assert_str(v.text, "SIP/2.0/UDP h;branch=");
    assert_str(v.params, ";branch=");
    assert_ptr_equal(v.branch.p, str_end(v.text));
}

static void known_parameters(void **state)
{
    (void)state;
    struct str rest = STR("SIP/2.0/UDP h;RPORT ; Branch=z9hG4bKx;maddr=224.2.0.1;received=1.2.3.4");
    struct via v;
    assert_int_equal(via_next(&rest, &v), 1);
    assert_true(via_has_cookie(&v));
    assert_str(v.branch, "z9hG4bKx");
    assert_str(v.maddr, "224.2.0.1");
    assert_str(v.received, "1.2.3.4");
    assert_str(v.received_param, ";received=1.2.3.4");
    assert_true(v.has_rport);
    assert_str(v.rport, ";RPORT");
    assert_true(str_is_none(v.rport_value));

    rest = STR("SIP/2.0/UDP h; rport = 5;branch=1;rport=6;branch=2");
    assert_int_equal(via_next(&rest, &v), 1);
    assert_false(via_has_cookie(&v)); /* D34 */
    assert_str(v.branch, "1");
    assert_str(v.rport, "; rport = 5");
    assert_str(v.rport_value, "5");

    rest = STR("SIP/2.0/UDP h;rport=");
    assert_int_equal(via_next(&rest, &v), 1);
    assert_str(v.rport, ";rport=");
    assert_false(str_is_none(v.rport_value));
}

static struct addr address(const char *text)
{
    struct addr a;
    assert_int_equal(addr_parse(str_of(text), 5060, &a), 0);
    return a;
}

static void received_and_rport_are_filled_in(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *source, *out;
    } table[] = {
        {TEXT("SIP/2.0/UDP 192.0.2.1;branch=z"), "192.0.2.1:99", "SIP/2.0/UDP 192.0.2.1;branch=z"},
        {TEXT("SIP/2.0/UDP 192.0.2.1"), "192.0.2.9:99", "SIP/2.0/UDP 192.0.2.1;received=192.0.2.9"},
        {TEXT("SIP/2.0/UDP h ; branch=z"), "192.0.2.9:99",
         "SIP/2.0/UDP h; branch=z;received=192.0.2.9"},
        /* RFC 3581 4: with rport always */
        {TEXT("SIP/2.0/UDP 192.0.2.1;rport;branch=z"), "192.0.2.1:99",
         "SIP/2.0/UDP 192.0.2.1;rport=99;branch=z;received=192.0.2.1"},
        /* D82: what the sender made up */
        {TEXT("SIP/2.0/UDP 192.0.2.1;received=10.0.0.1;branch=z"), "192.0.2.1:99",
         "SIP/2.0/UDP 192.0.2.1;branch=z"},
        {TEXT("SIP/2.0/UDP h;received=10.0.0.1;rport=1;x;rport;received=10.0.0.2"), "192.0.2.1:99",
         "SIP/2.0/UDP h;rport=99;x;received=192.0.2.1"},
        /* RFC 5118 4.5 and the grammar: no brackets; D81: by value, mapped is not IPv4 */
        {TEXT("SIP/2.0/UDP [2001:db8::1]:7"), "[2001:db8::2]:99",
         "SIP/2.0/UDP [2001:db8::1]:7;received=2001:db8::2"},
        {TEXT("SIP/2.0/UDP [2001:DB8:0::1]"), "[2001:db8::1]:99", "SIP/2.0/UDP [2001:DB8:0::1]"},
        {TEXT("SIP/2.0/UDP [::ffff:1.2.3.4]"), "1.2.3.4:99",
         "SIP/2.0/UDP [::ffff:1.2.3.4];received=1.2.3.4"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[256];
        struct buf out = buf_over(text, sizeof text);
        struct str rest = table[i].in;
        struct addr source = address(table[i].source);
        struct via v;
        assert_int_equal(via_next(&rest, &v), 1);
        via_print_received(&v, &source, &out);
        assert_part(buf_str(&out), table[i].out);
    }
}

static void a_scope_does_not_make_another_host(void **state)
{
    (void)state;
    char text[256];
    struct buf out = buf_over(text, sizeof text);
    struct str rest = STR("SIP/2.0/UDP [fe80::1]");
    struct addr source = address("[fe80::1]:99");
    source.scope_id = 7;
    struct via v;
    assert_int_equal(via_next(&rest, &v), 1);
    via_print_received(&v, &source, &out);
    assert_str(buf_str(&out), "SIP/2.0/UDP [fe80::1]");
}

static void replies_go_back(void **state)
{
    (void)state;
    static const struct {
        struct str via;
        const char *to; /* NULL: ERR_PARSE */
    } table[] = {
        {TEXT("SIP/2.0/UDP 192.0.2.1"), "192.0.2.1:5060"},
        {TEXT("SIP/2.0/TLS 192.0.2.1"), "192.0.2.1:5061"},
        {TEXT("SIP/2.0/TLS 192.0.2.1:5060"), "192.0.2.1:5060"},
        {TEXT("SIP/2.0/UDP 192.0.2.1:7;received=192.0.2.2"), "192.0.2.2:7"},
        {TEXT("SIP/2.0/UDP h:7;received=192.0.2.2;rport=99"), "192.0.2.2:99"},
        {TEXT("SIP/2.0/UDP h:7;received=192.0.2.2;rport"), "192.0.2.2:7"},
        {TEXT("SIP/2.0/UDP h:7;received=192.0.2.2;rport="), "192.0.2.2:7"},
        {TEXT("SIP/2.0/UDP h;received=2001:db8::1"), "[2001:db8::1]:5060"},
        {TEXT("SIP/2.0/UDP h;received=[2001:db8::1]"), "[2001:db8::1]:5060"},
        {TEXT("SIP/2.0/UDP [2001:db8::1]:7"), "[2001:db8::1]:7"},
        {TEXT("SIP/2.0/UDP h"), NULL},
        {TEXT("SIP/2.0/UDP 192.0.2.1;received=h"), NULL},
        {TEXT("SIP/2.0/UDP 192.0.2.1;rport=0"), NULL},
        {TEXT("SIP/2.0/UDP 192.0.2.1;rport=65536"), NULL},
        {TEXT("SIP/2.0/UDP 192.0.2.1;rport=1x"), NULL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct str rest = table[i].via;
        struct via v;
        struct addr a;
        char text[ADDR_TEXT];
        assert_int_equal(via_next(&rest, &v), 1);
        assert_int_equal(via_reply_addr(&v, &a), table[i].to ? 0 : ERR_PARSE);
        if (table[i].to)
            assert_string_equal(addr_text(&a, text), table[i].to);
    }
}

static void damaged_values_stay_inside(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0003;
    struct addr source = address("192.0.2.1:5060");
    for (size_t i = 0; i < 40000; i++) {
        struct str in = mutate(rows[i % COUNT(rows)].value, &seed);
        struct str rest = in;
        struct via v;
        while (via_next(&rest, &v) == 1) {
            const struct str parts[] = {v.transport, v.host,  v.params, v.branch,        v.received,
                                        v.maddr,     v.rport, v.text,   v.received_param};
            for (size_t k = 0; k < COUNT(parts); k++)
                assert_true(mutate_is_inside(parts[k], in));
            char text[4096 + 128];
            struct buf out = buf_over(text, sizeof text);
            via_print_received(&v, &source, &out);
            assert_false(out.has_overflown);
            char slow_text[sizeof text]; /* the short way prints what the long one does */
            struct buf slow = buf_over(slow_text, sizeof slow_text);
            struct via careful = v;
            careful.is_plain = false;
            via_print_received(&careful, &source, &slow);
            assert_true(str_eq(buf_str(&out), buf_str(&slow)));
            struct str again = buf_str(&out);
            assert_int_equal(via_next(&again, &v), 1);
            struct addr a;
            (void)via_reply_addr(&v, &a);
        }
        assert_true(mutate_is_inside(rest, in));
        free((char *)(uintptr_t)in.p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(single_elements),
        cmocka_unit_test(lists_keep_their_order),
        cmocka_unit_test(known_parameters),
        cmocka_unit_test(an_empty_value_ends_at_its_equals_sign),
        cmocka_unit_test(received_and_rport_are_filled_in),
        cmocka_unit_test(a_scope_does_not_make_another_host),
        cmocka_unit_test(replies_go_back),
        cmocka_unit_test(damaged_values_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
