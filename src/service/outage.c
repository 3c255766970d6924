#include "service/outage.h"

#include "base/log.h"
#include "base/sys.h"
#include "service/alarm.h"
#include "service/lifecycle.h"
#include "service/shield.h"

/* Between two trials of an outage. Whoever cannot be served without upstream has it more seldom:
 * anybody may send such a REGISTER. */
static const uint32_t trial_s[] = {[OUTAGE_TRIAL_SERVED] = 25, [OUTAGE_TRIAL_REFUSED] = 60};

/* Probes without an answer, in a row, that a REGISTER with one disproves. */
enum { SILENT_MANY = 2 };

static struct health health_of(const struct shield *s)
{
    return health_unpack(atomic_load_explicit(&s->health, memory_order_relaxed));
}

/* round:32, workers that are through:32 */
static uint64_t ready_word(uint64_t round, uint32_t n)
{
    return round << 32 | n;
}

/* ---------------------------------------------------------------- changes */

/* The workers that are through begin to be counted before any of them can know of the new round. */
static void count_change(struct shield *s, enum health_state from, enum health_state to)
{
    uint64_t now_s = sys_service_s();
    uint64_t since_s = atomic_exchange(&s->state_since_s, now_s);
    if (now_s > since_s)
        atomic_fetch_add(&s->spent_s[from], now_s - since_s);
    if (to == HEALTH_RESYNC)
        atomic_store(&s->recovered, ready_word(atomic_load(&s->n_changes[to]) + 1, 0));
    atomic_fetch_add(&s->n_changes[to], 1);
}

static void tell_change(struct context *c, const struct conf_upstream *u, struct health from,
                        struct health to, const char *why)
{
    const char *names[] = {health_word(from.state), health_word(to.state)};
    count_change(u->shield, from.state, to.state);
    lifecycle_on_upstream(c->lifecycle, u->name, names, why);
    if (to.state == HEALTH_DOWN || to.state == HEALTH_DEGRADED)
        log_warn("upstream \"%s\": %s -> %s: %s, %u in a row", u->name, names[0], names[1], why,
                 to.n);
    else
        log_info("upstream \"%s\": %s -> %s: %s", u->name, names[0], names[1], why);
    if (to.state == HEALTH_DOWN) {
        atomic_store(&u->shield->tried_s[OUTAGE_TRIAL_SERVED], sys_service_s());
        atomic_store(&u->shield->tried_s[OUTAGE_TRIAL_REFUSED], sys_service_s());
        if (!to.is_held)
            (void)alarm_raise(c->alarms, ALARM_UPSTREAM_DOWN, u->name, sys_service_s());
    }
}

/* Whose exchange it is that changes the state, tells of it. While all is well nothing is written:
 * the word is shared. */
static bool change(const struct conf_upstream *u, enum health_event e, struct health *from,
                   struct health *to)
{
    uint64_t now_s = sys_service_s();
    uint64_t word = atomic_load_explicit(&u->shield->health, memory_order_relaxed), next;
    do {
        *from = health_unpack(word);
        *to = health_step(*from, e, now_s);
        next = health_pack(*to);
    } while (next != word && !atomic_compare_exchange_weak(&u->shield->health, &word, next));
    return from->state != to->state;
}

/* Whoever answers REGISTERs and not OPTIONS has them filtered, or has never known them. */
static void weigh_probes(const struct conf_upstream *u, enum health_event e)
{
    struct shield *s = u->shield;
    if (e == HEALTH_PROBE_ANSWERED) {
        atomic_store(&s->n_probes_silent, 0);
        atomic_store(&s->is_believed, true);
    } else if (e == HEALTH_PROBE_FAILED) {
        atomic_fetch_add(&s->n_probes_silent, 1);
    } else if (e == HEALTH_ANSWERED &&
               atomic_load_explicit(&s->n_probes_silent, memory_order_relaxed) >= SILENT_MANY &&
               atomic_exchange(&s->is_believed, false)) {
        log_warn("upstream \"%s\": it answers REGISTERs, but not OPTIONS: those do not count until "
                 "it answers them again",
                 u->name);
    }
}

static bool counts(const struct conf_upstream *u, enum health_event e)
{
    return e != HEALTH_PROBE_FAILED || atomic_load(&u->shield->is_believed);
}

void outage_note(struct context *c, const struct conf_upstream *u, enum health_event e)
{
    struct health from, to;
    if (!u->shield || !u->probe_interval_s)
        return;
    weigh_probes(u, e);
    if (!counts(u, e))
        return;
    if (change(u, e, &from, &to))
        tell_change(c, u, from, to, health_event_word(e));
    else if (to.is_held)
        (void)alarm_raise(c->alarms, ALARM_UPSTREAM_DRAINED, u->name, sys_service_s());
    else if (to.state == HEALTH_DOWN && to.is_bad)
        (void)alarm_raise(c->alarms, ALARM_UPSTREAM_DOWN, u->name, sys_service_s());
    if (to.state == HEALTH_DOWN)
        return;
    (void)alarm_disprove(c->alarms, ALARM_UPSTREAM_DOWN, u->name, sys_service_s());
    (void)alarm_disprove(c->alarms, ALARM_UPSTREAM_DRAINED, u->name, sys_service_s());
}

void outage_on_register(struct context *c, const struct conf_upstream *u, unsigned status)
{
    bool is_busy = status == 408 || (status >= 502 && status <= 504); /* who is beyond is silent */
    outage_note(c, u, status == 0 ? HEALTH_SILENT : is_busy ? HEALTH_BUSY : HEALTH_ANSWERED);
}

static bool is_trial_due(const struct conf_upstream *u, enum outage_trial what, uint64_t last_s)
{
    return outage_is_down(u) && !outage_is_held(u->shield) && shield_may_send(u->shield) &&
           sys_service_s() >= last_s + trial_s[what] && !shield_is_pausing(u, sys_now_ms());
}

bool outage_can_try(const struct conf_upstream *u, enum outage_trial what)
{
    return is_trial_due(u, what, atomic_load(&u->shield->tried_s[what]));
}

bool outage_take_trial(const struct conf_upstream *u, enum outage_trial what)
{
    uint64_t last_s = atomic_load(&u->shield->tried_s[what]);
    return is_trial_due(u, what, last_s) &&
           atomic_compare_exchange_strong(&u->shield->tried_s[what], &last_s, sys_service_s());
}

uint64_t outage_round(const struct conf_upstream *u)
{
    return atomic_load(&u->shield->n_changes[HEALTH_RESYNC]);
}

void outage_on_recovered(struct context *c, const struct conf_upstream *u, uint64_t round)
{
    uint64_t word = atomic_load(&u->shield->recovered);
    uint32_t n;
    do {
        n = (uint32_t)word + 1;
        if (word >> 32 != (uint32_t)round)
            return;
    } while (!atomic_compare_exchange_weak(&u->shield->recovered, &word, ready_word(round, n)));
    if (n == c->n_workers)
        outage_note(c, u, HEALTH_RESYNCED);
}

void outage_add_left(struct shield *s, int64_t n)
{
    if (n)
        atomic_fetch_add(&s->n_left, n);
}

bool outage_is_held(const struct shield *s)
{
    return health_of(s).is_held;
}

void outage_hold(struct context *c, const struct conf_upstream *u)
{
    struct health from, to;
    if (!u->shield || !u->probe_interval_s)
        return;
    bool is_turned = change(u, HEALTH_HELD, &from, &to);
    if (from.is_held)
        return;
    (void)alarm_end(c->alarms, ALARM_UPSTREAM_DOWN, u->name);
    (void)alarm_raise(c->alarms, ALARM_UPSTREAM_DRAINED, u->name, sys_service_s());
    if (is_turned)
        tell_change(c, u, from, to, health_event_word(HEALTH_HELD));
}

void outage_release(struct context *c, const struct conf_upstream *u)
{
    struct health from, to;
    if (!u->shield || !change(u, HEALTH_RELEASED, &from, &to))
        return;
    (void)alarm_end(c->alarms, ALARM_UPSTREAM_DRAINED, u->name);
    tell_change(c, u, from, to, health_event_word(HEALTH_RELEASED));
}

void outage_forget(struct context *c, const struct conf_upstream *u)
{
    uint64_t word = u->shield ? atomic_exchange(&u->shield->health, 0) : 0;
    struct health from = health_unpack(word), up = {.state = HEALTH_UP};
    if (from.state != HEALTH_UP)
        tell_change(c, u, from, up, "it is not probed any more");
    if (!u->shield)
        return;
    (void)alarm_end(c->alarms, ALARM_UPSTREAM_DOWN, u->name);
    if (!from.is_held)
        return;
    (void)alarm_end(c->alarms, ALARM_UPSTREAM_DRAINED, u->name);
    log_warn("upstream \"%s\": the drain is over, as it is not probed any more", u->name);
}

/* ---------------------------------------------------------------- looking */

enum health_state outage_state(const struct conf_upstream *u)
{
    return u->shield ? health_of(u->shield).state : HEALTH_UP;
}

bool outage_is_down(const struct conf_upstream *u)
{
    return outage_state(u) == HEALTH_DOWN || (u->shield && !shield_may_send(u->shield));
}

bool outage_serves(const struct conf_upstream *u)
{
    enum health_state s = outage_state(u);
    return s == HEALTH_RESYNC || outage_is_down(u);
}

bool outage_is_open(const struct conf_upstream *u)
{
    return u->shield && health_is_open(health_of(u->shield));
}

uint64_t outage_since_s(const struct shield *s)
{
    return atomic_load(&s->state_since_s);
}

uint64_t outage_spent_s(const struct shield *s, enum health_state state, uint64_t now_s)
{
    uint64_t spent_s = atomic_load(&s->spent_s[state]), since_s = outage_since_s(s);
    if (health_of(s).state == state && now_s > since_s)
        spent_s += now_s - since_s;
    return spent_s;
}
