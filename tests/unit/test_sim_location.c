#include "unit.h"

#include "base/arena.h"
#include "sim/location.h"

enum { START_MS = 1000000 };

static const struct location_conf conf = {
    .min_expires_s = 30, .max_expires_s = 3600, .default_expires_s = 120};

struct ask {
    const char *call_id;
    uint32_t cseq;
    const char *contact; /* a Contact value */
    int64_t expires_s;
};

static unsigned ask(struct location *l, uint64_t now_ms, const struct ask *a)
{
    struct contact contacts[8];
    size_t n = 0;
    struct str rest = str_of(a->contact);
    while (n < 8 && contact_next(&rest, &contacts[n]) == 1)
        n++;
    const struct location_request r = {
        .aor = STR("alice@example.com"),
        .call_id = str_of(a->call_id),
        .cseq = a->cseq,
        .contacts = contacts,
        .n_contacts = n,
        .expires_s = a->expires_s,
        .path = STR_NONE,
    };
    return location_register(l, &r, now_ms);
}

static void assert_listed(const struct location *l, uint64_t now_ms, const char *want)
{
    char text[4096];
    struct buf out = buf_over(text, sizeof text);
    location_print(l, STR("alice@example.com"), now_ms, &out);
    if (!str_eq(buf_str(&out), str_of(want)))
        fail_msg("\"%.*s\" is not \"%s\"", STR_FMT(buf_str(&out)), want);
}

/* Each row is one REGISTER after those above it. */
static const struct {
    uint64_t at_s;
    struct ask ask;
    unsigned status;
    const char *listed;
} rows[] = {
    {0,
     {"a", 1, "<sip:a@h>;q=0.5;expires=60;x=\"y;z\"", CONTACT_NO_EXPIRES},
     200,
     "Contact: <sip:a@h>;q=0.5;x=\"y;z\";expires=60\r\n"},
    /* 10.3 step 8: what is left of it */
    {10,
     {"b", 1, "", CONTACT_NO_EXPIRES},
     200,
     "Contact: <sip:a@h>;q=0.5;x=\"y;z\";expires=50\r\n"},
    /* a second device; the header's expiry counts where the contact has none */
    {10,
     {"b", 1, "<sip:b@h>", 3700},
     200,
     "Contact: <sip:a@h>;q=0.5;x=\"y;z\";expires=50\r\nContact: <sip:b@h>;expires=3600\r\n"},
    /* step 7: an older CSeq in the same Call-ID changes nothing, of two contacts neither */
    {20,
     {"a", 0, "<sip:c@h>, <sip:a@h>", 60},
     500,
     "Contact: <sip:a@h>;q=0.5;x=\"y;z\";expires=40\r\nContact: <sip:b@h>;expires=3590\r\n"},
    /* another Call-ID may; the same URI differently written */
    {20,
     {"c", 0, "<sip:a@H>", 60},
     200,
     "Contact: <sip:b@h>;expires=3590\r\nContact: <sip:a@H>;expires=60\r\n"},
    {20,
     {"c", 1, "<sip:a@h>", 29},
     423,
     "Contact: <sip:b@h>;expires=3590\r\nContact: <sip:a@H>;expires=60\r\n"},
    {20,
     {"c", 1, "*", 1},
     400,
     "Contact: <sip:b@h>;expires=3590\r\nContact: <sip:a@H>;expires=60\r\n"},
    {20,
     {"c", 1, "*, <sip:d@h>", 0},
     400,
     "Contact: <sip:b@h>;expires=3590\r\nContact: <sip:a@H>;expires=60\r\n"},
    {20, {"c", 2, "<sip:b@h>;expires=0", 60}, 200, "Contact: <sip:a@H>;expires=60\r\n"},
    /* a retransmission of that removal, and of a refresh */
    {20, {"c", 2, "<sip:b@h>;expires=0", 60}, 200, "Contact: <sip:a@H>;expires=60\r\n"},
    {30, {"c", 0, "<sip:a@H>", CONTACT_NO_EXPIRES}, 200, "Contact: <sip:a@H>;expires=120\r\n"},
    {150, {"c", 0, "", CONTACT_NO_EXPIRES}, 200, ""},
    {150,
     {"d", 1, "<sip:a@h>, <sip:b@h>", 60},
     200,
     "Contact: <sip:a@h>;expires=60\r\nContact: <sip:b@h>;expires=60\r\n"},
    {151,
     {"d", 0, "*", 0},
     500,
     "Contact: <sip:a@h>;expires=59\r\nContact: <sip:b@h>;expires=59\r\n"},
    {151, {"d", 2, "*", 0}, 200, ""},
    {151, {"d", 2, "*", 0}, 200, ""},
};

static void registers_follow_the_rfc(void **state)
{
    (void)state;
    struct location *l;
    assert_int_equal(location_new(&conf, START_MS, &l), 0);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const uint64_t now_ms = START_MS + rows[i].at_s * 1000;
        const unsigned got = ask(l, now_ms, &rows[i].ask);
        if (got != rows[i].status)
            fail_msg("row %zu: %u", i, got);
        assert_listed(l, now_ms, rows[i].listed);
    }
    assert_int_equal(location_n_bindings(l), 0);
    assert_int_equal(location_n_aors(l), 0);
    location_free(l);
}

static void what_is_granted_can_be_fixed(void **state)
{
    (void)state;
    const struct location_conf fixed = {.max_expires_s = 3600, .grant_s = 77};
    struct location *l;
    assert_int_equal(location_new(&fixed, START_MS, &l), 0);
    assert_int_equal(ask(l, START_MS, &(struct ask){"a", 1, "<sip:a@h>", 10}), 200);
    assert_listed(l, START_MS, "Contact: <sip:a@h>;expires=77\r\n");
    location_free(l);
}

static void bindings_expire_by_themselves(void **state)
{
    (void)state;
    struct location *l;
    assert_int_equal(location_new(&conf, START_MS, &l), 0);
    assert_int_equal(ask(l, START_MS, &(struct ask){"a", 1, "<sip:a@h>", 60}), 200);
    assert_int_equal(ask(l, START_MS, &(struct ask){"a", 1, "<sip:b@h>", 90}), 200);
    location_advance(l, START_MS + 59999);
    assert_int_equal(location_n_bindings(l), 2);
    location_advance(l, START_MS + 60100);
    assert_int_equal(location_n_bindings(l), 1);
    location_advance(l, START_MS + 90100);
    assert_int_equal(location_n_aors(l), 0);
    location_free(l);
}

static void contacts_are_bounded(void **state)
{
    (void)state;
    struct location *l;
    char contact[64];
    assert_int_equal(location_new(&conf, START_MS, &l), 0);
    for (unsigned i = 0; i < LOCATION_CONTACTS_MAX + 3; i++) {
        (void)snprintf(contact, sizeof contact, "<sip:a%u@h>", i);
        assert_int_equal(ask(l, START_MS, &(struct ask){"a", 1, contact, 60}),
                         i < LOCATION_CONTACTS_MAX ? 200 : 503);
    }
    assert_int_equal(location_n_bindings(l), LOCATION_CONTACTS_MAX);
    location_flush(l);
    assert_int_equal(location_n_bindings(l), 0);
    location_free(l);
}

static void contacts_have_their_turn(void **state)
{
    (void)state;
    struct location *l;
    struct location_target t;
    assert_int_equal(location_new(&conf, START_MS, &l), 0);
    assert_false(location_next(l, &t));
    (void)ask(l, START_MS, &(struct ask){"a", 1, "<sip:a@h>, <sip:b@h>", 60});
    (void)ask(l, START_MS, &(struct ask){"b", 1, "<sip:c@h>", 60});
    for (int round = 0; round < 2; round++) {
        for (char user = 'a'; user <= 'c'; user++) {
            assert_true(location_next(l, &t));
            assert_int_equal(t.uri.p[4], user);
            assert_str(t.aor, "alice@example.com");
        }
    }
    (void)ask(l, START_MS, &(struct ask){"b", 2, "<sip:a@h>, <sip:c@h>", 0});
    for (int round = 0; round < 2; round++) {
        assert_true(location_next(l, &t));
        assert_str(t.uri, "sip:b@h");
    }
    location_free(l);
}

static void live_a_little(void *arg)
{
    (void)arg;
    struct location *l;
    if (location_new(&conf, START_MS, &l))
        return;
    (void)ask(l, START_MS, &(struct ask){"a", 1, "<sip:a@h>, <sip:b@h>", 60});
    (void)ask(l, START_MS, &(struct ask){"b", 1, "<sip:a@h>;x", 60});
    location_free(l);
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    assert_true(oom_sweep(live_a_little, NULL) > 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_follow_the_rfc),
        cmocka_unit_test(what_is_granted_can_be_fixed),
        cmocka_unit_test(bindings_expire_by_themselves),
        cmocka_unit_test(contacts_are_bounded),
        cmocka_unit_test(contacts_have_their_turn),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
