#include "service/pacer.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/sys.h"
#include "core/commit.h"
#include "core/expiry.h"
#include "net/loop.h"
#include "service/leg.h"
#include "service/outage.h"
#include "service/regreply.h"
#include "service/shield.h"
#include "service/turn.h"

/* Of ours in one class; a phone's REGISTERs in one class, whatever the pace. */
enum { OWN_MAX = 256, PHONES_MAX = 4096, RETRY_LINE = 32 };

/* Those of one loop turn, which has one scratch arena. */
enum { TURN_MOST = 32 };

/* The clock of timers is some milliseconds late, a busy worker later; turns that were to be had
 * meanwhile are made up for, those of this time at most. */
enum { LATE_US = 50000 };

/* Less is left than this, or half of the time that was meant for refreshing: it is urgent. */
enum { DYING_S = 64 };

struct line {
    struct list regs;
    unsigned n, n_own;
};

struct queue {
    struct queue *next;
    struct pacer *pacer;
    struct shield *shield;
    struct conf_upstream upstream; /* only name, pace and shield: of the last that came */
    struct line lines[PACE_CLASSES];
    unsigned n;
    struct wheel_timer timer;
    uint64_t due_us; /* when the next turn is to be had; n > 0 */
    bool has_turn;   /* taken for the one that is resumed now */
};

struct pacer {
    struct context *context;
    struct pacer_calls calls;
    struct queue *first;
};

/* ---------------------------------------------------------------- life */

int pacer_new(struct context *c, const struct pacer_calls *calls, struct pacer **out)
{
    struct pacer *p = calloc(1, sizeof *p);
    if (!p)
        return ERR_NOMEM;
    p->context = c;
    p->calls = *calls;
    *out = p;
    return 0;
}

static void drop(struct queue *q)
{
    struct context *c = q->pacer->context;
    loop_timer_stop(c->loop, &q->timer);
    for (int k = 0; k < PACE_CLASSES; k++)
        list_splice(&c->regs, &q->lines[k].regs);
    atomic_fetch_sub(&q->shield->n_waiting, q->n);
    free(q);
}

void pacer_free(struct pacer *p)
{
    if (!p)
        return;
    for (struct queue *q = p->first, *next; q; q = next) {
        next = q->next;
        drop(q);
    }
    free(p);
}

static struct queue *find(const struct pacer *p, const struct conf_upstream *u)
{
    struct queue *q = p->first;
    while (q && q->shield != u->shield)
        q = q->next;
    return q;
}

static void on_time(void *arg);

static struct queue *get(struct pacer *p, const struct conf_upstream *u)
{
    struct queue *q = find(p, u);
    if (q || !(q = calloc(1, sizeof *q)))
        return q;
    q->pacer = p;
    q->shield = u->shield;
    for (int k = 0; k < PACE_CLASSES; k++)
        list_init(&q->lines[k].regs);
    wheel_timer_init(&q->timer, on_time, q);
    q->next = p->first;
    p->first = q;
    return q;
}

/* ---------------------------------------------------------------- rights */

/* Upstream drops it soon, as measured by the time that was meant for refreshing it. */
static bool is_dying(const struct aor_record *r, const struct upreg *u, uint64_t now_s)
{
    uint64_t by_s = expiry_refresh_by_s(r, u);
    uint64_t left_s = u->dead_at_s > now_s ? u->dead_at_s - now_s : 0;
    uint64_t meant_s = u->dead_at_s > by_s ? u->dead_at_s - by_s : 0;
    return left_s < DYING_S || left_s < meant_s / 2;
}

enum pace_class pacer_class(const struct absorb_input *in, const struct verdict *v)
{
    const struct aor_record *r = in->now_state;
    const struct upreg *u;
    switch (v->reason) {
    case REASON_UPSTREAM_DUE:
        u = absorb_upreg(in);
        return u && is_dying(r, u, in->now_s) ? PACE_DYING : PACE_DUE;
    case REASON_REPROOF:
    case REASON_MOVED:
    case REASON_UPSTREAM_PENDING:
        return PACE_DUE;
    default:
        return r->n_bindings || r->n_upregs ? PACE_KNOWN : PACE_NEW;
    }
}

enum pace_class pacer_class_own(const struct upreg *u, enum forward_as as, uint64_t now_s)
{
    if (as == FORWARD_REMOVAL)
        return PACE_LEAVING;
    return u->dead_at_s < now_s + DYING_S ? PACE_DYING : PACE_DUE;
}

/* ---------------------------------------------------------------- turns */

/* Nobody is overtaken by one with no better right. */
static bool is_behind(const struct queue *q, enum pace_class k)
{
    for (int i = 0; i <= (int)k; i++)
        if (q->lines[i].n)
            return true;
    return false;
}

bool pacer_can(const struct context *c, const struct conf_upstream *u, enum pace_class k)
{
    const struct queue *q = find(c->pacer, u);
    if (!u->shield || (q && q->has_turn))
        return true;
    return !(q && is_behind(q, k)) && shield_wait_ms(u, k, loop_now_ms(c->loop)) == 0;
}

bool pacer_take(struct context *c, const struct conf_upstream *u, enum pace_class k)
{
    struct queue *q = find(c->pacer, u);
    bool has_turn = !u->shield || (q && q->has_turn);
    if (q)
        q->has_turn = false;
    if (!has_turn)
        has_turn = !(q && is_behind(q, k)) && shield_take(u, k, loop_now_ms(c->loop));
    return has_turn;
}

/* ---------------------------------------------------------------- waiting */

static void count_in(struct queue *q, struct reg *r, enum pace_class k)
{
    list_del(&r->link);
    list_add(&q->lines[k].regs, &r->link);
    q->lines[k].n++;
    q->lines[k].n_own += r->is_own;
    q->n++;
    r->queue = q;
    r->pace_class = k;
    r->waits_since_ms = loop_now_ms(r->context->loop);
    atomic_fetch_add(&q->shield->n_waiting, 1);
    shield_count(&q->upstream, SHIELD_WAITED, 1);
}

static void count_out(struct queue *q, struct reg *r)
{
    struct context *c = r->context;
    list_del(&r->link);
    list_add(&c->regs, &r->link);
    r->queue = NULL;
    q->lines[r->pace_class].n--;
    q->lines[r->pace_class].n_own -= r->is_own;
    q->n--;
    loop_timer_stop(c->loop, &r->patience);
    atomic_fetch_sub(&q->shield->n_waiting, 1);
    shield_count(&q->upstream, SHIELD_WAITED_MS, loop_now_ms(c->loop) - r->waits_since_ms);
}

static uint64_t now_us(const struct queue *q)
{
    return loop_now_ms(q->pacer->context->loop) * 1000;
}

/* The first one that could go, by right or by the share of its class; else how long until then. */
static struct reg *next_of(const struct queue *q, uint64_t at_us, uint64_t *wait_us)
{
    *wait_us = UINT64_MAX;
    for (int k = 0; k < PACE_CLASSES; k++) {
        if (q->lines[k].n == 0)
            continue;
        uint64_t us = shield_wait_us(&q->upstream, (enum pace_class)k, at_us);
        *wait_us = us < *wait_us ? us : *wait_us;
        if (us == 0)
            return container_of(q->lines[k].regs.next, struct reg, link);
    }
    return NULL;
}

static void resume_own(struct reg *r)
{
    struct context *c = r->context;
    struct str aor = str_dup(&c->scratch, r->v.view.aor);
    r->leg->retry = NULL;
    turn_leave(r);
    reg_free_if_done(r);
    if (!str_is_none(aor))
        c->pacer->calls.look(c, aor, true);
}

static void resume(struct queue *q, struct reg *r)
{
    count_out(q, r);
    q->has_turn = true;
    if (r->is_own)
        resume_own(r);
    else
        q->pacer->calls.resume(r);
    if (q->has_turn) /* it was not needed after all */
        shield_give_back(&q->upstream);
    q->has_turn = false;
}

static void arm(struct queue *q, uint64_t due_us)
{
    uint64_t us = now_us(q);
    q->due_us = due_us;
    if (q->n)
        loop_timer_start(q->pacer->context->loop, &q->timer,
                         due_us > us ? (due_us - us + 999) / 1000 : 0);
}

/* One more waits, and it may have a better right than those that do already. */
static void arm_for_one(struct queue *q)
{
    uint64_t wait_us;
    (void)next_of(q, now_us(q), &wait_us);
    uint64_t due_us = now_us(q) + wait_us;
    arm(q, q->n > 1 && q->due_us < due_us ? q->due_us : due_us);
}

static void on_time(void *arg)
{
    struct queue *q = arg;
    uint64_t end_us = now_us(q), wait_us = 0;
    uint64_t at_us = q->due_us + LATE_US > end_us ? q->due_us : end_us - LATE_US;
    for (int n = 0; n < TURN_MOST && q->n && at_us <= end_us; n++) {
        struct reg *r = next_of(q, at_us, &wait_us);
        if (!r)
            at_us += wait_us;
        else if (shield_take_us(&q->upstream, r->pace_class, at_us))
            resume(q, r);
    }
    arm(q, at_us);
}

static void refuse(struct reg *r)
{
    struct context *c = r->context;
    uint64_t draw;
    sys_random(&draw, sizeof draw);
    uint32_t s = shield_refuse(r->v.domain->upstream, draw, loop_now_ms(c->loop));
    struct buf line = buf_in(&c->scratch, RETRY_LINE);
    buf_addf(&line, "Retry-After: %u\r\n", s);
    reg_decided(r, REASON_PACED, 503);
    reg_answer(r, &(struct build_reply){.status = 503, .headers = buf_str(&line)});
}

static void on_patience(void *arg)
{
    struct reg *r = arg;
    const struct pacer *p = r->queue->pacer;
    count_out(r->queue, r);
    if (!r->is_own && outage_is_down(r->v.domain->upstream))
        p->calls.resume(r); /* what has the right to it is served without a turn now */
    else
        refuse(r);
    reg_free_if_done(r);
}

/* Those of no lesser right are served first; what comes meanwhile is not foreseen. */
static bool is_in_time(const struct queue *q, enum pace_class k)
{
    struct pace p = pace_of(&q->upstream.pace, atomic_load(&q->shield->ceiling));
    uint64_t n = 0;
    for (int i = 0; i <= (int)k; i++)
        n += q->lines[i].n;
    uint64_t wait_ms = shield_wait_ms(&q->upstream, k, loop_now_ms(q->pacer->context->loop));
    return wait_ms + n * p.step_us / 1000 < TURN_MS && q->lines[k].n < PHONES_MAX;
}

static struct queue *queue_of(struct reg *r)
{
    const struct conf_upstream *u = r->v.domain->upstream;
    struct queue *q = get(r->context->pacer, u);
    if (q)
        q->upstream = (struct conf_upstream){.pace = u->pace, .shield = u->shield};
    return q;
}

void pacer_wait(struct reg *r, enum pace_class k)
{
    struct queue *q = queue_of(r);
    if (!q || !is_in_time(q, k)) {
        refuse(r);
        return;
    }
    count_in(q, r, k);
    wheel_timer_init(&r->patience, on_patience, r);
    loop_timer_start(r->context->loop, &r->patience, TURN_MS);
    arm_for_one(q);
}

bool pacer_wait_own(struct reg *r, enum pace_class k)
{
    struct queue *q = queue_of(r);
    if (!q || q->lines[k].n_own >= OWN_MAX)
        return false;
    count_in(q, r, k);
    wheel_timer_init(&r->patience, on_patience, r);
    r->leg->retry = r;
    r->leg->is_retry_next = false;
    arm_for_one(q);
    return true;
}

bool pacer_has_room(const struct context *c, const struct conf_upstream *u)
{
    const struct queue *q = find(c->pacer, u);
    for (int k = 0; q && k < PACE_CLASSES; k++)
        if (q->lines[k].n_own >= OWN_MAX / 2)
            return false;
    return true;
}
