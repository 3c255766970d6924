#include "unit.h"

#include "core/binding.h"

static struct arena arena;

static int fresh(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int done(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static struct binding *add(struct aor_record *r, uint64_t id, struct str contact,
                           struct str instance, uint32_t reg_id)
{
    struct binding *b = binding_add(r);
    assert_non_null(b);
    b->id = id;
    b->contact = contact;
    b->instance = instance;
    b->reg_id = reg_id;
    return b;
}

static const struct {
    const char *contact, *instance;
    uint32_t reg_id;
    uint64_t id; /* 0: none */
} finds[] = {
    {"sip:a@10.0.0.1:5060", NULL, 0, 1},
    {"sip:a@10.0.0.1", NULL, 0, 0},          /* D80: the port was written */
    {"sip:%61@10.0.0.1:5060", NULL, 0, 1},   /* D80 */
    {"sip:a@10.0.0.1:5060;x=1", NULL, 0, 1}, /* unknown, and in one only */
    {"sip:a@10.0.0.1:5060;transport=udp", NULL, 0, 0},
    {"SIP:B@H", NULL, 0, 0}, /* users have case */
    {"sip:b@h", NULL, 0, 2},
    {"sip:b@H", NULL, 0, 2},
    {"sip:c@[2001:DB8:0:0:0:0:0:1]", NULL, 0, 3}, /* D81 */
    {"sip:d@h", "<urn:uuid:d>", 1, 4},
    {"sip:d@elsewhere", "<urn:uuid:d>", 1, 4}, /* OS-1316 */
    {"sip:d@h", "<urn:uuid:d>", 2, 0},         /* another flow of the device */
    {"sip:d@h", "<urn:uuid:D>", 1, 0},         /* D22: byte by byte */
    {"sip:d@h", NULL, 0, 4},
    {"sip:b@h", "<urn:uuid:new>", 1, 2}, /* its first REGISTER with an instance */
    {"b@h", NULL, 0, 0},
    {"", NULL, 0, 0},
};

static void contacts_are_found_as_the_standards_say(void **state)
{
    (void)state;
    struct aor_record *r = binding_record_new(&arena, STR("alice@h"));
    add(r, 1, STR("sip:a@10.0.0.1:5060"), STR_NONE, 0);
    add(r, 2, STR("sip:b@h"), STR_NONE, 0);
    add(r, 3, STR("sip:c@[2001:db8::1]"), STR_NONE, 0);
    add(r, 4, STR("sip:d@h"), STR("<urn:uuid:d>"), 1);
    for (size_t i = 0; i < sizeof finds / sizeof *finds; i++) {
        struct binding *b =
            binding_find(r, str_of(finds[i].contact), str_of(finds[i].instance), finds[i].reg_id);
        assert_int_equal(b ? b->id : 0, finds[i].id);
    }
    assert_int_equal(binding_find_id(r, 3)->id, 3);
    assert_null(binding_find_id(r, 5));
}

static void a_record_holds_so_many_and_keeps_their_order(void **state)
{
    (void)state;
    struct aor_record *r = binding_record_new(&arena, STR("alice@h"));
    for (uint64_t i = 0; i < RECORD_BINDINGS_MAX; i++)
        add(r, i + 1, STR("sip:a@h"), STR_NONE, 0);
    assert_null(binding_add(r));
    binding_del(r, binding_find_id(r, 1));
    binding_del(r, binding_find_id(r, RECORD_BINDINGS_MAX));
    binding_del(r, binding_find_id(r, 30));
    assert_int_equal(r->n_bindings, RECORD_BINDINGS_MAX - 3);
    for (size_t i = 1; i < r->n_bindings; i++)
        assert_true(r->bindings[i - 1].id < r->bindings[i].id);
    assert_int_equal(binding_add(r)->q, -1);
}

static void upstream_registrations_likewise(void **state)
{
    (void)state;
    struct aor_record *r = binding_record_new(&arena, STR("alice@h"));
    assert_null(binding_upreg(r, 1));
    for (uint64_t i = 0; i < RECORD_UPREGS_MAX; i++)
        binding_upreg_add(r)->id = i + 1;
    assert_null(binding_upreg_add(r));
    assert_int_equal(binding_upreg(r, 9)->id, 9);
    binding_upreg_del(r, binding_upreg(r, 9));
    assert_null(binding_upreg(r, 9));
    assert_null(binding_upreg(r, 0));
    assert_int_equal(r->n_upregs, RECORD_UPREGS_MAX - 1);
}

static struct upreg standing(uint64_t id, uint8_t host, uint32_t granted_s, uint64_t dead_at_s)
{
    return (struct upreg){.id = id,
                          .granted_s = granted_s,
                          .dead_at_s = dead_at_s,
                          .server = {.addr = {.family = 4, .port = 5060, .ip = {host}}}};
}

/* D90. */
static void a_line_stays_where_it_was_accepted_last(void **state)
{
    (void)state;
    enum { NOW_S = 1000 };
    struct upreg all[] = {standing(1, 10, 600, 1500), standing(2, 11, 300, 1250),
                          standing(3, 12, 60, 999), standing(4, 13, 600, 1550)};
    struct aor_record r = {.upregs = all, .n_upregs = 4};
    assert_int_equal(binding_home(&r, 0, NOW_S, 0)->addr.ip[0], 11); /* 900, 950, over, 950 */
    assert_int_equal(binding_home(&r, 1, NOW_S, 0)->addr.ip[0], 11);
    assert_int_equal(binding_home(&r, 4, NOW_S, 0)->addr.ip[0], 13);
    assert_int_equal(binding_home(&r, 2, NOW_S, 0)->addr.ip[0], 11);
    assert_int_equal(binding_home(&r, 1, NOW_S, 950)->addr.ip[0], 11);
    assert_int_equal(binding_home(&r, 4, NOW_S, 950)->addr.ip[0], 13);
    assert_null(binding_home(&r, 4, NOW_S, 951)); /* all were sent away from where they were */
    all[1].state = UPREG_ENDED;
    assert_int_equal(binding_home(&r, 2, NOW_S, 0)->addr.ip[0], 13);
    all[3].server.addr.family = 0;
    assert_int_equal(binding_home(&r, 4, NOW_S, 0)->addr.ip[0], 10);
    all[0].granted_s = UINT32_MAX; /* before the clock began */
    assert_int_equal(binding_home(&r, 0, NOW_S, 0)->addr.ip[0], 10);
    assert_null(binding_home(&r, 1, 1500, 0));
    r.n_upregs = 0;
    assert_null(binding_home(&r, 1, NOW_S, 0));
}

static void a_copy_stands_alone(void **state)
{
    (void)state;
    char text[] = "sip:a@h";
    struct aor_record *r = binding_record_new(&arena, STR("alice@h"));
    r->revision = 5;
    struct binding *b = add(r, 1, str_of(text), STR("<x>"), 3);
    b->path = STR("");
    struct upreg *u = binding_upreg_add(r);
    *u = (struct upreg){.id = 2, .contact = str_of(text), .cseq = 4};
    struct aor_record *copy = binding_record_copy(&arena, r);
    memset(text, 'X', 7);
    assert_str(copy->aor, "alice@h");
    assert_int_equal(copy->revision, 5);
    assert_str(copy->bindings[0].contact, "sip:a@h");
    assert_str(copy->bindings[0].instance, "<x>");
    assert_true(str_is_none(copy->bindings[0].call_id));
    assert_false(str_is_none(copy->bindings[0].path));
    assert_str(copy->upregs[0].contact, "sip:a@h");
    assert_int_equal(copy->upregs[0].cseq, 4);
}

static void an_exhausted_arena_gives_no_record(void **state)
{
    (void)state;
    struct aor_record *r = binding_record_new(&arena, STR("alice@h"));
    add(r, 1, STR("sip:a@h"), STR("<x>"), 3);
    *binding_upreg_add(r) = (struct upreg){.contact = STR("sip:u@h"), .call_id = STR("c")};
    bool has_copied = false;
    for (size_t limit = 0; !has_copied; limit += 512) {
        struct arena small;
        arena_init(&small, limit);
        has_copied = binding_record_copy(&small, r) != NULL;
        assert_true(has_copied != small.has_failed);
        arena_fini(&small);
        assert_true(limit < 1 << 17);
    }
}

static void a_way_is_all_of_its_parts(void **state)
{
    (void)state;
    struct way a = {.peer = {.ip = {192, 0, 2, 1}, .port = 5060, .family = 4},
                    .local = {.ip = {192, 0, 2, 9}, .port = 5060, .family = 4}};
    struct way b = a;
    assert_true(binding_is_same_way(&a, &b));
    b.peer.port++;
    assert_false(binding_is_same_way(&a, &b));
    b = a;
    b.peer.ip[3]++;
    assert_false(binding_is_same_way(&a, &b));
    b = a;
    b.local.ip[3]++;
    assert_false(binding_is_same_way(&a, &b));
    b = a;
    b.flow_id++;
    assert_false(binding_is_same_way(&a, &b));
    b = a;
    b.transport++;
    assert_false(binding_is_same_way(&a, &b));
    b = a;
    b.listener++;
    assert_false(binding_is_same_way(&a, &b));
}

/* L1: never by another listener's word, nor where there is none. */
static void a_device_is_known_by_its_session(void **state)
{
    (void)state;
    const struct family none = {0}, own = {1, 2}, others[] = {{1, 3}, {2, 2}, {2, 1}};
    struct binding b = {.way = {.flow_id = 7, .transport = 2, .listener = 1},
                        .proof = {.family = own}};
    struct way there = b.way;
    assert_true(binding_is_from(&b, &there, &none));
    there.flow_id = 8;
    there.peer.port = 5061;
    assert_true(binding_is_from(&b, &there, &own));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(binding_is_from(&b, &there, &others[i]));
    assert_false(binding_is_from(&b, &there, &none));
    there.listener++;
    assert_false(binding_is_from(&b, &there, &own));
    there = b.way;
    there.transport--;
    assert_false(binding_is_from(&b, &there, &own));
    b.proof.family = none;
    there = b.way;
    there.flow_id = 8;
    assert_false(binding_is_from(&b, &there, &none));
    assert_false(binding_is_from(&b, &there, &own));
}

/* D64 */
static void a_device_takes_what_it_allows(void **state)
{
    (void)state;
    struct binding b = {.methods = 1 << METHOD_INVITE | 1 << METHOD_ACK};
    assert_true(binding_can(&b, METHOD_INVITE));
    assert_false(binding_can(&b, METHOD_MESSAGE));
    assert_true(binding_can(&b, METHOD_OTHER));
    b.methods = 0;
    assert_true(binding_can(&b, METHOD_MESSAGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(contacts_are_found_as_the_standards_say, fresh, done),
        cmocka_unit_test_setup_teardown(a_record_holds_so_many_and_keeps_their_order, fresh, done),
        cmocka_unit_test_setup_teardown(upstream_registrations_likewise, fresh, done),
        cmocka_unit_test_setup_teardown(a_copy_stands_alone, fresh, done),
        cmocka_unit_test_setup_teardown(an_exhausted_arena_gives_no_record, fresh, done),
        cmocka_unit_test(a_line_stays_where_it_was_accepted_last),
        cmocka_unit_test(a_way_is_all_of_its_parts),
        cmocka_unit_test(a_device_is_known_by_its_session),
        cmocka_unit_test(a_device_takes_what_it_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
