/* What a message shows of identities beyond the border: RFC 3325 5, 7, 9.3; RFC 3323 4.2. */
#include "unit.h"

#include "base/arena.h"
#include "service/identity.h"

#define HEAD                                                                                       \
    "MESSAGE sip:b@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=1\r\n"   \
    "To: <sip:b@h>\r\nCall-ID: c\r\nCSeq: 1 MESSAGE\r\n"
#define OURS "P-Asserted-Identity: <sip:own@h>\r\n"

enum way { CORE, UP, DOWN, ACROSS };

static struct identity way_of(enum way way)
{
    return (struct identity){.is_from_phone = way == UP || way == ACROSS,
                             .is_to_phone = way == DOWN || way == ACROSS,
                             .asserted = way == UP || way == ACROSS ? STR(OURS) : STR_NONE};
}

static void check(struct arena *a, const char *before, enum way way, const char *after)
{
    char text[1024], expected[1024];
    struct msg *m;
    struct msg_fault fault;
    struct build b;
    struct str out;
    (void)snprintf(text, sizeof text, HEAD "%s\r\n", before);
    (void)snprintf(expected, sizeof expected, HEAD "%s\r\n", after);
    assert_int_equal(msg_index(a, str_of(text), &msg_limits_default, &m, &fault), 0);
    struct identity identity = way_of(way);
    build_init(&b, a, m);
    identity_edit(&b, &identity);
    assert_int_equal(build_finish(&b, &out), 0);
    if (!str_eq(out, str_of(expected)))
        fail_msg("way %d: \"%s\" became \"%.*s\"", way, before,
                 STR_FMT(str_skip(out, sizeof HEAD - 1)));
}

static void test_edit(void **state)
{
    static const char pai[] = "P-Asserted-Identity: <sip:x@h>\r\n";
    static const char all[] = "p-asserted-identity: <sip:x@h>,\r\n <tel:+1>\r\nX: y\r\n"
                              "P-ASSERTED-IDENTITY: <sip:z@h>\r\nRemote-Party-Id: <sip:x@h>\r\n"
                              "P-Preferred-Identity: <sip:x@h>\r\n";
    static const struct {
        const char *before;
        enum way way;
        const char *after;
    } rows[] = {
        {pai, CORE, pai},
        {"Privacy: id\r\n", CORE, "Privacy: id\r\n"},
        {"", UP, OURS},
        {pai, UP, OURS},
        {all, UP, "X: y\r\n" OURS},
        {"Privacy: id\r\n", UP, "Privacy: id\r\n" OURS},
        {pai, DOWN, pai},
        {all, DOWN, all},
        {"", DOWN, ""},
        {"Privacy: id\r\n", DOWN, "Privacy: id\r\n"},
        {"", ACROSS, OURS},
        {all, ACROSS, "X: y\r\n" OURS},
        {"Privacy: id\r\nP-Asserted-Identity: <sip:x@h>\r\n", ACROSS, "Privacy: id\r\n"},
    };
    struct arena a;
    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        check(&a, rows[i].before, rows[i].way, rows[i].after);
    arena_fini(&a);
}

static void test_privacy(void **state)
{
    static const struct {
        const char *privacy;
        bool is_hidden;
    } rows[] = {
        {"Privacy: id\r\n", true},
        {"privacy:ID\r\n", true},
        {"Privacy: header;id\r\n", true},
        {"Privacy: id ; critical\r\n", true},
        {"Privacy: user,\r\n\tid\r\n", true},
        {"Privacy: user\r\nPrivacy: id\r\n", true},
        {"Privacy: none;id\r\n", true},
        {"Privacy: none\r\n", false},
        {"Privacy: user;header;session;history\r\n", false},
        {"Privacy: idle;i d;bid\r\n", false},
        {"Privacy:\r\n", false},
        {"Privacy: ;;\r\n", false},
        {"X-Privacy: id\r\n", false},
    };
    static const struct {
        const char *party;
        bool is_hidden;
    } parties[] = {
        {"Remote-Party-ID: <sip:x@h>;privacy=full\r\n", true},
        {"remote-party-id: \"X\" <sip:x@h>;screen=yes;Privacy=FULL;party=calling\r\n", true},
        {"Remote-Party-ID: <sip:x@h>;privacy=off, <sip:y@h>;privacy=full-network\r\n", true},
        {"Remote-Party-ID: <sip:x@h>\r\nRemote-Party-ID: <sip:y@h>;privacy=full\r\n", true},
        {"Remote-Party-ID: <sip:x@h>;privacy=off\r\n", false},
        {"Remote-Party-ID: <sip:x@h;privacy=full>\r\n", false},
        {"Remote-Party-ID: <sip:x@h>;privacy\r\n", false},
        {"Remote-Party-ID: garbage <\r\n", false},
    };
    struct arena a;
    (void)state;
    arena_init(&a, 1 << 20);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char before[256];
        (void)snprintf(before, sizeof before, "P-Asserted-Identity: <sip:x@h>\r\n%s",
                       rows[i].privacy);
        check(&a, before, DOWN, rows[i].is_hidden ? rows[i].privacy : before);
    }
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++)
        check(&a, parties[i].party, DOWN, parties[i].is_hidden ? "" : parties[i].party);
    arena_fini(&a);
}

/* The answers go the other way, and nothing is asserted in them. */
static void test_answers(void **state)
{
    (void)state;
    for (enum way way = CORE; way <= ACROSS; way++) {
        struct identity request = way_of(way), answer = identity_of_answers(&request);
        assert_int_equal(answer.is_from_phone, request.is_to_phone);
        assert_int_equal(answer.is_to_phone, request.is_from_phone);
        assert_true(str_is_none(answer.asserted));
    }
}

static void edit_without_memory(void *arg)
{
    struct arena a;
    struct msg *m;
    struct msg_fault fault;
    struct build b;
    struct str out;
    struct identity identity = way_of(UP);
    (void)arg;
    arena_init(&a, 1 << 20);
    if (msg_index(&a, STR(HEAD "P-Asserted-Identity: <sip:x@h>\r\n\r\n"), &msg_limits_default, &m,
                  &fault) == 0) {
        build_init(&b, &a, m);
        identity_edit(&b, &identity);
        if (build_finish(&b, &out) == 0)
            assert_true(memmem(out.p, out.n, "own", 3) && !memmem(out.p, out.n, "sip:x@h", 7));
    }
    arena_fini(&a);
}

static void test_no_memory(void **state)
{
    (void)state;
    assert_true(oom_sweep(edit_without_memory, NULL) > 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edit),
        cmocka_unit_test(test_privacy),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
