#include "unit.h"

#include "mutate.h"
#include "regline.h"

/* ---------------------------------------------------------------- complaints about others */

#define SENT(l, text, want) assert_string_equal(line_send(l, text), want)

static void expect_record(struct line *l, const char *want)
{
    char got[512];
    assert_string_equal(world_record(l->w.r, l->w.now_s, got), want);
}

static struct line *new_line(enum absorb_mode mode)
{
    static struct line l;
    line_init(&l, mode);
    return &l;
}

/* A phone that has proven itself. */
static void register_first(struct line *l, const char *text)
{
    line_send(l, text);
    assert_int_equal(l->n_flights, 1);
    assert_int_equal(line_accept(l, 0, 3600), REASON_ACCEPTED);
}

/* A second device got 200 without any proof inside the absorb window. */
static void regress_OS_3193(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    register_first(l, "A a 1+ a=60");
    SENT(l, "X x 1 x=60", "forward new-contact refresh");
    assert_false(line_refuse(l, 0, 401));
    expect_record(l, "a@A#1 | 1live");
    SENT(l, "X x 1 a=60", "forward new-call-id refresh"); /* nor by a contact that is known */
    line_fini(l);
}

/* A wrong password evicted the rightful phone. */
static void regress_OS_2536(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    l->w.conf.max_contacts = 1;
    l->w.conf.when_full = FULL_REPLACE_OLDEST;
    register_first(l, "A a 1+ a=60");
    SENT(l, "X x 1+ x=60", "forward new-contact refresh");
    assert_false(line_refuse(l, 0, 403));
    expect_record(l, "a@A#1 | 1live");
    SENT(l, "A a 2 a=60", "absorb licensed-source");
    line_fini(l);
}

/* The answer to the challenge was absorbed, and upstream expired. */
static void regress_OS_1156(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    register_first(l, "A a 1+ a=60");
    line_pass(l, 50);
    l->w.r->bindings[0].proof.at_s = 0; /* reproof is due */
    SENT(l, "A a 2 a=60", "forward reproof-due refresh");
    SENT(l, "A a 3 a=60", "wait in-flight");
    line_refuse(l, 0, 401);
    SENT(l, "A a 3+ a=60", "forward challenge-pending refresh");
    assert_int_equal(line_accept(l, 0, 3600), REASON_ACCEPTED);
    SENT(l, "A a 4 a=60", "absorb licensed-source");
    line_fini(l);
}

/* Two phones with 120 s and 600 s: upstream lost the line while both were active. The phones go
 * on for a day; line_extend asserts that upstream is alive at every absorbed refresh. */
static void regress_OS_2368(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    l->w.conf.max_expires_s = 600;
    register_first(l, "A a 1+ a=120");
    register_first(l, "B b 1+ b=600");
    for (unsigned t = 1; t < 24 * 60; t++) {
        char text[40];
        line_pass(l, 60);
        snprintf(text, sizeof text, "A a %u+ a=120", t + 1);
        if (t % 9 && t < 600) /* the short one leaves early */
            line_send(l, text);
        snprintf(text, sizeof text, "B b %u+ b=600", t + 1);
        if (t % 9 == 0)
            line_send(l, text);
        if (l->n_flights)
            line_accept(l, 0, 3600);
        assert_true(l->truth[1] > l->w.now_s);
    }
    assert_true(l->n_seen[REASON_LICENSED_SOURCE] > 500);
    line_fini(l);
}

/* One phone left, and upstream was told although another was there. */
static void regress_OS_2615(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    register_first(l, "A a 1+ a=60");
    register_first(l, "B b 1+ b=60");
    SENT(l, "A a 2 a=0", "commit removed-locally");
    expect_record(l, "b@B#1 | 1live");
    SENT(l, "B b 2 b=0", "forward removal-last removal");
    assert_int_equal(line_accept(l, 0, 0), REASON_ACCEPTED);
    expect_record(l, "| 1ended");
    line_fini(l);
}

/* What had been removed still counted for absorption. */
static void regress_OS_1804(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    register_first(l, "A a 1+ a=60");
    SENT(l, "A a 2+ a=0", "forward removal-last removal");
    line_accept(l, 0, 0);
    SENT(l, "A a 3 a=60", "forward new-line refresh");
    line_fini(l);
}

/* expires=0 became "now". */
static void regress_OS_2722(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_CONTACT_THROTTLE);
    register_first(l, "A a 1+ a=60");
    SENT(l, "A a 2+ a=0", "forward removal-last removal");
    assert_int_equal(l->flights[0].as, FORWARD_REMOVAL);
    line_accept(l, 0, 0);
    expect_record(l, "| 1ended");
    line_fini(l);
}

/* Upstream's long expiry reached the phone; what upstream shortened was ignored. */
static void regress_OS_1309(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    line_send(l, "A a 1+ a=7200");
    line_accept(l, 0, 7200);
    assert_int_equal(l->w.r->bindings[0].granted_s, 300);
    line_send(l, "A x 1+ a=300");
    line_accept(l, 0, 100);
    assert_int_equal(l->w.r->bindings[0].granted_s, 68);
    line_fini(l);
}

/* A stranger's 403 against a known contact took the line (peers: a refusal of anybody). */
static void regress_refused_stranger(void **state)
{
    (void)state;
    struct line *l = new_line(MODE_AOR_THROTTLE);
    register_first(l, "A a 1+ a=60");
    SENT(l, "X x 9+ a=0", "forward removal-last removal");
    assert_false(line_refuse(l, 0, 403));
    SENT(l, "A a 2 a=60", "absorb licensed-source");
    line_fini(l);
}

/* ---------------------------------------------------------------- random sequences */

struct phone {
    char letter, call_id, way;
    uint32_t cseq;
};

enum { N_PHONES = 4 };

struct play {
    struct line l;
    struct phone phones[N_PHONES];
    uint64_t random;
    bool is_open; /* upstream asks nobody for proof */
    bool is_reloaded;
};

static uint32_t roll(struct play *p, uint32_t n)
{
    return mutate_random(&p->random) % n;
}

static void reboot(struct play *p, struct phone *phone)
{
    phone->call_id = (char)('a' + roll(p, 20));
    phone->cseq = 1 + roll(p, 3);
}

static const char *const expiries[] = {"=0", "=60", "=60", "=60", "=300", "", "=35", "=20"};

static bool is_local(const struct play *p)
{
    return p->l.w.conf.authentication == AUTH_LOCAL;
}

/* What a phone sends; its second contact is four letters on. */
static void phone_sends(struct play *p)
{
    struct phone *phone = &p->phones[roll(p, N_PHONES)];
    char text[64];
    if (roll(p, 20) == 0)
        reboot(p, phone);
    if (roll(p, 20) == 0)
        phone->way = (char)('A' + roll(p, 20));
    phone->cseq += roll(p, 8) != 0;
    struct buf out = buf_over(text, sizeof text - 1);
    bool is_late = roll(p, 30) == 0;
    buf_addf(&out, "%c %c %u%s", phone->way, phone->call_id, phone->cseq - (is_late ? 1 : 0),
             roll(p, 3) && !p->is_open ? "+" : "");
    uint32_t kind = roll(p, 20);
    if (kind == 0)
        buf_add(&out, STR(" *"));
    if (kind > 1)
        buf_addf(&out, " %c%s", phone->letter, expiries[roll(p, 8)]);
    if (kind > 17)
        buf_addf(&out, " %c%s", phone->letter + 4, expiries[roll(p, 8)]);
    text[out.len] = '\0';
    world_view(&p->l.w, text);
    p->l.w.view.branch_hash = roll(p, 10) ? (uint32_t)p->random : 0;
    p->l.w.view.spread = p->random;
    p->l.is_writing = roll(p, 4) == 0;
    p->l.w.view.is_source_trusted = true;
    struct verdict v = line_decide(&p->l, false);
    assert_true(v.what != VERDICT_CHALLENGE || is_local(p));
    if (v.what != VERDICT_CHALLENGE || roll(p, 8) == 0)
        return;
    p->l.w.view.is_proven = true;
    v = line_decide(&p->l, false);
    assert_true(v.what != VERDICT_CHALLENGE);
}

/* All that others' packets must leave as it is. */
struct guard {
    struct binding bindings[RECORD_BINDINGS_MAX];
    struct lease_view leases[RECORD_BINDINGS_MAX];
    size_t n;
};

static void guard_take(const struct line *l, char way, struct guard *g)
{
    const struct way stranger = world_way(way);
    g->n = 0;
    for (size_t i = 0; i < l->w.r->n_bindings; i++)
        if (!binding_is_same_way(&l->w.r->bindings[i].way, &stranger)) {
            g->bindings[g->n] = l->w.r->bindings[i];
            g->leases[g->n++] = l->w.leases[i];
        }
}

/* Text is compared by its bytes: a commit has moved it to another arena. */
static bool is_same_binding(const struct binding *a, const struct binding *b)
{
    return a->id == b->id && str_eq(a->contact, b->contact) && str_eq(a->call_id, b->call_id) &&
           a->cseq == b->cseq && binding_is_same_way(&a->way, &b->way) &&
           a->proof.kind == b->proof.kind && a->proof.at_s == b->proof.at_s &&
           a->expires_at_s == b->expires_at_s && a->upreg_id == b->upreg_id;
}

static void guard_check(const struct line *l, const struct guard *g)
{
    for (size_t i = 0; i < g->n; i++) {
        const struct binding *now = binding_find_id(l->w.r, g->bindings[i].id);
        if (!now) { /* what had lapsed may go by anybody's commit */
            assert_true(g->leases[i].expires_at_s + l->w.conf.grace_s <= l->w.now_s);
            continue;
        }
        const struct lease_view *lease = &l->w.leases[now - l->w.r->bindings];
        assert_true(now->contact.p[4] == g->bindings[i].contact.p[4]);
        assert_int_equal(now->cseq, g->bindings[i].cseq);
        assert_true(is_same_binding(now, &g->bindings[i]));
        assert_memory_equal(lease, &g->leases[i], sizeof *lease);
    }
}

static void copy_texts(struct guard *g)
{
    for (size_t i = 0; i < g->n; i++) {
        g->bindings[i].contact = world_uri(g->bindings[i].contact.p[4]);
        g->bindings[i].call_id = world_letter(*g->bindings[i].call_id.p);
    }
}

/* From way X, with any Call-ID, also a phone's, for any contact. */
static void stranger_sends(struct play *p)
{
    char text[64];
    struct guard g;
    struct buf out = buf_over(text, sizeof text - 1);
    buf_addf(&out, "X %c %u%s", 'a' + roll(p, 24), roll(p, 300),
             roll(p, 2) && !p->is_open ? "+" : "");
    uint32_t kind = roll(p, 8);
    if (kind == 0)
        buf_add(&out, STR(" *"));
    uint32_t letter = 'a' + roll(p, 9);
    for (uint32_t n = kind > 1 ? 1 + kind / 6 : 0; n; n--)
        buf_addf(&out, " %c%s", letter++, expiries[roll(p, 8)]);
    text[out.len] = '\0';
    guard_take(&p->l, 'X', &g);
    copy_texts(&g);
    world_view(&p->l.w, text);
    struct verdict v = line_decide(&p->l, true);
    assert_true(!is_local(p) || v.what == VERDICT_CHALLENGE);
    guard_check(&p->l, &g);
}

static void upstream_answers(struct play *p)
{
    static const unsigned refusals[] = {401, 401, 403, 404, 408, 500, 503};
    struct line *l = &p->l;
    size_t i = roll(p, (uint32_t)l->n_flights);
    bool is_stranger = l->flights[i].is_stranger;
    bool may_accept =
        p->is_open || is_local(p) || (!is_stranger && l->flights[i].view.has_authorization);
    struct guard g;
    guard_take(l, 'X', &g);
    copy_texts(&g);
    l->delay_s = roll(p, LINE_DELAY_S);
    if (may_accept && roll(p, 10))
        line_accept(l, i, (uint32_t[]){3600, 3600, 600, 100, 0}[roll(p, 5)]);
    else
        line_refuse(l, i, refusals[roll(p, 7)]);
    if (is_stranger)
        guard_check(l, &g);
}

/* Our own removal of one that is leaving, or (trusted) our own refresh of a live one. */
static void we_send(struct play *p)
{
    struct line *l = &p->l;
    if (!l->w.r->n_upregs || l->n_flights)
        return;
    const struct upreg *u = &l->w.r->upregs[roll(p, (uint32_t)l->w.r->n_upregs)];
    bool is_removal = u->state != UPREG_LIVE;
    if (u->state == UPREG_ENDED)
        return;
    world_view(&l->w, "Z z 1");
    l->w.view.own_upreg_id = u->id;
    struct absorb_input in = world_input(&l->w);
    if (!is_removal && !expiry_can_refresh(&in))
        return;
    struct aor_record *next = line_copy(l);
    struct upstream_grant grant = {.upreg_id = u->id,
                                   .call_id = STR("up"),
                                   .cseq = l->next_cseq++,
                                   .granted_s = is_removal ? 0 : 600,
                                   .form = u->form,
                                   .is_removal = is_removal};
    if (roll(p, 2)) {
        l->truth[u->id] = is_removal ? 0 : l->w.now_s + 600;
        l->n_seen[absorb_apply(&in, &grant, next)]++;
    } else {
        absorb_refused(&in, (unsigned[]){401, 403, 404, 503}[roll(p, 4)], next);
    }
    line_commit(l, next);
}

/* Another mode, or another place for the token. Trusted sources stay what they are. */
static void reload(struct play *p)
{
    struct absorb_conf *conf = &p->l.w.conf;
    conf->mode = (enum absorb_mode)roll(p, 3);
    conf->form = 4 * roll(p, 2) | 8 | FORM_OF_MODE(conf->mode);
}

static void play(struct play *p, unsigned steps)
{
    for (unsigned n = 0; n < steps; n++) {
        uint32_t what = roll(p, 16);
        if (p->is_reloaded && roll(p, 100) == 0)
            reload(p);
        if (p->l.n_flights && (what < 4 || p->l.n_flights == LINE_FLIGHTS))
            upstream_answers(p);
        else if (what < 9)
            phone_sends(p);
        else if (what < 12)
            stranger_sends(p);
        else if (what < 13)
            we_send(p);
        else
            line_pass(&p->l, roll(p, 40));
    }
}

static void play_begin(struct play *p, uint64_t seed)
{
    p->random = seed * 0x9e3779b97f4a7c15;
    line_init(&p->l, (enum absorb_mode)roll(p, 3));
    p->is_open = roll(p, 3) == 0;
    p->is_reloaded = roll(p, 2);
    p->l.w.conf.form = p->is_reloaded ? 8 | FORM_OF_MODE(p->l.w.conf.mode) : 0;
    static const enum absorb_auth kinds[] = {AUTH_TRUSTED, AUTH_LOCAL, AUTH_LOCAL,
                                             AUTH_RELAY,   AUTH_RELAY, AUTH_RELAY};
    p->l.w.conf.authentication = kinds[roll(p, 6)];
    if (p->l.w.conf.authentication == AUTH_TRUSTED)
        p->is_open = true;
    p->l.w.conf.when_full = roll(p, 2) ? FULL_REJECT : FULL_REPLACE_OLDEST;
    p->l.w.conf.max_contacts = 2 + roll(p, 4);
    p->l.w.conf.expires_spread_percent = roll(p, 2) * 10;
    p->l.w.conf.is_equal_cseq_allowed = roll(p, 2);
    p->l.w.conf.reproof_s = 60 + roll(p, 1000);
    for (int i = 0; i < N_PHONES; i++) {
        p->phones[i] = (struct phone){.letter = (char)('a' + i), .way = (char)('A' + i)};
        reboot(p, &p->phones[i]);
    }
}

/* Reasons that random play must have met, or it has not played. */
static const enum reason wanted[] = {
    REASON_LICENSED_SOURCE,
    REASON_LICENSED_DIGEST,
    REASON_UNPROVEN,
    REASON_TRUSTED,
    REASON_POSTPONED_IN_FLIGHT,
    REASON_QUERY,
    REASON_REMOVED_LOCALLY,
    REASON_NOTHING_TO_REMOVE,
    REASON_NEW_LINE,
    REASON_NEW_CONTACT,
    REASON_NEW_CALL_ID,
    REASON_NEW_SOURCE,
    REASON_OLD_CSEQ,
    REASON_NOT_PROVEN,
    REASON_REPROOF,
    REASON_UPSTREAM_DUE,
    REASON_MOVED,
    REASON_UPSTREAM_PENDING,
    REASON_LAPSED,
    REASON_MIRROR,
    REASON_REMOVAL_UNLICENSED,
    REASON_REMOVAL_LAST,
    REASON_REMOVAL_ALL,
    REASON_QUERY_UNLICENSED,
    REASON_MIXED,
    REASON_IN_FLIGHT,
    REASON_NOT_ALLOWED,
    REASON_TOO_BRIEF,
    REASON_FULL,
    REASON_STALE_CSEQ,
    REASON_ACCEPTED,
    REASON_EVICTED,
    REASON_NOT_GRANTED,
    REASON_DEREGISTERED,
};

static void random_sequences_break_no_promise(void **state)
{
    (void)state;
    static struct play p;
    size_t n_seen[REASON_MAX] = {0};
    unsigned seeds = getenv("BREAKWATER_SOAK") ? 2000 : 40;
    for (unsigned seed = 1; seed <= seeds; seed++) {
        play_begin(&p, seed);
        play(&p, 2500);
        for (int r = 0; r < REASON_MAX; r++)
            n_seen[r] += p.l.n_seen[r];
        line_fini(&p.l);
    }
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        if (!n_seen[wanted[i]])
            fail_msg("never: %s", reason_word(wanted[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regress_OS_3193),
        cmocka_unit_test(regress_OS_2536),
        cmocka_unit_test(regress_OS_1156),
        cmocka_unit_test(regress_OS_2368),
        cmocka_unit_test(regress_OS_2615),
        cmocka_unit_test(regress_OS_1804),
        cmocka_unit_test(regress_OS_2722),
        cmocka_unit_test(regress_OS_1309),
        cmocka_unit_test(regress_refused_stranger),
        cmocka_unit_test(random_sequences_break_no_promise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
