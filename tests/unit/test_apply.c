#include "unit.h"

#include "regworld.h"

/* ---------------------------------------------------------------- what a row may change */

static void trusted(struct world *w)
{
    w->conf.authentication = AUTH_TRUSTED;
}

static void full(struct world *w)
{
    w->conf.max_contacts = 2;
}

static void full_replace(struct world *w)
{
    full(w);
    w->conf.when_full = FULL_REPLACE_OLDEST;
}

static void full_replace_b_in_grace(struct world *w)
{
    full_replace(w);
    w->conf.max_contacts = 1;
    w->leases[1].expires_at_s = w->now_s - 1;
}

static void one_replace(struct world *w)
{
    w->conf.max_contacts = 1;
    w->conf.when_full = FULL_REPLACE_OLDEST;
}

static void a_refreshed_meanwhile(struct world *w)
{
    w->leases[0].cseq = 12;
}

static void strict_cseq(struct world *w)
{
    w->conf.is_equal_cseq_allowed = false;
}

static void b_beyond_grace(struct world *w)
{
    w->leases[1].expires_at_s = w->now_s - 30;
}

static void a_beyond_grace(struct world *w)
{
    w->leases[0].expires_at_s = w->now_s - 30;
}

static void a_unproven(struct world *w)
{
    w->r->bindings[0].proof.kind = PROOF_NONE;
}

static void reproof_due(struct world *w)
{
    w->r->bindings[0].proof.at_s = 0;
}

static void pending(struct world *w)
{
    w->leases[0].is_pending = true;
}

static void b_of_device_a(struct world *w)
{
    w->r->bindings[1].way = w->r->bindings[0].way;
    w->r->bindings[1].call_id = w->r->bindings[0].call_id;
}

static void upreg_is_newer(struct world *w)
{
    w->r->upregs[0].cseq = 500;
}

static void other_sequence(struct world *w)
{
    upreg_is_newer(w);
    w->grant.call_id = STR("another");
}

static void upregs_full(struct world *w)
{
    while (w->r->n_upregs < RECORD_UPREGS_MAX)
        world_upreg(w, 1000 + w->r->n_upregs);
}

static void none(struct world *w)
{
    w->r->n_bindings = w->r->n_upregs = 0;
}

/* A dead binding has the instance that a stranger gives, a live one the URI. */
static void instance_of_the_dead(struct world *w)
{
    a_beyond_grace(w);
    w->r->bindings[0].instance = w->contacts[0].instance = STR("<urn:uuid:a>");
}

/* One binding, by its instance and by its URI. */
static void instance_of_a(struct world *w)
{
    w->r->bindings[0].instance = w->contacts[0].instance = STR("<urn:uuid:a>");
}

static void own_1(struct world *w)
{
    w->view.own_upreg_id = 1;
}

static void own_leaving(struct world *w)
{
    none(w);
    world_upreg(w, 1)->state = UPREG_LEAVING;
    own_1(w);
}

static void ended(struct world *w)
{
    none(w);
    *world_upreg(w, 1) = (struct upreg){
        .id = 1, .state = UPREG_ENDED, .call_id = STR("up"), .cseq = 500, .dead_at_s = w->now_s};
}

/* A fixed line's: known and fixed, known from a device, another one fixed, none at all. */
static void line_fixed(struct world *w)
{
    w->r->upregs[0].is_fixed = 1;
    own_1(w);
    w->view.is_line = true;
}

static void line_alone(struct world *w)
{
    none(w);
    world_upreg(w, 1);
    line_fixed(w);
}

static void line_joins(struct world *w)
{
    own_1(w);
    w->view.is_line = true;
}

static void line_new(struct world *w)
{
    none(w);
    line_joins(w);
}

static void line_renamed(struct world *w)
{
    line_alone(w);
    w->view.own_upreg_id = 2;
}

static void line_dead(struct world *w)
{
    line_alone(w);
    w->r->upregs[0].dead_at_s = w->now_s - 1;
}

static void fixed_of_devices(struct world *w)
{
    w->r->upregs[0].is_fixed = 1;
}

static void fixed_b_beyond_grace(struct world *w)
{
    fixed_of_devices(w);
    b_beyond_grace(w);
}

static void own_1_of_two(struct world *w)
{
    w->r->bindings[1].upreg_id = world_upreg(w, 2)->id;
    own_1(w);
}

/* ---------------------------------------------------------------- accepted */

static const struct {
    const char *name;
    enum absorb_mode mode;
    void (*change)(struct world *w);
    const char *send;
    const char *grant; /* upstream registration (0: new, gets 9), seconds or "gone" */
    const char *want;
} rows[] = {
#define AOR  MODE_AOR_THROTTLE
#define EACH MODE_CONTACT_THROTTLE
    {"new line", AOR, none, "A a 1+ a=60", "0 3600", "accepted: a@A#1 | 9live"},
    {"new line, two contacts", AOR, none, "A a 1+ a=60 c=60", "0 3600",
     "accepted: a@A#1 c@A#1 | 9live"},
    {"new line, registration named", AOR, none, "A a 1+ a=60", "7 3600", "accepted: a@A#1 | 7live"},
    {"D69: a line that had ended", AOR, ended, "A a 1+ a=60", "1 3600", "accepted: a@A#1 | 1live"},
    {"D69: with another device", EACH, ended, "C c 1+ c=60", "0 3600", "accepted: c@C#1 | 9live"},
    {"D69: nothing to remove", AOR, ended, "A a 1+ a=0", "1 gone", "accepted: | 1ended"},
    {"refresh", AOR, NULL, "A a 11+ a=60", "1 3600", "accepted: a@A#11 b@B#10 | 1live"},
    {"D28, moved", AOR, NULL, "X x 1+ a=60", "1 3600", "accepted: a@X#1 b@B#10 | 1live"},
    {"new contact", AOR, NULL, "C c 1+ c=60", "1 3600", "accepted: a@A#10 b@B#10 c@C#1 | 1live"},
    {"swap", AOR, NULL, "A a 11+ a=0 c=60", "1 3600", "accepted: b@B#10 c@A#11 | 1live"},
    {"D20: added and removed", AOR, instance_of_a, "A a 11+ z=60 a=0", "1 3600",
     "accepted: z@A#11 b@B#10 | 1live"},
    {"lapsed ones go on the way", AOR, b_beyond_grace, "A a 11+ a=60", "1 3600",
     "accepted: a@A#11 | 1live"},
    {"a lapsed one comes back", AOR, a_beyond_grace, "A a 5+ a=60", "1 3600",
     "accepted: b@B#10 a@A#5 | 1live"},
    {"D59a: removal relayed as refresh", AOR, NULL, "X x 1+ a=0", "1 3600",
     "accepted: b@B#10 | 1live"},
    {"D18: of nothing", AOR, NULL, "X x 1+ x=0", "1 3600", "accepted: a@A#10 b@B#10 | 1live"},
    {"removal of the last", AOR, b_beyond_grace, "A a 11+ a=0", "1 gone", "accepted: | 1ended"},
    {"the others went meanwhile", AOR, b_beyond_grace, "A a 11+ a=0", "1 3600",
     "accepted: | 1leaving"},
    {"star", AOR, NULL, "A a 11+ *", "1 gone", "accepted: | 1ended"},
    {"star of a rebooted phone", AOR, NULL, "X x 1+ *", "1 gone", "accepted: | 1ended"},
    /* fixed lines */
    {"line: new", AOR, line_new, "A a 1", "1 3600", "accepted: | 1live*"},
    {"line: refreshed", AOR, line_alone, "A a 1", "1 3600", "accepted: | 1live*"},
    {"line: dead, and back", AOR, line_dead, "A a 1", "1 3600", "accepted: | 1live*"},
    {"line: shares that of devices", AOR, line_joins, "A a 1", "1 3600",
     "accepted: a@A#10 b@B#10 | 1live*"},
    {"line: another name", AOR, line_renamed, "A a 1", "2 3600", "accepted: | 1leaving 2live*"},
    {"line: granted nothing", AOR, line_alone, "A a 1", "1 0", "upstream-dead: | 1live!*"},
    {"line: a device's refresh", AOR, fixed_of_devices, "A a 11+ a=60", "1 3600",
     "accepted: a@A#11 b@B#10 | 1live*"},
    {"line: the last device leaves by a refresh", AOR, fixed_b_beyond_grace, "X x 1+ a=0", "1 3600",
     "accepted: | 1live*"},
    {"line: a star by a refresh", AOR, fixed_of_devices, "X x 1+ *", "1 3600",
     "accepted: | 1live*"},
    /* contact-throttle */
    {"own registration", EACH, NULL, "C c 1+ c=60", "0 3600",
     "accepted: a@A#10 b@B#10 c@C#1 | 1live 2live 9live"},
    {"removal", EACH, NULL, "A a 11+ a=0", "1 gone", "accepted: b@B#10 | 2live"},
    {"star: the others are to be removed", EACH, NULL, "A a 11+ *", "1 gone",
     "accepted: | 2leaving"},
    {"moved to another registration", EACH, NULL, "A a 11+ a=60", "0 3600",
     "accepted: a@A#11 b@B#10 | 1leaving 2live 9live"},
    /* D12, D27, D31 */
    {"D31: overtaken", AOR, a_refreshed_meanwhile, "A a 11+ a=60", "1 3600",
     "stale-cseq: a@A#10 b@B#10 | 1live"},
    {"D27: as high", AOR, a_refreshed_meanwhile, "A a 12+ a=60", "1 3600",
     "accepted: a@A#12 b@B#10 | 1live"},
    {"D27: as high, strict", AOR, strict_cseq, "A a 10+ a=60", "1 3600",
     "stale-cseq: a@A#10 b@B#10 | 1live"},
    {"D12: an overtaken star", AOR, a_refreshed_meanwhile, "A a 11+ *", "1 gone",
     "stale-cseq: a@A#10 b@B#10 | 1live!"},
    {"D19: one overtaken, none applied", AOR, a_refreshed_meanwhile, "A a 11+ c=60 a=60", "1 3600",
     "stale-cseq: a@A#10 b@B#10 | 1live"},
    {"a late answer to an older request", AOR, upreg_is_newer, "A a 11+ a=60", "1 60",
     "accepted: a@A#11 b@B#10 | 1live"},
    /* D53: proof */
    {"open: own way", AOR, NULL, "A x 1 a=60", "1 3600", "accepted: a@A#1 b@B#10 | 1live"},
    {"open: other way", AOR, NULL, "X x 1 a=60", "1 3600", "not-proven: a@A#10 b@B#10 | 1live"},
    {"open: other way, removal", AOR, NULL, "X x 1 a=0", "1 3600",
     "not-proven: a@A#10 b@B#10 | 1live"},
    {"open: other way, last", AOR, b_beyond_grace, "X x 1 a=0", "1 gone",
     "not-proven: a@A#10 b@B#10 | 1live!"},
    {"open: star over others", AOR, NULL, "A a 11 *", "1 gone",
     "not-proven: a@A#10 b@B#10 | 1live!"},
    {"open: star over the own", AOR, b_of_device_a, "A a 11 *", "1 gone", "accepted: | 1ended"},
    {"open: new contact", AOR, NULL, "X x 1 x=60", "1 3600",
     "accepted: a@A#10 b@B#10 x@X#1 | 1live"},
    {"open: D19", AOR, NULL, "X x 1 x=60 a=60", "1 3600", "not-proven: a@A#10 b@B#10 | 1live"},
    {"open: a dead one's instance", AOR, instance_of_the_dead, "X x 1 b=60", "1 3600",
     "accepted: b@B#10 b@X#1 | 1live"},
    {"trusted: no Authorization needed", AOR, trusted, "X x 1 a=60", "1 3600",
     "accepted: a@X#1 b@B#10 | 1live"},
    /* D64, D87 */
    {"full", AOR, full, "C c 1+ c=60", "1 3600", "line-full: a@A#10 b@B#10 | 1live"},
    {"full, swap", AOR, full, "A a 11+ a=0 c=60", "1 3600", "accepted: b@B#10 c@A#11 | 1live"},
    {"replace the oldest", AOR, full_replace, "C c 1+ c=60", "1 3600",
     "evicted: b@B#10 c@C#1 | 1live"},
    {"replace two", AOR, one_replace, "C c 1+ c=60", "1 3600", "evicted: c@C#1 | 1live"},
    {"no record holds more", AOR, world_fill, "C c 1+ c=60", "1 3600", "line-full"},
    {"grace is not counted", AOR, full_replace_b_in_grace, "C c 1+ c=60", "1 3600",
     "evicted: b@B#10 c@C#1 | 1live"},
    {"not the ones of this REGISTER", AOR, full_replace, "A a 11+ a=60 c=60", "1 3600",
     "evicted: a@A#11 c@A#11 | 1live"},
    {"open: nobody else is driven out", AOR, full_replace, "C c 1 c=60", "1 3600",
     "line-full: a@A#10 b@B#10 | 1live"},
    {"evicted: its registration goes too", EACH, full_replace, "C c 1+ c=60", "0 3600",
     "evicted: b@B#10 c@C#1 | 1leaving 2live 9live"},
    {"full: what upstream has got is to be removed", EACH, full, "C c 1+ c=60", "0 3600",
     "line-full: a@A#10 b@B#10 | 1live 2live 9leaving"},
    {"no room for a registration", EACH, upregs_full, "C c 1+ c=60", "0 3600", "line-full"},
    /* D52 */
    {"nothing granted", EACH, NULL, "A a 11+ a=60", "1 0", "not-granted: b@B#10 | 2live"},
    {"nothing granted, others stand on it", AOR, NULL, "A a 11+ a=60", "1 0",
     "not-granted: b@B#10 | 1live!"},
    {"nothing granted to a new line", AOR, none, "A a 1+ a=60", "0 0", "not-granted: |"},
    /* our own */
    {"own refresh", AOR, own_1, "A a 1", "1 3600", "accepted: a@A#10 b@B#10 | 1live"},
    {"own removal", AOR, own_leaving, "A a 1", "1 gone", "deregistered: | 1ended"},
    {"own removal, a phone has come back", AOR, own_1, "A a 1", "1 gone",
     "deregistered: a@A#10 b@B#10 | 1live!"},
    {"own refresh, nothing granted", EACH, own_1, "A a 1", "1 0", "upstream-dead: b@B#10 | 2live"},
};

static int n_wrong;

static void expect(const char *name, const char *got, const char *want)
{
    size_t n = strchr(want, ':') ? strlen(got) : strlen(want);
    if (strncmp(got, want, n > strlen(want) ? n : strlen(want)) == 0)
        return;
    print_error("%s: \"%s\", wanted \"%s\"\n", name, got, want);
    n_wrong++;
}

static void two_devices(struct world *w, enum absorb_mode mode)
{
    world_init(w, mode);
    world_bind(w, 'a', 1);
    world_bind(w, 'b', mode == MODE_AOR_THROTTLE ? 1 : 2);
}

static void set_grant(struct world *w, const char *text)
{
    char *end;
    w->grant = (struct upstream_grant){.contact = STR("sip:token@edge"),
                                       .call_id = STR("up"),
                                       .cseq = 200,
                                       .new_binding_id = 5000,
                                       .new_upreg_id = 9};
    w->grant.upreg_id = strtoull(text, &end, 10);
    w->grant.is_removal = strcmp(end, " gone") == 0;
    if (!w->grant.is_removal)
        w->grant.granted_s = (uint32_t)strtoul(end, NULL, 10);
}

static void accepted_registers_are_applied(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct world w;
        char got[600], record[512];
        two_devices(&w, rows[i].mode);
        world_view(&w, rows[i].send);
        set_grant(&w, rows[i].grant);
        if (rows[i].change)
            rows[i].change(&w);
        struct absorb_input in = world_input(&w);
        struct aor_record *next = binding_record_copy(&w.arena, w.r);
        enum reason why = absorb_apply(&in, &w.grant, next);
        snprintf(got, sizeof got, "%s: %s", reason_word(why), world_record(next, w.now_s, record));
        expect(rows[i].name, got, rows[i].want);
        world_fini(&w);
    }
    assert_int_equal(n_wrong, 0);
}

/* ---------------------------------------------------------------- what a commit writes */

static void a_commit_writes_all_of_a_binding(void **state)
{
    (void)state;
    struct world w;
    two_devices(&w, MODE_AOR_THROTTLE);
    world_view(&w, "A a 11+ a=60 c=300");
    set_grant(&w, "1 200");
    w.contacts[0].params = STR(";audio");
    w.contacts[0].q = 500;
    w.view.path = STR("<sip:edge>");
    w.view.user_agent = STR("Phone/1");
    w.view.methods = 1 << METHOD_MESSAGE;
    w.grant.associated = STR("<sip:alice@example.com>");
    struct absorb_input in = world_input(&w);
    struct aor_record *next = binding_record_copy(&w.arena, w.r);
    assert_int_equal(absorb_apply(&in, &w.grant, next), REASON_ACCEPTED);
    const struct binding *a = &next->bindings[0], *b = &next->bindings[1], *c = &next->bindings[2];
    assert_int_equal(a->id, 'a');
    assert_str(a->params, ";audio");
    assert_str(a->path, "<sip:edge>");
    assert_str(a->user_agent, "Phone/1");
    assert_int_equal(a->methods, 1 << METHOD_MESSAGE); /* D64 */
    assert_int_equal(a->q, 500);
    assert_int_equal(a->granted_s, 60);
    assert_int_equal(a->expires_at_s, w.now_s + 60);
    assert_int_equal(a->proof.kind, PROOF_UPSTREAM);
    assert_int_equal(a->proof.at_s, w.now_s);
    assert_int_equal(a->created_at_s, 0);
    assert_true(a->is_changed && !b->is_changed && c->is_changed);
    assert_int_equal(c->granted_s, 200 - 32); /* D51 */
    assert_int_equal(c->created_at_s, w.now_s);
    assert_true(c->id && c->id != a->id && c->id != b->id);
    const struct upreg *u = &next->upregs[0];
    assert_int_equal(u->dead_at_s, w.now_s + 200);
    assert_int_equal(u->cseq, 200);
    assert_true(str_is_none(u->service_route)); /* D41, RFC 3608: cleared if absent */
    assert_str(u->associated, "<sip:alice@example.com>");
    world_fini(&w);
}

static void proofs_are_worth_what_they_cost(void **state)
{
    (void)state;
    static const struct {
        const char *send;
        void (*change)(struct world *w);
        enum proof_kind kind;
    } proofs[] = {
        {"A a 11+ a=60", NULL, PROOF_UPSTREAM},
        {"A a 11 a=60", NULL, PROOF_OPEN},
        {"A a 11 a=60", trusted, PROOF_TRUSTED},
        {"A a 11+ a=60", trusted, PROOF_TRUSTED},
    };
    for (size_t i = 0; i < sizeof proofs / sizeof *proofs; i++) {
        struct world w;
        two_devices(&w, MODE_AOR_THROTTLE);
        world_view(&w, proofs[i].send);
        set_grant(&w, "1 3600");
        if (proofs[i].change)
            proofs[i].change(&w);
        struct absorb_input in = world_input(&w);
        struct aor_record *next = binding_record_copy(&w.arena, w.r);
        absorb_apply(&in, &w.grant, next);
        assert_int_equal(next->bindings[0].proof.kind, proofs[i].kind);
        world_fini(&w);
    }
}

/* D31: the answer to an older request of the same sequence moves no deadline; one of another
 * sequence cannot be compared. */
static void upstream_does_not_go_backwards(void **state)
{
    (void)state;
    struct world w;
    two_devices(&w, MODE_AOR_THROTTLE);
    world_view(&w, "A a 11+ a=60");
    set_grant(&w, "1 60");
    upreg_is_newer(&w);
    struct absorb_input in = world_input(&w);
    struct aor_record *next = binding_record_copy(&w.arena, w.r);
    absorb_apply(&in, &w.grant, next);
    assert_int_equal(next->upregs[0].dead_at_s, w.now_s + 2000);
    w.grant.is_removal = true;
    next = binding_record_copy(&w.arena, w.r);
    absorb_apply(&in, &w.grant, next);
    assert_int_equal(next->upregs[0].dead_at_s, w.now_s + 2000);
    w.grant.is_removal = false;
    other_sequence(&w);
    next = binding_record_copy(&w.arena, w.r);
    absorb_apply(&in, &w.grant, next);
    assert_int_equal(next->upregs[0].dead_at_s, w.now_s + 60);
    assert_int_equal(next->upregs[0].cseq, 200);
    world_fini(&w);
}

/* A removal that upstream has carried out and that is not applied here: the registration is due at
 * once, and the sequence goes on behind it. */
static void what_upstream_removed_is_gone(void **state)
{
    (void)state;
    struct world w;
    two_devices(&w, MODE_AOR_THROTTLE);
    world_view(&w, "X x 1 a=0");
    set_grant(&w, "1 gone");
    struct absorb_input in = world_input(&w);
    struct aor_record *next = binding_record_copy(&w.arena, w.r);
    assert_int_equal(absorb_apply(&in, &w.grant, next), REASON_NOT_PROVEN);
    assert_int_equal(next->upregs[0].dead_at_s, w.now_s);
    assert_int_equal(next->upregs[0].cseq, 200);
    world_fini(&w);
}

/* ---------------------------------------------------------------- refused */

static const struct {
    const char *name;
    enum absorb_mode mode;
    void (*change)(struct world *w);
    const char *send;
    unsigned status;
    const char *want; /* NULL: nothing changes */
} refusals[] = {
    {"403", AOR, NULL, "A a 11 a=60", 403, "b@B#10? | 1live"},
    {"404", AOR, NULL, "A a 11+ a=60", 404, "b@B#10? | 1live"},
    {"410", EACH, NULL, "A a 11 a=60", 410, "b@B#10 | 1leaving 2live"},
    {"403 to a removal", EACH, NULL, "A a 11 a=0", 403, "b@B#10 | 1leaving 2live"},
    {"403, reproof was due", AOR, reproof_due, "A a 11 a=60", 403, "b@B#10? | 1live"},
    {"403, pending", AOR, pending, "A a 11 a=60", 403, "b@B#10? | 1live"},
    {"403, the last", AOR, b_beyond_grace, "A a 11 a=60", 403, "b@B#10? | 1live"},
    {"401", AOR, NULL, "A a 11 a=60", 401, NULL},
    {"407", AOR, NULL, "A a 11 a=60", 407, NULL},
    {"408", AOR, NULL, "A a 11 a=60", 408, NULL},
    {"423", AOR, NULL, "A a 11 a=60", 423, NULL},
    {"500", AOR, NULL, "A a 11 a=60", 500, NULL},
    {"503", AOR, NULL, "A a 11 a=60", 503, NULL},
    {"600", AOR, NULL, "A a 11 a=60", 600, NULL},
    {"403, another Call-ID", AOR, NULL, "A x 11 a=60", 403, NULL},
    {"403, another way", AOR, NULL, "X a 11 a=60", 403, NULL},
    {"403, CSeq not above", AOR, a_refreshed_meanwhile, "A a 11 a=60", 403, NULL},
    {"403, a stranger's wrong password", AOR, NULL, "X x 1+ a=60", 403, NULL},
    {"403, a new contact", AOR, NULL, "A a 11+ c=60", 403, NULL},
    {"403, never proven", AOR, a_unproven, "A a 11 a=60", 403, NULL},
    {"403 to a star", AOR, NULL, "A a 11 *", 403, NULL},
    {"403, only the own of two", EACH, NULL, "A a 11 a=60 b=60", 403, "b@B#10 | 1leaving 2live"},
    /* our own (D53, D58) */
    {"own refresh 403", EACH, own_1, "A a 1", 403, "b@B#10 | 1leaving 2live"},
    {"own refresh 404", EACH, own_1, "A a 1", 404, "b@B#10 | 2live"},
    {"own refresh 401", EACH, own_1, "A a 1", 401, NULL},
    {"own refresh 503", EACH, own_1, "A a 1", 503, NULL},
    {"own refresh 410, of two", AOR, own_1_of_two, "A a 1", 410, "b@B#10 | 2live"},
    {"line 403", AOR, line_alone, "A a 1", 403, "| 1live*"},
    {"line 404", AOR, line_alone, "A a 1", 404, "| 1live!*"},
    {"line 403, with devices", AOR, line_fixed, "A a 1", 403, "| 1live*"},
    {"line 401", AOR, line_alone, "A a 1", 401, NULL},
    {"own removal 401", AOR, own_leaving, "A a 1", 401, "| 1orphan"},
    {"own removal 403", AOR, own_leaving, "A a 1", 403, "| 1orphan"},
    {"own removal 404", AOR, own_leaving, "A a 1", 404, "| 1ended"},
    {"own removal 500", AOR, own_leaving, "A a 1", 500, NULL},
};

static void a_refusal_is_evidence_about_its_register(void **state)
{
    (void)state;
    n_wrong = 0;
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
        struct world w;
        char before[512], after[512];
        two_devices(&w, refusals[i].mode);
        world_view(&w, refusals[i].send);
        if (refusals[i].change)
            refusals[i].change(&w);
        struct absorb_input in = world_input(&w);
        struct aor_record *next = binding_record_copy(&w.arena, w.r);
        world_record(next, w.now_s, before);
        bool did = absorb_refused(&in, refusals[i].status, next);
        world_record(next, w.now_s, after);
        if (did != (refusals[i].want != NULL) ||
            strcmp(after, did ? refusals[i].want : before) != 0) {
            print_error("%s: \"%s\"\n", refusals[i].name, after);
            n_wrong++;
        }
        world_fini(&w);
    }
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepted_registers_are_applied),
        cmocka_unit_test(a_commit_writes_all_of_a_binding),
        cmocka_unit_test(proofs_are_worth_what_they_cost),
        cmocka_unit_test(upstream_does_not_go_backwards),
        cmocka_unit_test(what_upstream_removed_is_gone),
        cmocka_unit_test(a_refusal_is_evidence_about_its_register),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
