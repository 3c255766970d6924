/* One line in motion, for tests of the registration policy: what a registrar does around it
 * (leases, flights upstream, commits), and upstream's own truth, so that both can be held against
 * each other. Each step checks what must always hold. */
#ifndef BW_TESTS_REGLINE_H
#define BW_TESTS_REGLINE_H

#include "core/commit.h"
#include "core/expiry.h"
#include "regworld.h"

enum { LINE_FLIGHTS = 8, LINE_UPREGS = 4096, LINE_DELAY_S = 20 };

struct flight {
    struct register_view view;
    struct register_contact contacts[8];
    uint64_t upreg_id;
    uint32_t cseq;
    enum forward_as as;
    uint64_t form;
    uint64_t left[RECORD_UPREGS_MAX]; /* registrations that ride along with expires 0 */
    size_t n_left;
    bool is_stranger;
};

struct line {
    struct world w;
    struct arena spare;          /* the record after the next commit */
    uint64_t until[64];          /* beside the leases: when a challenge stops counting */
    uint64_t truth[LINE_UPREGS]; /* until when upstream holds a registration, by id */
    uint64_t next_id;
    uint32_t next_cseq;
    struct flight flights[LINE_FLIGHTS];
    size_t n_flights;
    uint32_t delay_s; /* upstream's clock is so much ahead of what an answer tells */
    bool is_writing;  /* the writer has the leases: it extends them itself */
    size_t n_seen[REASON_MAX];
};

static inline void line_init(struct line *l, enum absorb_mode mode)
{
    memset(l, 0, sizeof *l);
    world_init(&l->w, mode);
    arena_init(&l->spare, 1 << 20);
    l->next_id = l->next_cseq = 1;
}

static inline void line_fini(struct line *l)
{
    world_fini(&l->w);
    arena_fini(&l->spare);
}

static inline struct aor_record *line_copy(struct line *l)
{
    arena_reset(&l->spare, 1 << 20);
    struct aor_record *next = binding_record_copy(&l->spare, l->w.r);
    assert_non_null(next);
    return next;
}

/* ---------------------------------------------------------------- what always holds */

static inline void line_check(const struct line *l)
{
    const struct aor_record *r = l->w.r;
    size_t n_current = 0;
    for (size_t i = 0; i < r->n_bindings; i++) {
        assert_non_null(binding_upreg(r, r->bindings[i].upreg_id));
        n_current += l->w.leases[i].expires_at_s > l->w.now_s;
        for (size_t k = 0; k < i; k++)
            assert_true(r->bindings[i].id != r->bindings[k].id);
    }
    assert_true(n_current <= l->w.conf.max_contacts);
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].dead_at_s > l->w.now_s)
            assert_true(r->upregs[i].dead_at_s <= l->truth[r->upregs[i].id] + LINE_DELAY_S);
}

/* ---------------------------------------------------------------- commits */

static inline void line_commit(struct line *l, struct aor_record *next)
{
    const struct world *w = &l->w;
    struct lease_view leases[RECORD_BINDINGS_MAX] = {0};
    uint64_t until[RECORD_BINDINGS_MAX] = {0};
    for (size_t i = 0; i < next->n_bindings; i++) {
        struct binding *b = &next->bindings[i];
        const struct binding *was = binding_find_id(w->r, b->id);
        leases[i] =
            (struct lease_view){.is_held = true, .expires_at_s = b->expires_at_s, .cseq = b->cseq};
        if (was && !b->is_changed) {
            leases[i] = w->leases[was - w->r->bindings];
            until[i] = l->until[was - w->r->bindings];
        }
        b->is_changed = false;
    }
    memcpy(l->w.leases, leases, sizeof leases);
    memcpy(l->until, until, sizeof until);
    l->w.r = next;
    struct arena old = l->w.arena;
    l->w.arena = l->spare;
    l->spare = old;
    line_check(l);
}

static inline void line_pass(struct line *l, uint64_t s)
{
    l->w.now_s += s;
    for (size_t i = 0; i < l->w.r->n_bindings; i++)
        if (l->until[i] && l->until[i] <= l->w.now_s) {
            l->w.leases[i].is_pending = false;
            l->until[i] = 0;
        }
    struct aor_record *next = line_copy(l);
    if (absorb_lapse(&l->w.conf, l->w.leases, l->w.now_s, next))
        line_commit(l, next);
}

/* ---------------------------------------------------------------- a REGISTER comes in */

static inline bool line_is_busy(const struct line *l, const struct upreg *u)
{
    for (size_t i = 0; i < l->n_flights; i++) {
        const struct flight *f = &l->flights[i];
        if (l->w.conf.mode == MODE_AOR_THROTTLE || (u && f->upreg_id == u->id) ||
            (!u && str_eq(f->view.call_id, l->w.view.call_id)))
            return true;
    }
    return l->n_flights == LINE_FLIGHTS;
}

/* The bindings that a REGISTER names from their own way and under their own Call-ID. */
static inline void line_set_pending(struct line *l, const struct register_view *view, bool is,
                                    uint64_t until_s)
{
    for (size_t k = 0; k < view->n_contacts; k++) {
        const struct register_contact *c = &view->contacts[k];
        const struct binding *b = binding_find(l->w.r, c->uri, c->instance, c->reg_id);
        if (!b || !binding_is_same_way(&b->way, &view->way) || !str_eq(b->call_id, view->call_id))
            continue;
        l->w.leases[b - l->w.r->bindings].is_pending = is;
        l->until[b - l->w.r->bindings] = until_s;
    }
}

static inline void line_take_along(const struct line *l, struct flight *f)
{
    const struct absorb_input in = world_input(&l->w);
    for (size_t i = 0; f->as != FORWARD_QUERY && i < l->w.r->n_upregs; i++) {
        const struct upreg *u = &l->w.r->upregs[i];
        if (u->id != f->upreg_id && u->state != UPREG_ENDED && absorb_is_left(&in, u))
            f->left[f->n_left++] = u->id;
    }
}

static inline void line_depart(struct line *l, enum forward_as as, const struct upreg *u,
                               bool is_stranger)
{
    struct flight *f = &l->flights[l->n_flights++];
    *f = (struct flight){
        .view = l->w.view, .as = as, .form = l->w.conf.form, .is_stranger = is_stranger};
    assert_true(l->w.view.n_contacts <= 8);
    memcpy(f->contacts, l->w.contacts, l->w.view.n_contacts * sizeof *f->contacts);
    f->upreg_id = u ? u->id : l->next_id++;
    assert_true(f->upreg_id < LINE_UPREGS);
    f->cseq = l->next_cseq++;
    line_take_along(l, f);
    line_set_pending(l, &l->w.view, true, 0);
}

static inline void line_extend(struct line *l, enum reason why)
{
    const struct absorb_input in = world_input(&l->w);
    for (size_t k = 0; k < in.view->n_contacts; k++) {
        const struct register_contact *c = &in.view->contacts[k];
        if (c->expires_s == 0 || why == REASON_REPEAT)
            continue;
        const struct binding *b = binding_find(l->w.r, c->uri, c->instance, c->reg_id);
        const struct upreg *u = binding_upreg(l->w.r, b->upreg_id);
        struct lease_view *lease = &l->w.leases[b - l->w.r->bindings];
        bool can = expiry_can_refresh(&in);
        uint64_t at_s = in.now_s + expiry_grant_s(&in, c->expires_s, u->dead_at_s, can);
        assert_true(at_s <= l->truth[u->id] || can);                        /* D51 */
        assert_true(in.now_s < l->truth[u->id] + (can ? LINE_DELAY_S : 0)); /* active: alive */
        if (lease->expires_at_s < at_s)
            lease->expires_at_s = at_s;
        lease->cseq = in.view->cseq;
        lease->branch_hash = in.view->branch_hash;
    }
}

static inline struct verdict line_decide(struct line *l, bool is_stranger)
{
    struct absorb_input in = world_input(&l->w);
    const struct upreg *u = absorb_upreg(&in);
    in.is_upstream_busy = l->w.is_busy = line_is_busy(l, u);
    struct aor_record *next = line_copy(l);
    struct verdict v = absorb_decide(&in, next);
    l->n_seen[v.reason]++;
    assert_false(v.what == VERDICT_FORWARD && in.is_upstream_busy);
    bool is_extended = v.what == VERDICT_ABSORB && l->is_writing && !absorb_is_still(v.reason);
    if (is_extended)
        absorb_extend(&in, next);
    if (v.what == VERDICT_COMMIT || is_extended)
        line_commit(l, next);
    else if (v.what == VERDICT_ABSORB)
        line_extend(l, v.reason);
    else if (v.what == VERDICT_FORWARD)
        line_depart(l, v.as, u, is_stranger);
    line_check(l);
    return v;
}

static inline const char *line_send(struct line *l, const char *text)
{
    static char got[64];
    world_view(&l->w, text);
    return world_verdict(line_decide(l, false), got);
}

/* ---------------------------------------------------------------- upstream answers */

/* Takes the flight out; its view is the world's then. */
static inline struct flight line_arrive(struct line *l, size_t i)
{
    struct flight f = l->flights[i];
    l->flights[i] = l->flights[--l->n_flights];
    l->w.view = f.view;
    memcpy(l->w.contacts, f.contacts, f.view.n_contacts * sizeof *f.contacts);
    l->w.view.contacts = l->w.contacts;
    return f;
}

static inline bool line_has(const struct aor_record *r, const struct register_contact *c)
{
    return binding_find(r, c->uri, c->instance, c->reg_id) != NULL;
}

/* D19. */
static inline void line_check_applied(const struct line *l, const struct aor_record *next,
                                      enum reason why)
{
    const struct register_view *view = &l->w.view;
    bool is_done = why == REASON_ACCEPTED || why == REASON_EVICTED;
    for (size_t k = 0; is_done && k < view->n_contacts; k++)
        assert_int_equal(line_has(next, &view->contacts[k]), view->contacts[k].expires_s != 0);
    if (is_done || why == REASON_NOT_GRANTED)
        return;
    assert_int_equal(next->n_bindings, l->w.r->n_bindings);
    for (size_t i = 0; i < next->n_bindings; i++)
        assert_false(next->bindings[i].is_changed);
}

/* As service/regchange.c does. */
static inline void line_end_left(struct line *l, const struct flight *f, struct aor_record *next)
{
    for (size_t i = 0; i < f->n_left; i++) {
        struct upreg *u = binding_upreg(next, f->left[i]);
        l->truth[f->left[i]] = 0;
        if (u && u->dead_at_s > l->w.now_s)
            u->dead_at_s = l->w.now_s;
    }
    commit_settle(next, l->w.now_s);
}

/* 2xx with an expiry (0 is also an answer to what was no removal). */
static inline enum reason line_accept(struct line *l, size_t i, uint32_t granted_s)
{
    struct flight f = line_arrive(l, i);
    line_set_pending(l, &l->w.view, false, 0);
    if (f.as == FORWARD_QUERY)
        return REASON_ACCEPTED;
    if (f.as == FORWARD_REMOVAL)
        granted_s = 0;
    l->truth[f.upreg_id] = granted_s ? l->w.now_s - l->delay_s + granted_s : 0;
    struct upstream_grant grant = {.upreg_id = f.upreg_id,
                                   .contact = STR("sip:token@edge"),
                                   .call_id = STR("up"),
                                   .cseq = f.cseq,
                                   .granted_s = granted_s,
                                   .is_removal = f.as == FORWARD_REMOVAL,
                                   .form = f.form,
                                   .new_binding_id = (uint64_t)f.cseq << 20};
    struct absorb_input in = world_input(&l->w);
    struct aor_record *next = line_copy(l);
    enum reason why = absorb_apply(&in, &grant, next);
    l->n_seen[why]++;
    line_check_applied(l, next, why);
    line_end_left(l, &f, next);
    line_commit(l, next);
    return why;
}

static inline bool line_refuse(struct line *l, size_t i, unsigned status)
{
    line_arrive(l, i);
    bool is_challenge = status == 401 || status == 407;
    line_set_pending(l, &l->w.view, is_challenge, is_challenge ? l->w.now_s + 64 : 0);
    struct absorb_input in = world_input(&l->w);
    struct aor_record *next = line_copy(l);
    bool did = absorb_refused(&in, status, next);
    if (did)
        line_commit(l, next);
    return did;
}

#endif
