/* The registration policy where we ask for proof ourselves (authentication = local). */
#include "unit.h"

#include "absorbrows.h"

/* ---------------------------------------------------------------- what a row may change */

static void local(struct world *w)
{
    w->conf.authentication = AUTH_LOCAL;
    for (size_t i = 0; i < w->r->n_bindings; i++)
        w->r->bindings[i].proof.kind = PROOF_DIGEST;
}

static void local_upstream(struct world *w)
{
    local(w);
    w->r->bindings[0].proof.kind = PROOF_UPSTREAM;
}

static void local_open(struct world *w)
{
    local(w);
    w->r->bindings[0].proof.kind = PROOF_OPEN;
}

static void local_old_proof(struct world *w)
{
    local(w);
    w->r->bindings[0].proof.at_s = w->now_s - 3600;
}

static void local_due(struct world *w)
{
    local(w);
    w->r->upregs[0].dead_at_s = w->now_s + 150;
}

static void local_due_busy(struct world *w)
{
    local_due(w);
    w->is_busy = true;
}

static void local_pending_busy(struct world *w)
{
    local(w);
    w->leases[0].is_pending = w->is_busy = true;
}

static void local_repeat(struct world *w)
{
    local_due(w);
    w->view.branch_hash = w->leases[0].branch_hash;
    w->r->bindings[0].proof.at_s = 0;
}

static void local_changed(struct world *w)
{
    local(w);
    w->contacts[0].params = STR(";audio");
}

static void local_after_grace(struct world *w)
{
    local(w);
    w->leases[0].expires_at_s = w->now_s - 30;
}

static void local_other_after_grace(struct world *w)
{
    local(w);
    w->leases[1].expires_at_s = w->now_s - 30;
}

static void local_second_of_a_due(struct world *w)
{
    local_due(w);
    w->r->bindings[1].way = w->r->bindings[0].way;
    w->r->bindings[1].call_id = w->r->bindings[0].call_id;
}

static void local_full(struct world *w)
{
    local(w);
    w->conf.max_contacts = 2;
}

static void local_empty(struct world *w)
{
    local(w);
    w->r->n_bindings = w->r->n_upregs = 0;
}

/* ---------------------------------------------------------------- rows */

/* aor-throttle with authentication = local. */
static const struct row local_rows[] = {
    /* L1, L2 as ever, and no proof is asked for what they cover */
    {"refresh", local, "A a 11 a=60", "absorb licensed-source"},
    {"an answer nobody asked for", local, "A a 11! a=60", "absorb licensed-source"},
    {"proven by upstream, before a reload", local_upstream, "A a 11 a=60",
     "absorb licensed-source"},
    {"repeat", local_repeat, "A a 10 a=60", "absorb repeat"},
    {"due", local_due, "A a 11 a=60", "forward upstream-due refresh"},
    {"due, busy", local_due_busy, "A a 11 a=60", "absorb postponed-in-flight"},
    {"pending", local_pending_busy, "A a 11 a=60", "wait in-flight"},
    {"removal", local, "A a 11 a=0", "commit removed-locally"},
    {"removal of the last", local_other_after_grace, "A a 11 a=0", "forward removal-last removal"},
    {"query", local, "A a 11", "absorb query"},
    {"longer", local, "A a 11 a=300", "commit licensed-source"},
    {"D18", local, "A a 11 x=0", "absorb nothing-to-remove"},
    /* everything else has to prove itself */
    {"new line", local_empty, "A a 1 a=60", "challenge challenged-here"},
    {"new contact", local, "X x 1 x=60", "challenge challenged-here"},
    {"new contact of a known device", local, "A a 11 x=60", "challenge challenged-here"},
    {"rebooted", local, "A x 1 a=60", "challenge challenged-here"},
    {"moved", local, "X a 11 a=60", "challenge challenged-here"},
    {"spoofed: contact, Call-ID, higher CSeq", local, "X a 12 a=60", "challenge challenged-here"},
    {"CSeq does not rise", local, "A a 9 a=60", "challenge challenged-here"},
    {"reproof", local_old_proof, "A a 11 a=60", "challenge challenged-here"},
    {"changed", local_changed, "A a 11 a=60", "challenge challenged-here"},
    {"lapsed", local_after_grace, "A a 11 a=60", "challenge challenged-here"},
    {"a 2xx that asked nobody is no proof", local_open, "A a 11 a=60", "challenge challenged-here"},
    {"removal from elsewhere", local, "X a 11 a=0", "challenge challenged-here"},
    {"star", local, "A a 11 *", "challenge challenged-here"},
    {"query of a stranger", local, "X x 1", "challenge challenged-here"},
    {"due, and a new contact rides along", local_due, "A a 11 a=60 x=60",
     "challenge challenged-here"},
    {"due, and another's leaves", local_due, "A a 11 a=60 b=0", "challenge challenged-here"},
    {"due, and the own other leaves", local_second_of_a_due, "A a 11 a=60 b=0",
     "forward upstream-due refresh"},
    {"pending, moved", local_pending_busy, "X a 11 a=60", "challenge challenged-here"},
    /* D10: what is wrong with it is told to who has proven himself */
    {"full", local_full, "X x 1 x=60", "challenge challenged-here"},
    {"full, proven", local_full, "X x 1! x=60", "reject line-full 503"},
    {"too brief", local, "X x 1 x=1", "challenge challenged-here"},
    {"too brief, proven", local, "X x 1! x=1", "reject too-brief 423"},
    {"stale removal", local, "A a 9 a=0", "challenge challenged-here"},
    {"stale removal, proven", local, "A a 9! a=0", "reject stale-cseq 500"},
    /* L3 */
    {"new line, proven", local_empty, "A a 1! a=60", "forward new-line refresh"},
    {"new contact, proven", local, "X x 1! x=60", "forward new-contact refresh"},
    {"rebooted, proven", local, "A x 1! a=60", "commit licensed-digest"},
    {"moved, proven", local, "X a 11! a=60", "commit licensed-digest"},
    {"reproof, proven", local_old_proof, "A a 11! a=60", "commit licensed-digest"},
    {"open, proven", local_open, "A a 11! a=60", "commit licensed-digest"},
    {"D27: proven, but late", local, "X a 9! a=60", "forward cseq-not-rising refresh"},
    {"changed, proven", local_changed, "A a 11! a=60", "forward contact-changed refresh"},
    {"lapsed, proven", local_after_grace, "A a 11! a=60", "forward lapsed refresh"},
    {"moved, due", local_due, "X a 11! a=60", "forward upstream-due refresh"},
    {"moved, due, busy", local_due_busy, "X a 11! a=60", "commit postponed-in-flight"},
    {"one moved, one new", local, "X a 11! a=60 x=60", "forward mixed refresh"},
    {"both moved", local, "X z 1! a=60 b=60", "commit licensed-digest"},
    {"removal, proven", local, "X x 1! a=0", "commit removed-locally"},
    {"removal of the last, proven", local_other_after_grace, "X x 1! a=0",
     "forward removal-last removal"},
    {"moved, and another leaves", local, "X x 1! a=60 b=0", "commit removed-locally"},
    {"star, proven", local, "X x 1! *", "forward removal-all removal"},
    {"query, proven", local, "X x 1!", "absorb query"},
    {"D18, proven", local, "X x 1! x=0", "absorb nothing-to-remove"},
    {"in flight, proven", local_pending_busy, "X a 11! a=60", "wait in-flight"},
};

static const struct row local_mirror_rows[] = {
    {"refresh", local, "A a 11 a=60", "forward mirror refresh"},
    {"moved", local, "X a 11 a=60", "challenge challenged-here"},
    {"moved, proven", local, "X a 11! a=60", "forward mirror refresh"},
    {"reproof", local_old_proof, "A a 11 a=60", "challenge challenged-here"},
    {"removal", local, "A a 11 a=0", "forward mirror removal"},
    {"star", local, "A a 11 *", "challenge challenged-here"},
};

static void what_no_licence_covers_is_challenged(void **state)
{
    (void)state;
    EACH(local_rows, MODE_AOR_THROTTLE);
    EACH(local_mirror_rows, MODE_MIRROR);
    assert_int_equal(n_wrong, 0);
}

static struct aor_record *decided(struct world *w, const char *send, const char *want)
{
    char text[64];
    world_view(w, send);
    struct absorb_input in = world_input(w);
    struct aor_record *next = binding_record_copy(&w->arena, w->r);
    assert_string_equal(world_verdict(absorb_decide(&in, next), text), want);
    return next;
}

/* The device is where it has proven itself; its neighbour stays. */
static void l3_moves_the_binding(void **state)
{
    (void)state;
    struct world w;
    char text[512];
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    world_bind(&w, 'b', 1);
    local(&w);
    const struct aor_record *next = decided(&w, "X z 3! a=60", "commit licensed-digest");
    assert_string_equal(world_record(next, w.now_s, text), "a@X#3 b@B#10 | 1live");
    const struct binding *a = &next->bindings[0], *b = &next->bindings[1];
    assert_str(a->call_id, "z");
    assert_int_equal(a->proof.kind, PROOF_DIGEST);
    assert_int_equal(a->proof.at_s, w.now_s);
    assert_int_equal(a->upreg_id, 1);
    assert_true(a->is_changed); /* so that no older snapshot licenses */
    assert_int_equal(a->expires_at_s, w.now_s + 60);
    assert_int_equal(b->proof.at_s, w.now_s - 100);
    assert_false(b->is_changed);
    world_fini(&w);
}

/* Two contacts, of which one is licensed already: that one is not proven anew by its licence. */
static void l1_and_l2_prolong_no_proof(void **state)
{
    (void)state;
    struct world w;
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    local(&w);
    const struct aor_record *next = decided(&w, "A a 11 a=300", "commit licensed-source");
    assert_int_equal(next->bindings[0].proof.at_s, w.now_s - 100);
    world_fini(&w);
}

/* What upstream's 2xx makes of a REGISTER, by how it was let through. */
static const struct {
    const char *name;
    void (*change)(struct world *w);
    const char *send, *want;
    uint64_t proof_age_s; /* of the first binding */
} accepted[] = {
    {"by its licence", local_due, "A a 11 a=60", "accepted a@A#11 b@B#10 | 1live", 100},
    {"proven", local_due, "A a 11! a=60", "accepted a@A#11 b@B#10 | 1live", 0},
    {"proven, from elsewhere", local_due, "X x 1! a=60", "accepted a@X#1 b@B#10 | 1live", 0},
    {"proven, another device", local, "X x 1! x=60", "accepted a@A#10 b@B#10 x@X#1 | 1live", 100},
    {"by a licence that has ended meanwhile", local_due, "X a 11 a=60",
     "not-proven a@A#10 b@B#10 | 1live", 100},
    {"by the licence of a binding that has gone meanwhile", local_after_grace, "A a 11 a=60",
     "not-proven a@A#10 b@B#10 | 1live", 100},
    {"a new one cannot come by a licence", local, "A a 11 x=60", "not-proven a@A#10 b@B#10 | 1live",
     100},
};

static void upstreams_yes_proves_nothing_by_itself(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof accepted / sizeof *accepted; i++) {
        struct world w;
        char record[512], text[600];
        world_init(&w, MODE_AOR_THROTTLE);
        world_bind(&w, 'a', 1);
        world_bind(&w, 'b', 1);
        world_view(&w, accepted[i].send);
        accepted[i].change(&w);
        const struct upstream_grant grant = {.upreg_id = 1,
                                             .contact = STR("sip:token@edge"),
                                             .call_id = STR("up"),
                                             .cseq = 101,
                                             .granted_s = 3600,
                                             .new_binding_id = 7};
        struct absorb_input in = world_input(&w);
        struct aor_record *next = binding_record_copy(&w.arena, w.r);
        enum reason why = absorb_apply(&in, &grant, next);
        snprintf(text, sizeof text, "%s %s", reason_word(why), world_record(next, w.now_s, record));
        if (strcmp(text, accepted[i].want) != 0)
            fail_msg("%s: \"%s\", wanted \"%s\"", accepted[i].name, text, accepted[i].want);
        assert_int_equal(w.now_s - next->bindings[0].proof.at_s, accepted[i].proof_age_s);
        world_fini(&w);
    }
}

/* A wrong password never drives anybody out: it does not get so far, and were it let through, it
 * would still have no power over others. */
static void only_a_proof_evicts(void **state)
{
    (void)state;
    struct world w;
    char text[512];
    const struct upstream_grant grant = {.upreg_id = 1, .granted_s = 3600, .new_binding_id = 7};
    world_init(&w, MODE_AOR_THROTTLE);
    world_bind(&w, 'a', 1);
    world_bind(&w, 'b', 1);
    local_full(&w);
    w.conf.when_full = FULL_REPLACE_OLDEST;
    decided(&w, "X x 1 x=60", "challenge challenged-here");
    struct absorb_input in = world_input(&w);
    struct aor_record *next = binding_record_copy(&w.arena, w.r);
    assert_int_equal(absorb_apply(&in, &grant, next), REASON_NOT_PROVEN);
    assert_string_equal(world_record(next, w.now_s, text), "a@A#10 b@B#10 | 1live");
    decided(&w, "X x 1! x=60", "forward new-contact refresh");
    in = world_input(&w);
    next = binding_record_copy(&w.arena, w.r);
    assert_int_equal(absorb_apply(&in, &grant, next), REASON_EVICTED);
    assert_string_equal(world_record(next, w.now_s, text), "b@B#10 x@X#1 | 1live");
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_licence_covers_is_challenged),
        cmocka_unit_test(l3_moves_the_binding),
        cmocka_unit_test(l1_and_l2_prolong_no_proof),
        cmocka_unit_test(upstreams_yes_proves_nothing_by_itself),
        cmocka_unit_test(only_a_proof_evicts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
