#include "core/fork.h"

#include "base/err.h"

void fork_init(struct fork *f, bool is_invite, const struct fork_policy *policy)
{
    *f = (struct fork){.is_invite = is_invite, .policy = *policy, .winner = -1, .media = -1};
}

int fork_add(struct fork *f)
{
    BUG_ON(f->is_finished);
    if (f->n == FORK_BRANCHES_MAX)
        return -1;
    f->branches[f->n] = (struct fork_branch){0};
    return (int)f->n++;
}

static bool is_ended(const struct fork_branch *b)
{
    return b->state == FORK_ANSWERED || b->state == FORK_FAILED;
}

bool fork_is_ended(const struct fork *f, size_t branch)
{
    BUG_ON(branch >= f->n);
    return is_ended(&f->branches[branch]);
}

uint32_t fork_breadth_left(const struct fork *f, uint32_t breadth, int ending)
{
    uint32_t taken = 0;
    for (size_t i = 0; i < f->n; i++)
        if (!is_ended(&f->branches[i]) && !f->branches[i].is_silent && (int)i != ending)
            taken += f->branches[i].breadth;
    return taken < breadth ? breadth - taken : 0;
}

bool fork_is_over(const struct fork *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!is_ended(&f->branches[i]) && !f->branches[i].is_silent)
            return false;
    return true;
}

bool fork_is_awaited(const struct fork *f)
{
    for (size_t i = 0; i < f->n; i++)
        if (!is_ended(&f->branches[i]) && !f->branches[i].is_given_up)
            return true;
    return false;
}

bool fork_is_open(const struct fork *f)
{
    return !f->is_finished && !f->is_cancelled && !f->is_declined;
}

static unsigned want_cancel(struct fork *f)
{
    for (size_t i = 0; i < f->n && f->is_invite; i++)
        if (!is_ended(&f->branches[i]))
            f->branches[i].is_cancel_wanted = true;
    return f->is_invite ? FORK_CANCEL_REST : 0;
}

static unsigned settle(struct fork *f)
{
    if (f->is_finished)
        return 0;
    if (f->has_more && !f->is_cancelled && !f->is_declined)
        return fork_is_awaited(f) ? 0 : FORK_NEXT;
    if (!fork_is_over(f))
        return 0;
    f->is_finished = true;
    return !f->is_invite && f->branches[fork_best(f)].status == 408 ? FORK_DROP : FORK_SEND_BEST;
}

void fork_set_more(struct fork *f, bool has_more)
{
    f->has_more = has_more;
}

unsigned fork_step(struct fork *f)
{
    return settle(f);
}

unsigned fork_on_ring_timeout(struct fork *f)
{
    if (!f->has_more || !fork_is_open(f))
        return 0;
    for (size_t i = 0; i < f->n; i++)
        f->branches[i].is_given_up = f->branches[i].is_given_up || !is_ended(&f->branches[i]);
    return want_cancel(f) | settle(f);
}

unsigned fork_on_silence(struct fork *f)
{
    for (size_t i = 0; i < f->n && !f->is_finished; i++) {
        struct fork_branch *b = &f->branches[i];
        if (b->state != FORK_TRYING)
            continue;
        b->is_given_up = b->is_silent = true;
        b->status = 408;
    }
    return f->is_finished ? 0 : want_cancel(f) | settle(f);
}

static unsigned on_provisional(struct fork *f, struct fork_branch *b, unsigned status)
{
    unsigned actions = 0;
    if (is_ended(b))
        return 0; /* overtaken by its own final response */
    b->state = FORK_RINGING;
    if (b->is_cancel_wanted && !b->is_cancel_sent)
        actions |= FORK_CANCEL_REST;
    bool is_told = status > 100 && f->is_invite && !f->is_finished && !b->is_silent;
    return actions | (is_told ? FORK_FORWARD : 0);
}

static unsigned on_answer(struct fork *f, struct fork_branch *b, unsigned status)
{
    bool is_first = !f->is_finished;
    b->state = FORK_ANSWERED;
    b->status = status;
    if (!is_first)
        /* Further 2xx of an INVITE are dialogs of their own. After a failure that was told the
         * server transaction takes none any more (RFC 3261 17.2.1). */
        return f->is_invite ? FORK_FORWARD : 0;
    f->is_finished = f->is_answered = true;
    f->winner = (int)(b - f->branches);
    return FORK_FORWARD | want_cancel(f);
}

static unsigned on_failure(struct fork *f, struct fork_branch *b, unsigned status)
{
    unsigned actions = 0;
    if (is_ended(b))
        return 0;
    b->state = FORK_FAILED;
    if (b->is_silent) /* nobody waited for that */
        return 0;
    b->status = b->is_given_up && (status == 487 || status == 408) ? 480 : status;
    if (status >= 600 && !f->policy.is_decline_local && !b->is_last_resort) {
        f->is_declined = true;
        actions |= want_cancel(f);
    }
    return actions | settle(f);
}

unsigned fork_on_response(struct fork *f, size_t branch, unsigned status)
{
    BUG_ON(branch >= f->n);
    struct fork_branch *b = &f->branches[branch];
    if (status < 200)
        return on_provisional(f, b, status);
    return status < 300 ? on_answer(f, b, status) : on_failure(f, b, status);
}

bool fork_can_redirect(const struct fork *f, size_t branch)
{
    return fork_is_open(f) && !fork_is_ended(f, branch) && !f->branches[branch].is_given_up;
}

unsigned fork_on_redirect(struct fork *f, size_t branch, bool has_new)
{
    BUG_ON(!fork_can_redirect(f, branch));
    struct fork_branch *b = &f->branches[branch];
    b->state = FORK_FAILED;
    b->status = 480;
    b->is_followed = true;
    return has_new ? FORK_NEXT : settle(f);
}

bool fork_is_media_heard(struct fork *f, size_t branch)
{
    BUG_ON(branch >= f->n);
    if (!f->policy.is_media_exclusive)
        return true;
    const struct fork_branch *heard = f->media < 0 ? NULL : &f->branches[f->media];
    if ((!heard || is_ended(heard) || heard->is_given_up) && !f->branches[branch].is_given_up)
        f->media = (int)branch;
    return f->media == (int)branch;
}

unsigned fork_on_cancel(struct fork *f)
{
    if (f->is_finished || f->is_cancelled)
        return 0;
    f->is_cancelled = true;
    return want_cancel(f);
}

int fork_next_cancel(struct fork *f)
{
    for (size_t i = 0; i < f->n; i++) {
        struct fork_branch *b = &f->branches[i];
        if (b->state != FORK_RINGING || !b->is_cancel_wanted || b->is_cancel_sent)
            continue;
        b->is_cancel_sent = true;
        return (int)i;
    }
    return -1;
}

/* Smaller is better. */
static unsigned rank(const struct fork *f, const struct fork_branch *b)
{
    static const unsigned preferred[] = {401, 407, 415, 420, 484};
    unsigned status = b->status;
    if (b->is_last_resort && status >= 400)
        return 700;
    if (b->is_followed)
        return 600;
    if (status >= 600)
        return f->policy.is_decline_local ? 401 : 0;
    for (size_t i = 0; i < sizeof preferred / sizeof *preferred; i++)
        if (status == preferred[i])
            return 400;
    /* Silence, and a flow that is gone, say less than any answer of their class; a cancelled branch
     * says nothing. */
    if (status == 408 || status == 430 || status == 487)
        return 498;
    return status / 100 * 100 + 1;
}

int fork_best(const struct fork *f)
{
    int best = -1;
    for (size_t i = 0; i < f->n; i++) {
        if (f->branches[i].state != FORK_FAILED && !f->branches[i].is_silent)
            continue;
        if (best < 0 || rank(f, &f->branches[i]) < rank(f, &f->branches[best]))
            best = (int)i;
    }
    return best;
}
