#include "service/turn.h"

#include "net/loop.h"

/* Ours comes first: strangers, of whom there is always one more, must not keep it waiting. */
static void give_own_turn(struct leg *l)
{
    struct reg *r = l->is_retry_next ? l->retry : NULL;
    if (!r || l->busy)
        return;
    loop_timer_stop(l->context->loop, &r->patience);
    l->on_retry(r);
}

/* The next one that waits is decided anew: the record may have changed. */
static void give_turn(struct leg *l)
{
    leg_join(l); /* resume may end the last user */
    give_own_turn(l);
    while (!l->busy && !list_is_empty(&l->waiting)) {
        struct reg *r = container_of(list_pop(&l->waiting), struct reg, link);
        list_add(&l->context->regs, &r->link);
        l->n_waiting--;
        loop_timer_stop(l->context->loop, &r->patience);
        r->leg = NULL;
        leg_leave(l);
        l->resume(r);
    }
    leg_leave(l);
}

void turn_unblock(struct reg *r)
{
    struct leg *l = r->leg;
    if (!l || l->busy != r)
        return;
    l->busy = NULL;
    give_turn(l);
}

void turn_leave(struct reg *r)
{
    struct leg *l = r->leg;
    if (!l)
        return;
    leg_join(l);
    turn_unblock(r);
    r->leg = NULL;
    leg_leave(l);
    leg_leave(l);
}

static void on_held_too_long(void *arg)
{
    struct reg *r = arg;
    struct leg *l = r->leg;
    list_del(&r->link);
    list_add(&r->context->regs, &r->link);
    l->n_waiting--;
    r->leg = NULL;
    leg_leave(l);
    reg_decided(r, REASON_HELD_TOO_LONG, 503);
    reg_refuse(r, REASON_HELD_TOO_LONG, 503);
    reg_free_if_done(r);
}

static bool is_source_waiting(const struct leg *l, const struct reg *r)
{
    list_each (it, &l->waiting) {
        const struct reg *other = container_of(it, struct reg, link);
        if (binding_is_same_way(&other->v.view.way, &r->v.view.way))
            return true;
    }
    return false;
}

void turn_wait(struct leg *l, struct reg *r)
{
    if (!l || l->n_waiting >= LEG_WAITING_MAX || is_source_waiting(l, r)) {
        reg_decided(r, REASON_QUEUE_FULL, 503);
        reg_refuse(r, REASON_QUEUE_FULL, 503);
        return;
    }
    list_del(&r->link);
    list_add(&l->waiting, &r->link);
    l->n_waiting++;
    r->leg = l;
    leg_join(l);
    wheel_timer_init(&r->patience, on_held_too_long, r);
    loop_timer_start(r->context->loop, &r->patience, TURN_MS);
}
