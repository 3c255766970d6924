#include "unit.h"

#include "absorbrows.h"

/* ---------------------------------------------------------------- what a row may change */

static void busy(struct world *w)
{
    w->is_busy = true;
}

static void due(struct world *w)
{
    w->r->upregs[0].dead_at_s = w->now_s + 150; /* granted/10 = 360, 2 * 60 + 64 = 184 */
}

static void due_busy(struct world *w)
{
    due(w);
    busy(w);
}

static void reloaded(struct world *w)
{
    w->conf.form = 8 | FORM_OF_MODE(w->conf.mode);
    w->r->upregs[0].form = 4 | FORM_OF_MODE(w->conf.mode);
}

static void reloaded_busy(struct world *w)
{
    reloaded(w);
    busy(w);
}

static void from_before_forms(struct world *w)
{
    reloaded(w);
    w->r->upregs[0].form = 0;
}

static void almost_due(struct world *w)
{
    w->r->upregs[0].dead_at_s = w->now_s + 361;
}

static void no_room_busy(struct world *w)
{
    w->r->upregs[0].dead_at_s = w->now_s + 32 + 29; /* a grant would be under min-expires */
    busy(w);
}

static void dead_busy(struct world *w)
{
    w->r->upregs[0].dead_at_s = w->now_s;
    busy(w);
}

static void leaving(struct world *w)
{
    w->r->upregs[0].state = UPREG_LEAVING;
}

static void pending(struct world *w)
{
    w->leases[0].is_pending = true;
}

static void pending_busy(struct world *w)
{
    pending(w);
    busy(w);
}

static void leaseless(struct world *w)
{
    w->leases[0].is_held = false;
}

static void unproven(struct world *w)
{
    w->r->bindings[0].proof.kind = PROOF_NONE;
}

static void open_proof(struct world *w)
{
    w->r->bindings[0].proof.kind = PROOF_OPEN;
}

static void trusted_proof(struct world *w)
{
    w->r->bindings[0].proof.kind = PROOF_TRUSTED;
}

static void trusted(struct world *w)
{
    trusted_proof(w);
    w->conf.authentication = AUTH_TRUSTED;
    w->view.is_source_trusted = true;
}

static void trusted_due_busy(struct world *w)
{
    trusted(w);
    no_room_busy(w);
}

static void not_on_the_list(struct world *w)
{
    w->conf.authentication = AUTH_TRUSTED;
}

static void old_proof(struct world *w)
{
    w->r->bindings[0].proof.at_s = w->now_s - 3600;
}

static void stream(struct world *w)
{
    w->r->bindings[0].way.flow_id = w->view.way.flow_id = 5;
}

static void other_stream(struct world *w)
{
    stream(w);
    w->view.way.flow_id = 6;
}

static void in_grace(struct world *w)
{
    w->leases[0].expires_at_s = w->now_s - 29;
}

static void both_in_grace(struct world *w)
{
    in_grace(w);
    w->leases[1].expires_at_s = w->now_s;
}

static void after_grace(struct world *w)
{
    w->leases[0].expires_at_s = w->now_s - 30;
}

static void other_after_grace(struct world *w)
{
    w->leases[1].expires_at_s = w->now_s - 30;
}

static void repeat(struct world *w)
{
    w->view.branch_hash = w->leases[0].branch_hash;
}

static void repeat_due(struct world *w)
{
    repeat(w);
    due(w);
    old_proof(w);
    pending(w);
}

static void session(struct world *w)
{
    other_stream(w);
    w->r->bindings[0].proof.family = w->view.family = (struct family){3, 4};
}

static void other_session(struct world *w)
{
    session(w);
    w->view.family.b++;
}

static void session_due(struct world *w)
{
    session(w);
    due(w);
}

static void session_old_proof(struct world *w)
{
    session(w);
    old_proof(w);
}

static void session_unproven(struct world *w)
{
    session(w);
    unproven(w);
}

static void session_repeat(struct world *w)
{
    session(w);
    repeat(w);
}

static void session_trusted(struct world *w)
{
    session(w);
    trusted(w);
}

static void strict_cseq(struct world *w)
{
    w->conf.is_equal_cseq_allowed = false;
}

static void strict_repeat(struct world *w)
{
    strict_cseq(w);
    repeat(w);
}

static void lease_is_later(struct world *w)
{
    w->leases[0].cseq = 20;
}

static void params_changed(struct world *w)
{
    w->contacts[0].params = STR(";audio");
}

static void q_changed(struct world *w)
{
    w->contacts[0].q = 500;
}

static void path_changed(struct world *w)
{
    w->view.path = STR("<sip:edge>");
}

static void allow_changed(struct world *w)
{
    w->view.methods = 1 << METHOD_INVITE;
}

static void uri_changed(struct world *w)
{
    w->contacts[0].uri = STR("sip:a@10.0.0.1:5060;line=7"); /* equal, but calls go to its bytes */
}

static void got_an_instance(struct world *w)
{
    w->contacts[0].instance = STR("<urn:uuid:a>");
}

static void moved_instance(struct world *w)
{
    w->r->bindings[0].instance = w->contacts[0].instance = STR("<urn:uuid:a>");
}

static void upstream_short(struct world *w)
{
    w->r->upregs[0].granted_s = 120;
    w->r->upregs[0].dead_at_s = w->now_s + 120;
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

static void full_grace(struct world *w)
{
    w->conf.max_contacts = 1;
    in_grace(w);
}

static void full_grace_replace(struct world *w)
{
    full_grace(w);
    w->conf.when_full = FULL_REPLACE_OLDEST;
}

static void record_full(struct world *w)
{
    world_fill(w);
    w->conf.when_full = FULL_REPLACE_OLDEST;
}

static void smaller_now(struct world *w)
{
    w->conf.max_contacts = 1;
}

static void min_two_hours(struct world *w)
{
    w->conf.min_expires_s = w->conf.max_expires_s = 7200;
    w->conf.when_full = FULL_REPLACE_OLDEST;
}

static void star_no_expires(struct world *w)
{
    w->view.expires_s = -1;
}

static void star_of_an_hour(struct world *w)
{
    w->view.expires_s = 3600;
}

static void second_of_a(struct world *w)
{
    w->r->bindings[1].way = w->r->bindings[0].way;
    w->r->bindings[1].call_id = w->r->bindings[0].call_id;
}

/* One device with two contacts and one upstream registration. */
static void two_of_one_device(struct world *w)
{
    second_of_a(w);
    w->r->bindings[1].upreg_id = 1;
}

static void empty(struct world *w)
{
    w->r->n_bindings = w->r->n_upregs = 0;
}

static void empty_busy(struct world *w)
{
    empty(w);
    busy(w);
}

static void repeat_longer(struct world *w)
{
    repeat(w);
    w->r->bindings[0].granted_s = 30;
}

static void second_of_a_due(struct world *w)
{
    second_of_a(w);
    due(w);
}

/* As after a change of mode, in the middle of things. */
static void repeat_without_upreg(struct world *w)
{
    second_of_a(w);
    repeat(w);
    w->r->bindings[0].upreg_id = 99;
}

/* The old URI goes, and the same device stays under another: one binding, by its instance. */
static void same_binding_twice(struct world *w)
{
    w->r->bindings[0].instance = w->contacts[0].instance = STR("<urn:uuid:a>");
    w->conf.max_contacts = 2;
}

static void grew_longer(struct world *w)
{
    w->r->bindings[0].granted_s = 60;
    w->conf.expires_spread_percent = 10;
}

static void spread_longer(struct world *w)
{
    w->r->bindings[0].granted_s = 270; /* 300 less 10 % */
    w->conf.expires_spread_percent = 10;
}

/* ---------------------------------------------------------------- rows */

/* aor-throttle; devices a and b on the upstream registration 1. */
static const struct row aor_rows[] = {
    /* the licence (L1, L2) */
    {"refresh", NULL, "A a 11 a=60", "absorb licensed-source"},
    {"the default is longer", NULL, "A a 11 a", "commit licensed-source"},
    {"L1", stream, "A a 11 a=60", "absorb licensed-flow"},
    {"L1: another connection", other_stream, "A a 11 a=60", "forward new-source refresh"},
    {"L1: its session", session, "A a 11 a=60", "commit licensed-session"},
    {"L1: another session", other_session, "A a 11 a=60", "forward new-source refresh"},
    {"L1: its session, another Call-ID", session, "A z 11 a=60", "forward new-call-id refresh"},
    {"L1: its session, lower CSeq", session, "A a 9 a=60", "forward cseq-not-rising refresh"},
    {"L1: its session, due", session_due, "A a 11 a=60", "forward upstream-due refresh"},
    {"L1: its session, reproof", session_old_proof, "A a 11 a=60", "forward reproof-due refresh"},
    {"L1: its session, unproven", session_unproven, "A a 11 a=60", "forward not-proven refresh"},
    {"L1: its session, the same again", session_repeat, "A a 10 a=60", "commit licensed-session"},
    {"L1: its session, trusted", session_trusted, "A a 11 a=60", "commit trusted"},
    {"L1: its session, another's contact", session, "A a 11 b=60", "forward new-call-id refresh"},
    {"L1: its session, a removal", session, "A a 11 a=0", "commit removed-locally"},
    {"L1: its session, a query", session, "A a 11", "absorb query"},
    {"D28: rebooted", NULL, "A x 1 a=60", "forward new-call-id refresh"},
    {"moved", NULL, "X a 11 a=60", "forward new-source refresh"},
    {"a neighbour's contact", NULL, "B b 11 a=60", "forward new-call-id refresh"},
    {"never proven", unproven, "A a 11 a=60", "forward not-proven refresh"},
    {"no lease", leaseless, "A a 11 a=60", "forward not-proven refresh"},
    {"open proof licenses the device", open_proof, "A a 11 a=60", "absorb licensed-source"},
    {"trusted once, not now", trusted_proof, "A a 11 a=60", "forward not-proven refresh"},
    {"trusted", trusted, "A a 11 a=60", "absorb trusted"},
    {"trusted, known from elsewhere", trusted, "X a 11 a=60", "forward new-source refresh"},
    {"reproof", old_proof, "A a 11 a=60", "forward reproof-due refresh"},
    {"D30: pending", pending, "A a 11 a=60", "forward challenge-pending refresh"},
    {"D30: pending, in flight", pending_busy, "A a 11 a=60", "wait in-flight"},
    {"pending is not for others", pending, "B b 11 b=60", "absorb licensed-source"},
    {"params", params_changed, "A a 11 a=60", "forward contact-changed refresh"},
    {"q", q_changed, "A a 11 a=60", "forward contact-changed refresh"},
    {"path", path_changed, "A a 11 a=60", "forward contact-changed refresh"},
    {"D64: not Allow alone", allow_changed, "A a 11 a=60", "absorb licensed-source"},
    {"D65: bytes", uri_changed, "A a 11 a=60", "forward contact-changed refresh"},
    {"instance", got_an_instance, "A a 11 a=60", "forward contact-changed refresh"},
    {"OS-1316: same instance, new URI", moved_instance, "A a 11 z=60",
     "forward contact-changed refresh"},
    /* CSeq */
    {"D27: lower", NULL, "A a 9 a=60", "forward cseq-not-rising refresh"},
    {"D27: lower than the lease", lease_is_later, "A a 19 a=60", "forward cseq-not-rising refresh"},
    {"D29: equal", NULL, "A a 10 a=60", "absorb licensed-source"},
    {"D29: equal, strict", strict_cseq, "A a 10 a=60", "forward cseq-not-rising refresh"},
    {"D29: repeat", repeat, "A a 10 a=60", "absorb repeat"},
    {"D29: repeat, strict", strict_repeat, "A a 10 a=60", "absorb repeat"},
    {"D29: repeat is never relayed", repeat_due, "A a 10 a=60", "absorb repeat"},
    {"D29: repeat of a longer one", repeat_longer, "A a 10 a=300", "absorb repeat"},
    {"D29: repeat from elsewhere", repeat, "X a 10 a=60", "forward new-source refresh"},
    {"D28: lower under another Call-ID", NULL, "A x 1 a=60", "forward new-call-id refresh"},
    /* upstream */
    {"due", due, "A a 11 a=60", "forward upstream-due refresh"},
    {"another form", reloaded, "A a 11 a=60", "forward moved refresh"},
    {"another form, busy", reloaded_busy, "A a 11 a=60", "absorb postponed-in-flight"},
    {"another form, unknown", from_before_forms, "A a 11 a=60", "absorb licensed-source"},
    {"another form, one of two leaves", reloaded, "A a 11 a=0", "commit removed-locally"},
    {"due a second later", almost_due, "A a 11 a=60", "absorb licensed-source"},
    {"upstream grants little", upstream_short, "A a 11 a=60", "forward upstream-due refresh"},
    {"leaving", leaving, "A a 11 a=60", "forward upstream-due refresh"},
    {"busy", busy, "A a 11 a=60", "absorb licensed-source"},
    {"D56a", due_busy, "A a 11 a=60", "absorb postponed-in-flight"},
    {"D56a: no room", no_room_busy, "A a 11 a=60", "wait in-flight"},
    {"D56a: dead", dead_busy, "A a 11 a=60", "wait in-flight"},
    {"D56a: we refresh ourselves", trusted_due_busy, "A a 11 a=60", "absorb postponed-in-flight"},
    /* D64 */
    {"grace", in_grace, "A a 11 a=60", "absorb licensed-source"},
    {"lapsed", after_grace, "A a 11 a=60", "forward lapsed refresh"},
    /* new */
    {"new line", empty, "A a 1 a=60", "forward new-line refresh"},
    {"new line, busy", empty_busy, "A a 1 a=60", "wait in-flight"},
    {"new contact", NULL, "X x 1 x=60", "forward new-contact refresh"},
    {"a licence covers no new contact", NULL, "A a 11 x=60", "forward new-contact refresh"},
    {"D60", busy, "X x 1 x=60", "wait in-flight"},
    {"trusted covers no new contact", trusted, "A a 11 x=60", "forward new-contact refresh"},
    /* several contacts */
    {"two, both covered", second_of_a, "A a 11 a=60 b=60", "absorb licensed-source"},
    {"two, one covered", NULL, "A a 11 a=60 x=60", "forward mixed refresh"},
    {"two, one covered, due", NULL, "A a 11 a=60 b=60", "forward mixed refresh"},
    {"two, none", NULL, "X x 1 x=60 a=60", "forward new-contact refresh"},
    {"one due, one leaves", second_of_a_due, "A a 11 a=60 b=0", "forward upstream-due refresh"},
    {"a repeat, one leaves", repeat_without_upreg, "A a 10 a=60 b=0", "commit removed-locally"},
    {"D20: added and removed", same_binding_twice, "A a 11 z=60 a=0", "forward mixed refresh"},
    {"swap", NULL, "A a 11 a=0 x=60", "forward mixed refresh"},
    /* removals (D59a) */
    {"removal, others stay", NULL, "A a 11 a=0", "commit removed-locally"},
    {"removal while busy", busy, "A a 11 a=0", "commit removed-locally"},
    {"removal while due", due, "A a 11 a=0", "commit removed-locally"},
    {"removal from elsewhere", NULL, "X a 11 a=0", "forward removal-unlicensed refresh"},
    {"removal by a neighbour", NULL, "B b 11 a=0", "forward removal-unlicensed refresh"},
    {"removal, reproof due", old_proof, "A a 11 a=0", "forward removal-unlicensed refresh"},
    {"removal, never proven", unproven, "A a 11 a=0", "forward removal-unlicensed refresh"},
    {"removal, no lease", leaseless, "A a 11 a=0", "forward removal-unlicensed refresh"},
    {"removal, pending", pending_busy, "A a 11 a=0", "wait in-flight"},
    {"removal of the last", other_after_grace, "A a 11 a=0", "forward removal-last removal"},
    {"the other rings in its grace", both_in_grace, "A a 11 a=0", "commit removed-locally"},
    {"removal of all, by name", second_of_a, "A a 11 a=0 b=0", "forward removal-last removal"},
    {"removal of the last, a stranger", other_after_grace, "X x 1 a=0",
     "forward removal-last removal"},
    {"D27: stale removal", NULL, "A a 9 a=0", "reject stale-cseq 500"},
    {"D29: equal removal", NULL, "A a 10 a=0", "commit removed-locally"},
    {"D29: equal removal, strict", strict_cseq, "A a 10 a=0", "reject stale-cseq 500"},
    {"D18: unknown, licensed", NULL, "A a 11 x=0", "absorb nothing-to-remove"},
    {"D18: unknown, a stranger", NULL, "X x 1 x=0", "forward removal-unlicensed refresh"},
    {"D18: unknown line", empty, "X x 1 x=0", "forward removal-unlicensed removal"},
    {"removal and refresh", second_of_a, "A a 11 a=0 b=60", "commit removed-locally"},
    {"removal and what is not there", NULL, "A a 11 a=0 x=0", "commit removed-locally"},
    {"refresh and what is not there", NULL, "A a 11 a=60 x=0", "absorb licensed-source"},
    /* stars (D11, D12) */
    {"star", NULL, "A a 11 *", "forward removal-all removal"},
    {"star, busy", busy, "A a 11 *", "wait in-flight"},
    {"star of an unknown line", empty, "A a 11 *", "forward removal-all removal"},
    {"D11: no Expires", star_no_expires, "A a 11 *", "reject bad-star 400"},
    {"D11: Expires is no zero", star_of_an_hour, "A a 11 *", "reject bad-star 400"},
    {"D11: not alone", NULL, "A a 11 * a=0", "reject bad-star 400"},
    {"D12: lower", NULL, "A a 9 *", "reject stale-cseq 500"},
    {"D12: equal", NULL, "A a 10 *", "reject stale-cseq 500"},
    {"D12: below the lease", lease_is_later, "X a 20 *", "reject stale-cseq 500"},
    {"D12: other Call-ID", NULL, "X x 1 *", "forward removal-all removal"},
    /* queries (D13) */
    {"query", NULL, "A a 11", "absorb query"},
    {"query of a stranger", NULL, "X x 1", "forward query-unlicensed query"},
    {"query of a stranger, busy", busy, "X x 1", "wait in-flight"},
    {"query, busy", busy, "A a 11", "absorb query"},
    {"query after grace", after_grace, "A a 11", "forward query-unlicensed query"},
    {"query, pending", pending, "A a 11", "forward query-unlicensed query"},
    {"query, lower CSeq", NULL, "A a 9", "forward query-unlicensed query"},
    {"query of an unknown line", empty, "A a 1", "forward query-unlicensed query"},
    /* D17 */
    {"too brief", NULL, "A a 11 a=29", "reject too-brief 423"},
    {"just not too brief", NULL, "A a 11 a=30", "absorb licensed-source"},
    {"too brief, any contact", NULL, "A a 11 a=60 b=1", "reject too-brief 423"},
    {"an hour is never too brief", min_two_hours, "X x 1 x=3600", "forward new-contact refresh"},
    {"less than an hour is", min_two_hours, "X x 1 x=3599", "reject too-brief 423"},
    /* limits (D19, D20, D64, D87) */
    {"room for one", NULL, "X x 1 x=60", "forward new-contact refresh"},
    {"full", full, "X x 1 x=60", "reject line-full 503"},
    {"full, before it waits", due_busy, "X x 1 x=60 y=60", "reject line-full 503"},
    {"full, refresh", full, "A a 11 a=60", "absorb licensed-source"},
    {"full, moved", full, "X a 11 a=60", "forward new-source refresh"},
    {"full, replace", full_replace, "X x 1 x=60", "forward new-contact refresh"},
    {"no record holds more", record_full, "X x 1 x=60", "reject line-full 503"},
    {"full record, swap", record_full, "A a 11 a=0 x=60", "forward mixed refresh"},
    {"D19: removals first", full, "A a 11 a=0 x=60", "forward mixed refresh"},
    {"D64: grace does not count", full_grace, "X x 1 x=60", "reject line-full 503"},
    {"D64: grace, and nobody else", in_grace, "X x 1 x=60 y=60", "forward new-contact refresh"},
    {"D64: back from grace, full", full_grace, "A a 11 a=60", "reject line-full 503"},
    {"D64: back from grace, replace", full_grace_replace, "A a 11 a=60", "forward lapsed refresh"},
    {"a smaller limit drives nobody out", smaller_now, "A a 11 a=60", "absorb licensed-source"},
    {"too many", NULL, "X x 1 w=60 x=60 y=60 z=60", "reject too-many-contacts 400"},
    {"as many as a line may have", empty, "X x 1 x=60 y=60 z=60", "forward new-line refresh"},
    {"a whole line replaced", NULL, "A a 11 a=0 b=0 c=0 x=60 y=60 z=60", "forward mixed refresh"},
    {"too many removals", NULL, "A a 11 a=0 b=0 c=0 d=0 e=0 f=0 g=0",
     "reject too-many-contacts 400"},
    /* trusted */
    {"D10: who is not on the list", not_on_the_list, "A a 11 a=60",
     "reject source-not-allowed 403"},
    {"D10: comes before all", not_on_the_list, "A a 11 a=1", "reject source-not-allowed 403"},
    /* the device wants a longer interval than upstream's deadline rests on */
    {"longer", grew_longer, "A a 11 a=300", "commit licensed-source"},
    {"not longer than the spread", spread_longer, "A a 11 a=300", "absorb licensed-source"},
    {"shorter", spread_longer, "A a 11 a=60", "absorb licensed-source"},
};

/* contact-throttle; a on the upstream registration 1, b on 2. */
static const struct row contact_rows[] = {
    {"refresh", NULL, "A a 11 a=60", "absorb licensed-source"},
    {"due", due, "A a 11 a=60", "forward upstream-due refresh"},
    {"another's is due", due, "B b 11 b=60", "absorb licensed-source"},
    {"new contact", NULL, "X x 1 x=60", "forward new-contact refresh"},
    {"removal: each has its own", NULL, "A a 11 a=0", "forward removal-last removal"},
    {"removal by a stranger", NULL, "X x 1 a=0", "forward removal-last removal"},
    {"removal, the device has another", two_of_one_device, "A a 11 a=0", "commit removed-locally"},
    {"removal of both", two_of_one_device, "A a 11 a=0 b=0", "forward removal-last removal"},
    {"D18: unknown, licensed", NULL, "A a 11 x=0", "absorb nothing-to-remove"},
    {"D18: unknown, a stranger", NULL, "X x 1 x=0", "forward removal-unlicensed removal"},
    {"star", NULL, "A a 11 *", "forward removal-all removal"},
    {"query", NULL, "A a 11", "absorb query"},
};

static const struct row mirror_rows[] = {
    {"refresh", NULL, "A a 11 a=60", "forward mirror refresh"},
    {"repeat", repeat, "A a 10 a=60", "forward mirror refresh"},
    {"busy", busy, "A a 11 a=60", "wait in-flight"},
    {"removal", NULL, "A a 11 a=0", "forward mirror removal"},
    {"star", NULL, "A a 11 *", "forward mirror removal"},
    {"query", NULL, "A a 11", "forward mirror query"},
    {"too brief", NULL, "A a 11 a=29", "reject too-brief 423"},
    {"full", full, "X x 1 x=60", "reject line-full 503"},
    {"stale removal", NULL, "A a 9 a=0", "reject stale-cseq 500"},
    {"bad star", star_no_expires, "A a 11 *", "reject bad-star 400"},
};

static void aor_throttle(void **state)
{
    (void)state;
    EACH(aor_rows, MODE_AOR_THROTTLE);
    assert_int_equal(n_wrong, 0);
}

static void contact_throttle(void **state)
{
    (void)state;
    EACH(contact_rows, MODE_CONTACT_THROTTLE);
    assert_int_equal(n_wrong, 0);
}

static void mirror(void **state)
{
    (void)state;
    EACH(mirror_rows, MODE_MIRROR);
    assert_int_equal(n_wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aor_throttle),
        cmocka_unit_test(contact_throttle),
        cmocka_unit_test(mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
