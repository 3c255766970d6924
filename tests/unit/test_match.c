#include "unit.h"

#include "base/arena.h"
#include "service/match.h"

enum { LIMIT = 1 << 20 };

/* What a request says, where it is not the usual; NULL: as usual. */
struct words {
    const char *via, *method, *uri, *from_tag, *to_tag, *call_id, *cseq;
};

static const char *or_usual(const char *word, const char *usual)
{
    return word ? word : usual;
}

static const struct msg *parse(struct arena *a, const struct words *w)
{
    const char *method = or_usual(w->method, "INVITE");
    struct buf out = buf_in(a, 4096);
    buf_addf(&out, "%s %s SIP/2.0\r\n", method, or_usual(w->uri, "sip:bob@example.com"));
    buf_addf(&out, "Via: SIP/2.0/UDP %s\r\n", w->via);
    buf_addf(&out, "From: <sip:a@b>;tag=%s\r\n", or_usual(w->from_tag, "f"));
    buf_addf(&out, "To: <sip:a@b>%s%s\r\n", w->to_tag ? ";tag=" : "", or_usual(w->to_tag, ""));
    buf_addf(&out, "Call-ID: %s\r\n", or_usual(w->call_id, "c"));
    buf_addf(&out, "CSeq: %s %s\r\n\r\n", or_usual(w->cseq, "1"), method);
    struct msg *m;
    struct msg_fault fault;
    assert_int_equal(msg_index(a, buf_str(&out), &msg_limits_none, &m, &fault), 0);
    return m;
}

static const struct addr source = {.ip = {192, 0, 2, 7}, .family = 4, .port = 5060};

static struct match match_of(const struct msg *m)
{
    return (struct match){m, &source, m->method_name, m->to_tag};
}

struct row {
    struct words words;
    bool is_same;
};

/* What is not the same differs in its hash already: however many transactions share a branch, a
 * call or all but a tag, each is found at once. */
static void check(const struct words *first, const struct row *rows, size_t n)
{
    struct arena a;
    struct hash_key key = hash_key_new();
    arena_init(&a, LIMIT);
    const struct msg *request = parse(&a, first);
    struct match own = match_of(request);
    assert_true(match_is(&own, request, &source));
    for (size_t i = 0; i < n; i++) {
        struct match what = match_of(parse(&a, &rows[i].words));
        assert_int_equal(match_is(&what, request, &source), rows[i].is_same);
        assert_int_equal(match_hash(&key, &what) == match_hash(&key, &own), rows[i].is_same);
    }
    arena_fini(&a);
}

static void test_by_branch(void **state)
{
    static const struct words first = {.via = "phone.test:5070;branch=z9hG4bKa"};
    static const struct row rows[] = {
        {{.via = "PHONE.test:5070;branch=z9hG4bKa;rport"}, true},
        {{.via = "phone.test : 5070;rport;branch=z9hG4bKa", .call_id = "other"}, true},
        {{.via = "phone.test:5071;branch=z9hG4bKa"}, false},
        {{.via = "phone.test;branch=z9hG4bKa"}, false},
        {{.via = "phone2.test:5070;branch=z9hG4bKa"}, false},
        {{.via = "phone.test:5070;branch=z9hG4bKA"}, false},
        {{.via = "phone.test:5070;branch=z9hG4bK"}, false},
        {{.via = "phone.test:5070;branch=a"}, false},
        {{.via = "phone.test:5070;branch=z9hG4bKa", .method = "MESSAGE"}, false},
        {{.via = "phone.test:5070;branch=z9hG4bKa", .method = "invite"}, false},
    };
    (void)state;
    check(&first, rows, sizeof rows / sizeof *rows);
}

/* D34. */
static void test_by_old_rules(void **state)
{
    static const struct words first = {.via = "192.0.2.7"};
    static const struct row rows[] = {
        {{.via = "192.0.2.7"}, true},
        {{.via = "192.0.2.7", .uri = "sip:carol@example.com"}, false},
        {{.via = "192.0.2.7", .from_tag = "g"}, false},
        {{.via = "192.0.2.7", .to_tag = "t"}, false},
        {{.via = "192.0.2.7", .call_id = "d"}, false},
        {{.via = "192.0.2.7", .cseq = "2"}, false},
        {{.via = "192.0.2.7;branch=1"}, false},
        {{.via = "192.0.2.7", .method = "MESSAGE"}, false},
        {{.via = "192.0.2.7;branch=z9hG4bKa"}, false},
    };
    (void)state;
    check(&first, rows, sizeof rows / sizeof *rows);
}

/* The longest host name there may be. */
static void test_long_host(void **state)
{
    char host[300] = "", other[300] = "", label[64];
    (void)state;
    memset(label, 'a', 63);
    label[63] = '\0';
    (void)snprintf(host, sizeof host, "%s.%s.%s.%.61sx;branch=z9hG4bKa", label, label, label,
                   label);
    (void)snprintf(other, sizeof other, "%s.%s.%s.%.61sy;branch=z9hG4bKa", label, label, label,
                   label);
    const struct words first = {.via = host};
    const struct row rows[] = {{{.via = host}, true}, {{.via = other}, false}};
    check(&first, rows, 2);
}

/* Another port is the same host, another host is a stranger. */
static void test_source(void **state)
{
    static const struct addr moved = {.ip = {192, 0, 2, 7}, .family = 4, .port = 5061},
                             stranger = {.ip = {192, 0, 2, 8}, .family = 4, .port = 5060};
    static const char *const vias[] = {"h;branch=z9hG4bKa", "h"};
    struct hash_key key = hash_key_new();
    struct arena a;
    (void)state;
    arena_init(&a, LIMIT);
    for (size_t i = 0; i < sizeof vias / sizeof *vias; i++) {
        const struct words words = {.via = vias[i]};
        const struct msg *request = parse(&a, &words);
        struct match own = match_of(request), what = own;
        what.source = &moved;
        assert_true(match_is(&what, request, &source));
        assert_true(match_hash(&key, &what) == match_hash(&key, &own));
        what.source = &stranger;
        assert_false(match_is(&what, request, &source));
        assert_false(match_hash(&key, &what) == match_hash(&key, &own));
    }
    arena_fini(&a);
}

/* An ACK and a CANCEL are looked for as their INVITE. */
/* One that nobody has heard of may be long. */
static void test_long_method(void **state)
{
    static const struct words first = {.via = "h;branch=z9hG4bKa",
                                       .method = "METHOD-OF-MORE-THAN-THIRTY-TWO-CHARACTERS-1"};
    static const struct row rows[] = {
        {{.via = "h;branch=z9hG4bKa", .method = "METHOD-OF-MORE-THAN-THIRTY-TWO-CHARACTERS-1"},
         true},
        {{.via = "h;branch=z9hG4bKa", .method = "METHOD-OF-MORE-THAN-THIRTY-TWO-CHARACTERS-2"},
         false},
    };
    (void)state;
    check(&first, rows, sizeof rows / sizeof *rows);
}

static void test_other_method(void **state)
{
    struct arena a;
    struct hash_key key = hash_key_new();
    (void)state;
    arena_init(&a, LIMIT);
    const struct words invite = {.via = "h"}, ack = {.via = "h", .method = "ACK", .to_tag = "t"};
    const struct msg *request = parse(&a, &invite);
    struct match own = match_of(request), what = match_of(parse(&a, &ack));
    assert_false(match_is(&what, request, &source));
    what.method = STR("INVITE");
    assert_false(match_is(&what, request, &source));
    what.to_tag = STR_NONE;
    assert_true(match_is(&what, request, &source));
    assert_true(match_hash(&key, &what) == match_hash(&key, &own));
    arena_fini(&a);
}

/* It counts, and never says that what is there is not. */
static void test_sieve(void **state)
{
    static struct match_sieve sieve;
    enum { N = 5000 };
    struct arena a;
    struct hmap map;
    struct hmap_node nodes[3];
    static const char *const vias[] = {"h;branch=z9hG4bK1", "h;branch=x", "h"};
    (void)state;
    arena_init(&a, LIMIT);
    hmap_init(&map);
    for (int i = 0; i < 3; i++) {
        struct match what = match_of(parse(&a, &(struct words){.via = vias[i]}));
        assert_null(match_first(&map, &sieve, &what));
        nodes[i].hash = match_hash(&map.key, &what);
        assert_int_equal(hmap_add(&map, &nodes[i]), 0);
        match_sieve_move(&sieve, what.m->via.branch, 1);
        match_sieve_move(&sieve, what.m->via.branch, 0);
        assert_ptr_equal(match_first(&map, &sieve, &what), &nodes[i]);
    }
    for (int by = 1; by >= -1; by -= 2)
        for (uint32_t i = 0; i < N; i++)
            match_sieve_move(&sieve, (struct str){(const char *)&i, sizeof i}, by);
    for (int i = 0; i < 3; i++) {
        struct match what = match_of(parse(&a, &(struct words){.via = vias[i]}));
        assert_ptr_equal(match_first(&map, &sieve, &what), &nodes[i]);
        match_sieve_move(&sieve, what.m->via.branch, -1);
    }
    for (size_t i = 0; i < MATCH_SIEVE; i++)
        assert_int_equal(sieve.n[i], 0);
    hmap_fini(&map);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_branch),    cmocka_unit_test(test_by_old_rules),
        cmocka_unit_test(test_long_host),    cmocka_unit_test(test_source),
        cmocka_unit_test(test_other_method), cmocka_unit_test(test_sieve),
        cmocka_unit_test(test_long_method),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
