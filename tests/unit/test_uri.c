#include "unit.h"

#include "base/err.h"
#include "mutate.h"
#include "sip/uri.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        "" literal, sizeof(literal) - 1                                                            \
    }
#define COUNT(table) (sizeof(table) / sizeof *(table))

static void assert_part(struct str part, const char *want)
{
    assert_int_equal(str_is_none(part), want == NULL);
    if (want && !str_eq(part, str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(part), want);
}

static struct uri parsed(struct str text)
{
    struct uri u;
    if (uri_parse(text, &u))
        fail_msg("\"%.*s\" is a URI", STR_FMT(text));
    return u;
}

static const struct {
    struct str text;
    enum uri_scheme scheme;
    const char *user, *password, *host;
    uint16_t port;
    const char *params, *headers, *rest;
} uris[] = {
    {TEXT("sip:h"), URI_SIP, NULL, NULL, "h", 0, NULL, NULL, NULL},
    {TEXT("SIP:a@B.example.:5070;lr;x=%41?s=%20&t="), URI_SIP, "a", NULL, "B.example.", 5070,
     ";lr;x=%41", "s=%20&t=", NULL},
    {TEXT("sips:alice:se&=+$,cret@h"), URI_SIPS, "alice", "se&=+$,cret", "h", 0, NULL, NULL, NULL},
    {TEXT("sip:a:@h"), URI_SIP, "a", "", "h", 0, NULL, NULL, NULL},
    {TEXT("sip:+1-212;phone-context=x.com@h;user=phone"), URI_SIP, "+1-212;phone-context=x.com",
     NULL, "h", 0, ";user=phone", NULL, NULL},
    /* RFC 4475: intmeth, esc01, semiuri, cparam02, escnull, escruri */
    {TEXT("sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.("
          "doesn't-it)@example.com"),
     URI_SIP, "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*",
     "&it+has=1,weird!*pas$wo~d_too.(doesn't-it)", "example.com", 0, NULL, NULL, NULL},
    {TEXT("sip:sips%3Auser%40example.com@example.net"), URI_SIP, "sips%3Auser%40example.com", NULL,
     "example.net", 0, NULL, NULL, NULL},
    {TEXT("sip:cal%6Cer@h;%6C%72;n%61me=v%61lue%25%34%31"), URI_SIP, "cal%6Cer", NULL, "h", 0,
     ";%6C%72;n%61me=v%61lue%25%34%31", NULL, NULL},
    {TEXT("sip:user;par=u%40example.net@example.com"), URI_SIP, "user;par=u%40example.net", NULL,
     "example.com", 0, NULL, NULL, NULL},
    {TEXT("sip:null-%00-null@h"), URI_SIP, "null-%00-null", NULL, "h", 0, NULL, NULL, NULL},
    {TEXT("sip:a@h?Route=%3Csip:h%3E"), URI_SIP, "a", NULL, "h", 0, NULL, "Route=%3Csip:h%3E",
     NULL},
    /* RFC 5118 4.4: a port that was meant is a part of the address */
    {TEXT("sip:[2001:db8::10:5070]"), URI_SIP, NULL, NULL, "[2001:db8::10:5070]", 0, NULL, NULL,
     NULL},
    {TEXT("sip:a@[2001:db8::10]:5070;x"), URI_SIP, "a", NULL, "[2001:db8::10]", 5070, ";x", NULL,
     NULL},
    {TEXT("sip:a@[::ffff:192.0.2.10]"), URI_SIP, "a", NULL, "[::ffff:192.0.2.10]", 0, NULL, NULL,
     NULL},
    {TEXT("sip:a@h;line=;ob"), URI_SIP, "a", NULL, "h", 0, ";line=;ob", NULL, NULL},
    {TEXT("tel:+31-(20).123;ext=1"), URI_TEL, "+31-(20).123", NULL, NULL, 0, ";ext=1", NULL, NULL},
    {TEXT("tel:7042;phone-context=example.com"), URI_TEL, "7042", NULL, NULL, 0,
     ";phone-context=example.com", NULL, NULL},
    {TEXT("tel:*21#"), URI_TEL, "*21#", NULL, NULL, 0, NULL, NULL, NULL},
    {TEXT("nobodyKnowsThisScheme:totallyopaquecontent"), URI_OTHER, NULL, NULL, NULL, 0, NULL, NULL,
     "totallyopaquecontent"},
    {TEXT("soap.beep://192.0.2.103:3002"), URI_OTHER, NULL, NULL, NULL, 0, NULL, NULL,
     "//192.0.2.103:3002"},
    {TEXT("urn:service:sos"), URI_OTHER, NULL, NULL, NULL, 0, NULL, NULL, "service:sos"},
};

static void uris_are_taken_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(uris); i++) {
        struct uri u = parsed(uris[i].text);
        assert_int_equal(u.scheme, uris[i].scheme);
        assert_part(u.user, uris[i].user);
        assert_part(u.password, uris[i].password);
        assert_part(u.host, uris[i].host);
        assert_int_equal(u.port, uris[i].port);
        assert_part(u.params, uris[i].params);
        assert_part(u.headers, uris[i].headers);
        assert_part(u.rest, uris[i].rest);
        assert_true(str_eq(u.text, uris[i].text));
    }
}

static const struct str no_uris[] = {
    TEXT(""),
    TEXT("sip"),
    TEXT("sip:"),
    TEXT(":h"),
    TEXT("1sip:h"),
    TEXT("s ip:h"),
    TEXT("<sip:a@h>"),   /* RFC 4475 ltgtruri */
    TEXT("sip:a@h; lr"), /* RFC 4475 lwsruri */
    TEXT(" sip:a@h"),
    TEXT("sip:a@h "),
    TEXT("sip:@h"),
    TEXT("sip::p@h"),
    TEXT("sip:a@"),
    TEXT("sip:a@b@h"),
    TEXT("sip:a:b:c@h"),
    TEXT("sip:a%4@h"),
    TEXT("sip:a%@h"),
    TEXT("sip:a%4g@h"),
    TEXT("sip:a\0b@h"),
    TEXT("sip:\"a\"@h"),
    TEXT("sip:a@h:"),
    TEXT("sip:a@h:0"),
    TEXT("sip:a@h:65536"),
    TEXT("sip:a@h:99999999999999999999"),
    TEXT("sip:a@h:5060x"),
    TEXT("sip:a@h..x"),
    TEXT("sip:a@.h"),
    TEXT("sip:a@-h"),
    TEXT("sip:a@h-"),
    TEXT("sip:a@h%41"),
    TEXT("sip:a@192.0.2.256"),
    TEXT("sip:a@192.0.2"),
    TEXT("sip:a@2001:db8::1"), /* RFC 5118 4.2 */
    TEXT("sip:a@[2001:db8::1"),
    TEXT("sip:a@[2001:db8:::192.0.2.1]"), /* RFC 5118 4.10 */
    TEXT("sip:a@[fe80::1%25eth0]"),       /* D81 */
    TEXT("sip:a@[192.0.2.1]"),
    TEXT("sip:a@[]"),
    TEXT("sip:a@h;"),
    TEXT("sip:a@h;;lr"),
    TEXT("sip:a@h;=x"),
    TEXT("sip:a@h;x=a=b"),
    TEXT("sip:a@h;x=%zz"),
    TEXT("sip:a@h?"),
    TEXT("sip:a@h?x"),
    TEXT("sip:a@h?x=1&"),
    TEXT("sip:a@h?=1"),
    TEXT("sip:a@h?x=1;y"),
    TEXT("tel:"),
    TEXT("tel:+"),
    TEXT("tel:-"),
    TEXT("tel:+31a"),
    TEXT("tel:31g"),
    TEXT("tel:+31;"),
    TEXT("tel:+31?x=1"),
    TEXT("tel:+31@h"),
    TEXT("urn:"),
    TEXT("urn:a b"),
    TEXT("urn:%0"),
};

static void what_is_no_uri_is_refused(void **state)
{
    (void)state;
    struct uri u;
    for (size_t i = 0; i < COUNT(no_uris); i++)
        if (uri_parse(no_uris[i], &u) != ERR_PARSE)
            fail_msg("\"%.*s\" is no URI", STR_FMT(no_uris[i]));
    assert_int_equal(uri_parse(STR_NONE, &u), ERR_PARSE);
}

static void there_is_a_most_of_parameters(void **state)
{
    (void)state;
    char text[256];
    for (int n = URI_PARTS_MAX - 1; n <= URI_PARTS_MAX + 1; n++) {
        struct buf params = buf_over(text, sizeof text);
        buf_add(&params, STR("sip:h"));
        for (int i = 0; i < n; i++)
            buf_add(&params, STR(";a"));
        struct uri u;
        assert_int_equal(uri_parse(buf_str(&params), &u), n > URI_PARTS_MAX ? ERR_PARSE : 0);
        struct buf headers = buf_over(text, sizeof text);
        buf_add(&headers, STR("sip:h"));
        for (int i = 0; i < n; i++)
            buf_add(&headers, i ? STR("&a=b") : STR("?a=b"));
        assert_int_equal(uri_parse(buf_str(&headers), &u), n > URI_PARTS_MAX ? ERR_PARSE : 0);
    }
}

static void parameters_are_found(void **state)
{
    (void)state;
    struct uri u = parsed(STR("sip:a@h;Transport=TCP;%6C%72;maddr=1.2.3.4"));
    struct str value;
    assert_true(uri_param(&u, STR("transport"), &value));
    assert_str(value, "TCP");
    assert_true(uri_param(&u, STR("lr"), &value));
    assert_true(str_is_none(value));
    assert_false(uri_param(&u, STR("ob"), &value));
    u = parsed(STR("sip:h"));
    assert_false(uri_param(&u, STR("lr"), &value));
}

static const struct {
    struct str uri;
    const char *bare; /* without "method" and headers */
} bares[] = {
    {TEXT("sip:a@h"), "sip:a@h"},
    {TEXT("sip:a@h?x=y"), "sip:a@h"},
    {TEXT("sip:a@h;lr;X=%41;ob=?x=y&z="), "sip:a@h;lr;X=%41;ob="},
    {TEXT("sip:a@h;method=INVITE"), "sip:a@h"},
    {TEXT("sip:a@h;METHOD=INVITE;lr?method=z"), "sip:a@h;lr"},
    {TEXT("sip:a@h;x=1;m%65thod=INVITE;y"), "sip:a@h;x=1;y"},
    {TEXT("sip:a@h;method=A;x=method;%6d%65%74%68%6f%64=B;method"), "sip:a@h;x=method"},
    {TEXT("sip:a@h;method;methods=1;xmethod=2;method="), "sip:a@h;methods=1;xmethod=2"},
    {TEXT("sip:method=x;method=y@h:5070;x"), "sip:method=x;method=y@h:5070;x"},
    {TEXT("tel:+31;method=INVITE;ext=1"), "tel:+31;ext=1"},
    {TEXT("urn:x"), "urn:x"},
};

static void a_parameter_is_left_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bares); i++) {
        struct uri u = parsed(bares[i].uri);
        char text[64];
        struct buf out = buf_over(text, sizeof text);
        uri_print_bare(&u, STR("method"), &out);
        assert_part(buf_str(&out), bares[i].bare);
    }
}

static const struct {
    struct str uri;
    enum uri_fault fault;
    const char *aor, *folded; /* folded: with the user in lower case; NULL: the same */
} aors[] = {
    {TEXT("sip:Alice@Example.COM"), URI_OK, "Alice@example.com", "alice@example.com"},
    {TEXT("sips:alice@example.com"), URI_OK, "alice@example.com", NULL}, /* D6 */
    {TEXT("sip:alice:pw@example.com;transport=tcp?x=y"), URI_OK, "alice@example.com", NULL},
    /* D2, D3 */
    {TEXT("sip:%61%6Cice@h"), URI_OK, "alice@h", NULL},
    {TEXT("sip:%41@h"), URI_OK, "A@h", "a@h"},
    {TEXT("sip:a%40b@h"), URI_OK, "a%40b@h", NULL},
    {TEXT("sip:a%2540b@h"), URI_OK, "a%2540b@h", NULL},
    {TEXT("sip:a%3a%3b%2f@h"), URI_OK, "a%3A%3B%2F@h", NULL},
    {TEXT("sip:a%3b@h"), URI_OK, "a%3B@h", NULL},
    {TEXT("sip:a;b/c@h"), URI_OK, "a;b/c@h", NULL},
    {TEXT("sip:%2b31%26%3D%24%2c%3F@h"), URI_OK, "+31&=$,?@h", NULL},
    {TEXT("sip:a%20b%22%c3%a9@h"), URI_OK, "a%20b%22%C3%A9@h", NULL},
    /* what phones send beyond the grammar */
    {TEXT("sip:*21#@h"), URI_OK, "*21%23@h", NULL},
    {TEXT("sip:*21%23@h"), URI_OK, "*21%23@h", NULL},
    {TEXT("sip:\xc3\xa9@h"), URI_OK, "%C3%A9@h", NULL},
    /* D4: nothing is stripped */
    {TEXT("sip:+1-(212).5;phone-context=X@h"), URI_OK, "+1-(212).5;phone-context=X@h",
     "+1-(212).5;phone-context=x@h"},
    /* D5 */
    {TEXT("tel:+31-(20).123;ext=1"), URI_OK, "+3120123", NULL},
    {TEXT("tel:7A*#;phone-context=h"), URI_OK, "7a*#", NULL},
    /* D7 */
    {TEXT("sip:a@example.com."), URI_OK, "a@example.com", NULL},
    {TEXT("sip:a@h:5060"), URI_OK, "a@h", NULL},
    {TEXT("sip:a@h:5061"), URI_OK, "a@h:5061", NULL},
    {TEXT("sips:a@h:5061"), URI_OK, "a@h", NULL},
    {TEXT("sips:a@h:5060"), URI_OK, "a@h:5060", NULL},
    {TEXT("sip:a@h:05070"), URI_OK, "a@h:5070", NULL},
    {TEXT("sip:a@192.0.2.1"), URI_OK, "a@192.0.2.1", NULL},
    {TEXT("sip:a@[2001:DB8:0:0::1]:5060"), URI_OK, "a@[2001:db8::1]", NULL},
    /* D8, D9 */
    {TEXT("sip:example.com"), URI_NO_USER, NULL, NULL},
    {TEXT("sip:a%00@h"), URI_BAD_ESCAPE, NULL, NULL},
    {TEXT("sip:a%0d%0aX:@h"), URI_BAD_ESCAPE, NULL, NULL},
    {TEXT("sip:a%1F@h"), URI_BAD_ESCAPE, NULL, NULL},
    {TEXT("sip:a%7f@h"), URI_BAD_ESCAPE, NULL, NULL},
    {TEXT("urn:service:sos"), URI_BAD_SCHEME, NULL, NULL},
};

static void aors_are_canonical(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(aors); i++) {
        struct uri u = parsed(aors[i].uri);
        char text[128];
        struct buf out = buf_over(text, sizeof text);
        assert_int_equal(uri_to_aor(&u, true, &out), aors[i].fault);
        if (aors[i].fault)
            continue;
        assert_part(buf_str(&out), aors[i].aor);
        out = buf_over(text, sizeof text);
        assert_int_equal(uri_to_aor(&u, false, &out), URI_OK);
        assert_part(buf_str(&out), aors[i].folded ? aors[i].folded : aors[i].aor);
        for (size_t cap = 0; cap < out.len; cap++) {
            struct buf small = buf_over(text, cap);
            assert_int_equal(uri_to_aor(&u, true, &small), URI_TOO_LONG);
        }
    }
}

/* A canonical form is its own canonical form: nothing is ever un-escaped twice. */
static void canonical_forms_are_fixed_points(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(aors); i++) {
        struct uri u = parsed(aors[i].uri);
        char first[128], second[128] = "sip:";
        struct buf out = buf_over(first, sizeof first);
        if (u.scheme == URI_TEL || uri_to_aor(&u, true, &out))
            continue;
        memcpy(second + 4, out.p, out.len);
        struct uri again = parsed((struct str){second, out.len + 4});
        char third[128];
        struct buf repeat = buf_over(third, sizeof third);
        if (u.scheme == URI_SIPS && u.port)
            again.scheme = URI_SIPS;
        assert_int_equal(uri_to_aor(&again, true, &repeat), URI_OK);
        assert_true(str_eq(buf_str(&repeat), buf_str(&out)));
    }
}

static const struct {
    struct str a, b;
    bool is_equal;
} pairs[] = {
    /* RFC 3261 19.1.4 */
    {TEXT("sip:%61lice@atlanta.com;transport=TCP"), TEXT("sip:alice@AtLanTa.CoM;Transport=tcp"),
     true},
    {TEXT("sip:carol@chicago.com"), TEXT("sip:carol@chicago.com;newparam=5"), true},
    {TEXT("sip:carol@chicago.com"), TEXT("sip:carol@chicago.com;security=on"), true},
    {TEXT("sip:carol@chicago.com;newparam=5"), TEXT("sip:carol@chicago.com;security=on"), true},
    {TEXT("sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com"),
     TEXT("sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"), true},
    {TEXT("sip:alice@atlanta.com?subject=project%20x&priority=urgent"),
     TEXT("sip:alice@atlanta.com?priority=urgent&subject=project%20x"), true},
    {TEXT("SIP:ALICE@AtLanTa.CoM;Transport=udp"), TEXT("sip:alice@AtLanTa.CoM;Transport=UDP"),
     false},
    {TEXT("sip:bob@biloxi.com"), TEXT("sip:bob@biloxi.com:5060"), false},
    {TEXT("sip:bob@biloxi.com"), TEXT("sip:bob@biloxi.com;transport=udp"), false},
    {TEXT("sip:bob@biloxi.com"), TEXT("sip:bob@biloxi.com:6000;transport=tcp"), false},
    {TEXT("sip:carol@chicago.com"), TEXT("sip:carol@chicago.com?Subject=next%20meeting"), false},
    {TEXT("sip:bob@phone21.boxesbybob.com"), TEXT("sip:bob@192.0.2.4"), false},
    {TEXT("sip:carol@chicago.com;security=on"), TEXT("sip:carol@chicago.com;security=off"), false},
    /* D80 */
    {TEXT("sip:a@h;user=phone"), TEXT("sip:a@h"), false},
    {TEXT("sip:a@h;ttl=1"), TEXT("sip:a@h"), false},
    {TEXT("sip:a@h;method=INVITE"), TEXT("sip:a@h"), false},
    {TEXT("sip:a@h;maddr=1.2.3.4"), TEXT("sip:a@h"), false},
    {TEXT("sip:a@h;%6Daddr=1.2.3.4"), TEXT("sip:a@h"), false},
    {TEXT("sip:a@h;lr;ob"), TEXT("sip:a@h;OB;LR"), true},
    {TEXT("sip:a@h;lr"), TEXT("sip:a@h;lr=on"), false},
    {TEXT("sip:a@h;x=1;x=2"), TEXT("sip:a@h;x=1;x=2"), true},
    {TEXT("sip:a@h;x=1;x=2"), TEXT("sip:a@h;x=1"), false},
    {TEXT("sip:a@h?x=a"), TEXT("sip:a@h?x=A"), false},
    {TEXT("sip:a@h?:x=a&y=b"), TEXT("sip:a@h?y=b&:x=a"), true},
    {TEXT("sip:a@h?:x=a"), TEXT("sip:a@h?x=a"), false},
    {TEXT("sip:a@h:5061"), TEXT("sip:a@h:05061"), true},
    {TEXT("sip:a@h"), TEXT("sips:a@h"), false},
    {TEXT("sip:a@h"), TEXT("sip:h"), false},
    {TEXT("sip:a@h"), TEXT("sip:a:@h"), false},
    {TEXT("sip:a:p@h"), TEXT("sip:a:%70@h"), true},
    {TEXT("sip:a:p@h"), TEXT("sip:a:P@h"), false},
    {TEXT("sip:a@h"), TEXT("sip:ab@h"), false},
    {TEXT("sip:a%3b@h"), TEXT("sip:a;@h"), false},
    {TEXT("sip:a%2540@h"), TEXT("sip:a%40@h"), false},
    {TEXT("sip:a%c3%A9@h"), TEXT("sip:a%C3%a9@h"), true},
    {TEXT("sip:a@h."), TEXT("sip:a@H"), true},
    /* D81 */
    {TEXT("sip:a@[2001:db8::1]"), TEXT("sip:a@[2001:DB8:0:0:0:0:0:1]"), true},
    {TEXT("sip:a@[::ffff:192.0.2.1]"), TEXT("sip:a@192.0.2.1"), false},
    {TEXT("sip:a@192.0.2.1"), TEXT("sip:a@192.0.2.1"), true},
    /* RFC 3966 4 */
    {TEXT("tel:+31-20"), TEXT("TEL:+3(12)0."), true},
    {TEXT("tel:+3120"), TEXT("tel:3120"), false},
    {TEXT("tel:+3120"), TEXT("tel:+31201"), false},
    {TEXT("tel:+31;ext=1;isub=2"), TEXT("tel:+31;isub=2;EXT=1"), true},
    {TEXT("tel:+31;ext=1"), TEXT("tel:+31"), false},
    {TEXT("tel:1a;phone-context=H"), TEXT("tel:1A;phone-context=h"), true},
    {TEXT("urn:a:b"), TEXT("URN:a:b"), true},
    {TEXT("urn:a:b"), TEXT("urn:a:B"), false},
    {TEXT("urn:a:b"), TEXT("urx:a:b"), false},
};

static void comparison_follows_the_rfc(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        struct uri a = parsed(pairs[i].a), b = parsed(pairs[i].b);
        if (uri_is_equal(&a, &b) != pairs[i].is_equal || uri_is_equal(&b, &a) != pairs[i].is_equal)
            fail_msg("row %zu: \"%.*s\"", i, STR_FMT(pairs[i].a));
        assert_true(uri_is_equal(&a, &a) && uri_is_equal(&b, &b));
    }
}

static void hosts_alone(void **state)
{
    (void)state;
    assert_true(uri_is_same_host(STR("Example.com."), STR("example.COM")));
    assert_true(uri_is_same_host(STR("[::1]"), STR("[0:0::1]")));
    assert_false(uri_is_same_host(STR("[::1]"), STR("example.com")));
    assert_false(uri_is_same_host(STR("192.0.2.1"), STR("192.0.2.2")));
    assert_false(uri_is_same_host(STR("a"), STR("ab")));
    assert_true(uri_is_same_host(STR("3com.example"), STR("3com.EXAMPLE.")));
}

static void check_damaged(struct str in)
{
    struct uri u;
    if (uri_parse(in, &u))
        return;
    const struct str parts[] = {u.name,   u.user,    u.password, u.host,
                                u.params, u.headers, u.rest,     u.text};
    for (size_t k = 0; k < COUNT(parts); k++)
        assert_true(mutate_is_inside(parts[k], in));
    assert_true(uri_is_equal(&u, &u));
    char text[512];
    struct buf out = buf_over(text, sizeof text);
    if (uri_to_aor(&u, true, &out))
        return;
    for (size_t i = 0; i < out.len; i++)
        assert_true(text[i] > ' ' && text[i] < 0x7f);
}

static void damaged_uris_stay_inside(void **state)
{
    (void)state;
    uint64_t seed = 0x5eed0004;
    for (size_t i = 0; i < 40000; i++) {
        struct str a = mutate(uris[i % COUNT(uris)].text, &seed);
        struct str b = mutate(pairs[i % COUNT(pairs)].a, &seed);
        check_damaged(a);
        check_damaged(b);
        struct uri x, y;
        if (uri_parse(a, &x) == 0 && uri_parse(b, &y) == 0)
            assert_int_equal(uri_is_equal(&x, &y), uri_is_equal(&y, &x));
        free((char *)(uintptr_t)a.p);
        free((char *)(uintptr_t)b.p);
    }
}

/* RFC 5031 4.2 */
static void emergency_services(void **state)
{
    static const struct {
        struct str text;
        bool is_sos;
    } rows[] = {
        {TEXT("urn:service:sos"), true},
        {TEXT("URN:Service:SOS"), true},
        {TEXT("urn:service:sos.fire"), true},
        {TEXT("urn:service:sos.animal-control"), true},
        {TEXT("urn:service:sosx"), false},
        {TEXT("urn:service:so"), false},
        {TEXT("urn:service:counseling"), false},
        {TEXT("urn:other:sos"), false},
        {TEXT("uri:service:sos"), false},
        {TEXT("sip:service:sos@h"), false},
        {TEXT("tel:112"), false},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct uri u;
        assert_int_equal(uri_parse(rows[i].text, &u), 0);
        assert_int_equal(uri_is_sos(&u), rows[i].is_sos);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uris_are_taken_apart),
        cmocka_unit_test(what_is_no_uri_is_refused),
        cmocka_unit_test(there_is_a_most_of_parameters),
        cmocka_unit_test(parameters_are_found),
        cmocka_unit_test(a_parameter_is_left_out),
        cmocka_unit_test(aors_are_canonical),
        cmocka_unit_test(canonical_forms_are_fixed_points),
        cmocka_unit_test(comparison_follows_the_rfc),
        cmocka_unit_test(hosts_alone),
        cmocka_unit_test(emergency_services),
        cmocka_unit_test(damaged_uris_stay_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
