#include "unit.h"

#include "core/fork.h"
#include "mutate.h"

static struct fork new_fork(bool is_invite, size_t n)
{
    struct fork f;
    fork_init(&f, is_invite, &(struct fork_policy){0});
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fork_add(&f), i);
    return f;
}

/* ---------------------------------------------------------------- every event in every state */

enum prior { NOTHING, TRYING, RINGING, ANSWERED, FAILED, PRIORS };

/* Two branches, of which the other one is silent. What the event makes of a branch in a state. */
struct row {
    bool is_invite;
    unsigned status; /* the event */
    unsigned actions[PRIORS];
};

enum { FORWARD = FORK_FORWARD, CANCEL = FORK_CANCEL_REST };

static const struct row rows[] = {
    {true, 100, {0, 0, 0, 0, 0}},
    {true, 180, {FORWARD, FORWARD, FORWARD, 0, 0}},
    {true, 200, {FORWARD | CANCEL, FORWARD | CANCEL, FORWARD | CANCEL, FORWARD, FORWARD | CANCEL}},
    {true, 302, {0, 0, 0, 0, 0}},
    {true, 408, {0, 0, 0, 0, 0}},
    {true, 486, {0, 0, 0, 0, 0}},
    {true, 503, {0, 0, 0, 0, 0}},
    {true, 603, {CANCEL, CANCEL, CANCEL, 0, 0}},
    {false, 100, {0, 0, 0, 0, 0}},
    {false, 180, {0, 0, 0, 0, 0}},
    {false, 200, {FORWARD, FORWARD, FORWARD, 0, FORWARD}},
    {false, 302, {0, 0, 0, 0, 0}},
    {false, 408, {0, 0, 0, 0, 0}},
    {false, 486, {0, 0, 0, 0, 0}},
    {false, 503, {0, 0, 0, 0, 0}},
    {false, 603, {0, 0, 0, 0, 0}},
};

static struct fork in_state(bool is_invite, enum prior prior)
{
    static const unsigned status[PRIORS] = {0, 100, 180, 200, 486};
    struct fork f = new_fork(is_invite, 2);
    if (prior != NOTHING)
        (void)fork_on_response(&f, 0, status[prior]);
    return f;
}

static void an_event_in_each_state(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (enum prior prior = NOTHING; prior < PRIORS; prior++) {
            struct fork f = in_state(rows[i].is_invite, prior);
            unsigned got = fork_on_response(&f, 0, rows[i].status);
            if (got != rows[i].actions[prior])
                fail_msg("%u to a branch in state %d: %u", rows[i].status, (int)prior, got);
            assert_false(fork_is_over(&f));
        }
    }
}

static void the_callers_cancel_in_each_state(void **state)
{
    (void)state;
    static const unsigned want[PRIORS] = {CANCEL, CANCEL, CANCEL, 0, CANCEL};
    for (enum prior prior = NOTHING; prior < PRIORS; prior++) {
        struct fork f = in_state(true, prior);
        assert_int_equal(fork_on_cancel(&f), want[prior]);
        assert_int_equal(fork_on_cancel(&f), 0);
    }
}

static void the_branches_are_bounded(void **state)
{
    (void)state;
    struct fork f = new_fork(true, FORK_BRANCHES_MAX);
    assert_int_equal(fork_add(&f), -1);
    assert_int_equal(f.n, FORK_BRANCHES_MAX);
}

/* ---------------------------------------------------------------- the best response */

static const struct {
    unsigned statuses[4];
    unsigned best;
} choices[] = {
    {{486}, 486},      {{486, 480}, 486},      {{480, 486}, 480}, {{603, 404}, 603},
    {{404, 603}, 603}, {{302, 486}, 302},      {{486, 302}, 302}, {{500, 404}, 404},
    {{404, 401}, 401}, {{404, 407}, 407},      {{486, 415}, 415}, {{486, 420}, 420},
    {{486, 484}, 484}, {{302, 401}, 302},      {{408, 486}, 486}, {{487, 486}, 486},
    {{408, 487}, 408}, {{487, 480, 408}, 480}, {{408, 408}, 408}, {{408, 503}, 408},
    {{503, 486}, 486}, {{503, 408, 404}, 404}, {{503, 503}, 503}, {{503, 500}, 503},
    {{430, 486}, 486}, {{430, 480}, 480},      {{430, 503}, 430}, {{487, 401, 603}, 603},
};

static void the_best_of_several(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        size_t n = 0;
        unsigned actions = 0;
        while (n < 4 && choices[i].statuses[n])
            n++;
        struct fork f = new_fork(true, n);
        for (size_t b = 0; b < n; b++)
            actions = fork_on_response(&f, b, choices[i].statuses[b]);
        assert_true(actions & FORK_SEND_BEST);
        assert_true(fork_is_over(&f));
        unsigned got = f.branches[fork_best(&f)].status;
        if (got != choices[i].best)
            fail_msg("choice %zu: %u", i, got);
    }
}

/* What the devices of a line have said, then what the last resort says, and which of it is told. */
static const struct {
    unsigned devices[3], fallback, best;
    bool is_decline_local;
} last_resorts[] = {
    {{408}, 404, 408, false},      {{486}, 404, 486, false},      {{486}, 401, 486, false},
    {{480, 408}, 407, 480, false}, {{500}, 404, 500, false},      {{503}, 404, 503, false},
    {{486}, 500, 486, false},      {{486}, 503, 486, false},      {{486}, 408, 486, false},
    {{408}, 487, 408, false},      {{486}, 603, 486, false},      {{503}, 600, 503, false},
    {{603, 486}, 484, 603, true},  {{486, 603}, 603, 486, true},  {{302}, 404, 302, false},
    {{486}, 302, 302, false},      {{408, 408}, 305, 305, false}, {{0}, 404, 404, false},
    {{0}, 603, 603, false},        {{0}, 603, 603, true},         {{0}, 408, 408, false},
};

static void the_last_resort_does_not_speak_for_the_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof last_resorts / sizeof *last_resorts; i++) {
        struct fork f;
        unsigned actions = 0;
        fork_init(&f, true,
                  &(struct fork_policy){.is_decline_local = last_resorts[i].is_decline_local});
        fork_set_more(&f, true);
        for (size_t b = 0; last_resorts[i].devices[b]; b++)
            assert_int_equal(fork_add(&f), b);
        for (size_t b = 0; b < f.n; b++)
            actions = fork_on_response(&f, b, last_resorts[i].devices[b]);
        assert_true(f.n == 0 || actions == FORK_NEXT);
        int at = fork_add(&f);
        f.branches[at].is_last_resort = true;
        fork_set_more(&f, false);
        assert_int_equal(fork_on_response(&f, (size_t)at, last_resorts[i].fallback),
                         FORK_SEND_BEST);
        unsigned got = f.branches[fork_best(&f)].status;
        if (got != last_resorts[i].best)
            fail_msg("row %zu: %u", i, got);
    }
}

/* Its 6xx neither ends nor outweighs what a device that was given up may still say. */
static void the_last_resort_declines_for_itself(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 1);
    fork_set_more(&f, true);
    (void)fork_on_response(&f, 0, 180);
    assert_int_equal(fork_on_ring_timeout(&f), FORK_CANCEL_REST | FORK_NEXT);
    assert_int_equal(fork_add(&f), 1);
    f.branches[1].is_last_resort = true;
    fork_set_more(&f, false);
    assert_int_equal(fork_on_response(&f, 1, 603), 0);
    assert_true(fork_is_open(&f));
    struct fork late = f;
    assert_int_equal(fork_on_response(&f, 0, 487), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 480);
    assert_int_equal(fork_on_response(&late, 0, 200), FORK_FORWARD | FORK_CANCEL_REST);
    assert_int_equal(late.winner, 0);
}

static void the_winner_is_who_answered_first(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 3);
    assert_int_equal(f.winner, -1);
    (void)fork_on_response(&f, 2, 200);
    (void)fork_on_response(&f, 0, 200);
    assert_int_equal(f.winner, 2);
    f = new_fork(true, 1);
    (void)fork_on_response(&f, 0, 486);
    (void)fork_on_response(&f, 0, 200); /* after a failure that was told */
    assert_int_equal(f.winner, -1);
}

static void a_local_decline_speaks_for_its_branch(void **state)
{
    (void)state;
    struct fork f;
    fork_init(&f, true, &(struct fork_policy){.is_decline_local = true});
    for (int i = 0; i < 3; i++)
        assert_int_equal(fork_add(&f), i);
    assert_int_equal(fork_on_response(&f, 0, 180), FORK_FORWARD);
    assert_int_equal(fork_on_response(&f, 1, 603), 0);
    assert_int_equal(fork_next_cancel(&f), -1);
    assert_int_equal(fork_on_response(&f, 2, 302), 0);
    assert_int_equal(fork_on_response(&f, 0, 486), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 302); /* the lower class */
    f.branches[2].status = 500;
    assert_int_equal(f.branches[fork_best(&f)].status, 486); /* no worse than 603, and first */
    f.branches[0].status = 408;
    assert_int_equal(f.branches[fork_best(&f)].status, 603); /* silence says less */
}

static void a_group_fails_and_the_next_has_its_turn(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 2);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_response(&f, 0, 486), 0);
    assert_int_equal(fork_on_response(&f, 1, 603), FORK_CANCEL_REST | FORK_SEND_BEST);
    f = new_fork(true, 2);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_response(&f, 0, 486), 0);
    assert_int_equal(fork_on_response(&f, 1, 480), FORK_NEXT);
    assert_int_equal(fork_add(&f), 2);
    fork_set_more(&f, false);
    assert_int_equal(fork_on_ring_timeout(&f), 0); /* nothing is left to try */
    assert_int_equal(fork_on_response(&f, 2, 404), FORK_SEND_BEST);
    assert_int_equal(fork_best(&f), 0);
    f = new_fork(true, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_cancel(&f), FORK_CANCEL_REST);
    assert_int_equal(fork_on_response(&f, 0, 487), FORK_SEND_BEST);
}

static void who_has_rung_its_time_is_given_up(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 2);
    fork_set_more(&f, true);
    (void)fork_on_response(&f, 0, 180);
    assert_int_equal(fork_on_ring_timeout(&f), FORK_CANCEL_REST | FORK_NEXT);
    assert_int_equal(fork_next_cancel(&f), 0);
    assert_int_equal(fork_next_cancel(&f), -1); /* the silent one: not before a provisional */
    assert_int_equal(fork_add(&f), 2);
    assert_int_equal(fork_on_response(&f, 0, 487), 0);
    assert_int_equal(f.branches[0].status, 480);
    assert_int_equal(fork_on_response(&f, 1, 180), FORK_CANCEL_REST | FORK_FORWARD);
    assert_int_equal(fork_next_cancel(&f), 1);
    fork_set_more(&f, false);
    assert_int_equal(fork_on_response(&f, 2, 500), 0); /* the end of one is still awaited */
    assert_int_equal(fork_on_response(&f, 1, 487), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 480);
    f = new_fork(true, 1);
    fork_set_more(&f, true);
    (void)fork_on_ring_timeout(&f);
    assert_int_equal(fork_add(&f), 1);
    assert_int_equal(fork_on_response(&f, 0, 200), FORK_FORWARD | FORK_CANCEL_REST);
    assert_int_equal(fork_on_ring_timeout(&f), 0);
}

static void nobody_waits_for_the_silent(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_silence(&f), FORK_CANCEL_REST | FORK_NEXT);
    assert_int_equal(fork_next_cancel(&f), -1); /* not before a provisional */
    assert_int_equal(fork_add(&f), 1);
    fork_set_more(&f, false);
    assert_int_equal(fork_on_response(&f, 1, 180), FORK_FORWARD);
    assert_int_equal(fork_on_response(&f, 0, 183), FORK_CANCEL_REST); /* not told */
    assert_int_equal(fork_next_cancel(&f), 0);
    struct fork ringing = f;
    assert_int_equal(fork_on_response(&f, 0, 603), 0); /* it declines for nobody */
    assert_int_equal(fork_on_response(&f, 1, 486), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 486);
    f = ringing;
    assert_int_equal(fork_on_response(&f, 1, 486), FORK_SEND_BEST); /* before its end */
    assert_int_equal(fork_best(&f), 1);
    assert_int_equal(fork_on_response(&f, 0, 487), 0);
    f = ringing;
    assert_int_equal(fork_on_response(&f, 1, 200), FORK_FORWARD | FORK_CANCEL_REST);
    assert_int_equal(fork_on_response(&f, 0, 200), FORK_FORWARD); /* all 2xx are */
    assert_int_equal(fork_on_silence(&f), 0);
}

static void silence_is_a_408_of_its_own(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 2);
    (void)fork_on_response(&f, 0, 180);
    assert_int_equal(fork_on_silence(&f), FORK_CANCEL_REST); /* the one that rings is awaited */
    assert_false(fork_is_over(&f));
    assert_int_equal(fork_on_response(&f, 0, 480), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 480);
    f = new_fork(true, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_cancel(&f), FORK_CANCEL_REST);
    assert_int_equal(fork_on_silence(&f), FORK_CANCEL_REST | FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 408);
    f = new_fork(false, 1);
    assert_int_equal(fork_on_silence(&f), FORK_DROP); /* RFC 4320 4.2 */
    f = new_fork(false, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_silence(&f), FORK_NEXT);
    assert_int_equal(fork_add(&f), 1);
    fork_set_more(&f, false);
    assert_int_equal(fork_on_response(&f, 1, 486), FORK_SEND_BEST);
    assert_int_equal(fork_best(&f), 1);
}

/* D73: whose redirect may be followed. */
static void a_redirect_in_each_state(void **state)
{
    (void)state;
    static const bool can[PRIORS] = {true, true, true, false, false};
    for (enum prior prior = NOTHING; prior < PRIORS; prior++) {
        struct fork f = in_state(true, prior);
        assert_int_equal(fork_can_redirect(&f, 0), can[prior]);
        assert_int_equal(fork_can_redirect(&f, 1), prior != ANSWERED); /* the search is over */
        f = in_state(true, prior);
        (void)fork_on_cancel(&f);
        assert_false(fork_can_redirect(&f, 0));
        f = in_state(true, prior);
        (void)fork_on_response(&f, 1, 603);
        assert_false(fork_can_redirect(&f, 0));
        f = in_state(true, prior);
        fork_set_more(&f, true);
        (void)fork_on_ring_timeout(&f);
        assert_false(fork_can_redirect(&f, 0)); /* others have their turn */
    }
}

/* 16.7 step 4: what was followed is no answer, the targets' are. */
static void a_followed_redirect_speaks_for_nobody(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 2);
    assert_true(fork_is_awaited(&f));
    assert_int_equal(fork_on_redirect(&f, 0, true), FORK_NEXT);
    assert_true(fork_is_awaited(&f) && fork_is_ended(&f, 0));
    assert_int_equal(fork_add(&f), 2);
    assert_int_equal(fork_step(&f), 0);
    assert_int_equal(fork_on_response(&f, 0, 180), 0); /* late */
    assert_int_equal(fork_on_response(&f, 1, 486), 0);
    assert_int_equal(fork_best(&f), 1);
    assert_int_equal(fork_on_response(&f, 2, 404), FORK_SEND_BEST);
    assert_int_equal(fork_best(&f), 1);
    f = new_fork(true, 1);
    assert_int_equal(fork_on_redirect(&f, 0, true), FORK_NEXT);
    assert_false(fork_is_awaited(&f));
    assert_int_equal(fork_add(&f), 1);
    assert_int_equal(fork_on_response(&f, 1, 500), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 500);
}

/* Two that point at each other; a third one's word, whatever it is, is better than nothing. */
static void a_redirect_in_a_circle_means_that_nobody_is_there(void **state)
{
    (void)state;
    static const unsigned others[] = {404, 408, 486, 500, 603};
    struct fork f = new_fork(true, 1);
    assert_int_equal(fork_on_redirect(&f, 0, false), FORK_SEND_BEST);
    assert_int_equal(f.branches[fork_best(&f)].status, 480);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        f = new_fork(true, 2);
        assert_int_equal(fork_on_redirect(&f, 0, false), 0);
        assert_true(fork_on_response(&f, 1, others[i]) & FORK_SEND_BEST);
        assert_int_equal(fork_best(&f), 1);
    }
    f = new_fork(true, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_redirect(&f, 0, false), FORK_NEXT);
}

/* Those that were left have ended before their turn. */
static void nothing_is_left_after_all(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 1);
    fork_set_more(&f, true);
    assert_int_equal(fork_on_response(&f, 0, 486), FORK_NEXT);
    assert_int_equal(fork_step(&f), FORK_NEXT);
    fork_set_more(&f, false);
    assert_int_equal(fork_step(&f), FORK_SEND_BEST);
    assert_int_equal(fork_step(&f), 0);
}

static void early_media_of_one_branch_at_a_time(void **state)
{
    (void)state;
    struct fork f;
    fork_init(&f, true, &(struct fork_policy){.is_media_exclusive = true});
    for (int i = 0; i < 3; i++)
        assert_int_equal(fork_add(&f), i);
    assert_true(fork_is_media_heard(&f, 1));
    assert_false(fork_is_media_heard(&f, 0));
    assert_true(fork_is_media_heard(&f, 1));
    (void)fork_on_response(&f, 1, 486);
    assert_true(fork_is_media_heard(&f, 2));
    assert_false(fork_is_media_heard(&f, 0));
    fork_set_more(&f, true);
    (void)fork_on_ring_timeout(&f);
    assert_int_equal(fork_add(&f), 3);
    assert_true(fork_is_media_heard(&f, 3)); /* who was given up has the ear no more */
    assert_false(fork_is_media_heard(&f, 2));
    f = new_fork(true, 2);
    assert_true(fork_is_media_heard(&f, 0));
    assert_true(fork_is_media_heard(&f, 1));
}

static void nothing_is_best_before_a_failure(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 2);
    assert_int_equal(fork_best(&f), -1);
    (void)fork_on_response(&f, 1, 200);
    assert_int_equal(fork_best(&f), -1);
}

/* RFC 4320 4.2: silence is no answer to a request that is no INVITE. */
static void no_408_for_other_methods(void **state)
{
    (void)state;
    struct fork f = new_fork(false, 2);
    assert_int_equal(fork_on_response(&f, 0, 408), 0);
    assert_int_equal(fork_on_response(&f, 1, 408), FORK_DROP);
    f = new_fork(false, 2);
    (void)fork_on_response(&f, 0, 408);
    assert_int_equal(fork_on_response(&f, 1, 486), FORK_SEND_BEST);
}

/* ---------------------------------------------------------------- CANCEL */

static void a_cancel_waits_for_a_provisional(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 3);
    (void)fork_on_response(&f, 1, 180);
    assert_int_equal(fork_on_cancel(&f), FORK_CANCEL_REST);
    assert_int_equal(fork_next_cancel(&f), 1);
    assert_int_equal(fork_next_cancel(&f), -1);
    assert_true(fork_on_response(&f, 2, 100) & FORK_CANCEL_REST);
    assert_int_equal(fork_next_cancel(&f), 2);
    assert_int_equal(fork_next_cancel(&f), -1);
    assert_int_equal(fork_on_response(&f, 2, 180), FORWARD); /* 16.7 step 5: still told */
    assert_int_equal(fork_next_cancel(&f), -1);
    (void)fork_on_response(&f, 0, 486);
    assert_int_equal(fork_next_cancel(&f), -1);
}

static void a_winner_ends_the_others(void **state)
{
    (void)state;
    struct fork f = new_fork(true, 3);
    (void)fork_on_response(&f, 0, 180);
    (void)fork_on_response(&f, 1, 180);
    assert_int_equal(fork_on_response(&f, 1, 200), FORWARD | CANCEL);
    assert_int_equal(fork_next_cancel(&f), 0);
    assert_int_equal(fork_next_cancel(&f), -1);
    assert_int_equal(fork_on_response(&f, 0, 487), 0);
    assert_int_equal(fork_on_response(&f, 2, 200), FORWARD);
    assert_true(fork_is_over(&f));
    assert_int_equal(fork_on_cancel(&f), 0);
}

/* ---------------------------------------------------------------- any sequence */

struct count {
    unsigned finals, answers, cancels[FORK_BRANCHES_MAX];
    bool has_provisional[FORK_BRANCHES_MAX];
};

static void take_cancels(struct fork *f, struct count *n)
{
    for (int i = fork_next_cancel(f); i >= 0; i = fork_next_cancel(f)) {
        assert_true(n->has_provisional[i]);
        assert_int_equal(n->cancels[i]++, 0);
    }
}

static void take(struct fork *f, struct count *n, unsigned status, unsigned actions)
{
    if (actions & FORK_FORWARD) {
        assert_true(status > 100 && status < 300);
        assert_true(f->is_invite || status >= 200);
        assert_true(status >= 200 || !f->is_finished);
        n->answers += status >= 200;
    }
    if (actions & FORK_SEND_BEST) {
        assert_true(fork_is_over(f) && fork_best(f) >= 0);
        assert_int_equal(n->answers, 0);
    }
    n->finals += (actions & (FORK_SEND_BEST | FORK_DROP)) != 0;
    assert_true(f->is_invite || !(actions & FORK_CANCEL_REST));
    if (actions & FORK_CANCEL_REST)
        take_cancels(f, n);
}

static void hear(struct fork *f, struct count *n, size_t branch, unsigned status)
{
    n->has_provisional[branch] |= status < 200;
    if (status == 300 && f->is_invite && fork_can_redirect(f, branch)) {
        take(f, n, status, fork_on_redirect(f, branch, false));
        return;
    }
    if (status == 301 && f->is_invite && f->n < FORK_BRANCHES_MAX && fork_can_redirect(f, branch)) {
        assert_int_equal(fork_on_redirect(f, branch, true), FORK_NEXT);
        size_t next = f->n;
        assert_int_equal(fork_add(f), next);
        return;
    }
    take(f, n, status, fork_on_response(f, branch, status));
}

static void check_cancelled(const struct fork *f, const struct count *n)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->branches[i].state == FORK_RINGING)
            assert_int_equal(n->cancels[i], 1);
}

static void run_at_random(uint64_t *random)
{
    static const unsigned statuses[] = {100, 180, 183, 200, 202, 300, 301, 302, 401, 404,
                                        407, 408, 480, 484, 486, 487, 500, 503, 600, 603};
    enum { N_STATUSES = sizeof statuses / sizeof *statuses };
    struct count n = {0};
    bool is_invite = mutate_random(random) % 4;
    struct fork f = new_fork(is_invite, 1 + mutate_random(random) % FORK_BRANCHES_MAX);
    for (unsigned steps = mutate_random(random) % 60; steps; steps--) {
        if (is_invite && mutate_random(random) % 16 == 0)
            take(&f, &n, 0, fork_on_cancel(&f));
        if (mutate_random(random) % 32 == 0)
            take(&f, &n, 0, fork_on_silence(&f));
        hear(&f, &n, mutate_random(random) % f.n, statuses[mutate_random(random) % N_STATUSES]);
        if (is_invite && (f.is_cancelled || f.is_answered))
            check_cancelled(&f, &n);
    }
    for (size_t i = 0; i < f.n; i++)
        hear(&f, &n, i, 408);
    assert_true(fork_is_over(&f));
    assert_true(n.finals <= 1);
    assert_true(n.finals + n.answers >= 1);
    assert_true(f.is_invite || n.finals + n.answers == 1);
}

static void any_sequence_ends_well(void **state)
{
    (void)state;
    uint64_t random = 20260101;
    for (int i = 0; i < 50000; i++)
        run_at_random(&random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_in_each_state),
        cmocka_unit_test(the_callers_cancel_in_each_state),
        cmocka_unit_test(the_branches_are_bounded),
        cmocka_unit_test(the_best_of_several),
        cmocka_unit_test(the_last_resort_does_not_speak_for_the_line),
        cmocka_unit_test(the_last_resort_declines_for_itself),
        cmocka_unit_test(the_winner_is_who_answered_first),
        cmocka_unit_test(a_local_decline_speaks_for_its_branch),
        cmocka_unit_test(a_group_fails_and_the_next_has_its_turn),
        cmocka_unit_test(who_has_rung_its_time_is_given_up),
        cmocka_unit_test(nobody_waits_for_the_silent),
        cmocka_unit_test(silence_is_a_408_of_its_own),
        cmocka_unit_test(a_redirect_in_each_state),
        cmocka_unit_test(a_followed_redirect_speaks_for_nobody),
        cmocka_unit_test(a_redirect_in_a_circle_means_that_nobody_is_there),
        cmocka_unit_test(nothing_is_left_after_all),
        cmocka_unit_test(early_media_of_one_branch_at_a_time),
        cmocka_unit_test(nothing_is_best_before_a_failure),
        cmocka_unit_test(no_408_for_other_methods),
        cmocka_unit_test(a_cancel_waits_for_a_provisional),
        cmocka_unit_test(a_winner_ends_the_others),
        cmocka_unit_test(any_sequence_ends_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
