#include "net/wheel.h"

#include "base/err.h"

/* A tick number is read as digits of WHEEL_BITS bits. A timer lies in the level of the highest
 * digit in which its tick and the wheel's differ, in the slot of its own digit. So every slot of a
 * level lies ahead of the wheel's digit there, and whatever lies in a lower level comes first. The
 * top level alone is a ring: digits at or behind the wheel's mean its next round. */
enum { DIGIT_MASK = WHEEL_SLOTS - 1, TOP = WHEEL_LEVELS - 1, TOP_SHIFT = TOP * WHEEL_BITS };

/* The farthest tick ahead whose top digit still differs from the wheel's. */
static const uint64_t reach = (uint64_t)DIGIT_MASK << TOP_SHIFT;

static unsigned digit_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * WHEEL_BITS)) & DIGIT_MASK;
}

/* Rounded up: a timer may be late, never early. */
static uint64_t tick_of(uint64_t due_ms)
{
    return due_ms / WHEEL_TICK_MS + (due_ms % WHEEL_TICK_MS != 0);
}

void wheel_init(struct wheel *w, uint64_t now_ms)
{
    *w = (struct wheel){.tick = now_ms / WHEEL_TICK_MS};
    for (int level = 0; level < WHEEL_LEVELS; level++)
        for (int i = 0; i < WHEEL_SLOTS; i++)
            list_init(&w->slots[level][i]);
}

void wheel_timer_init(struct wheel_timer *t, wheel_fn *fn, void *arg)
{
    *t = (struct wheel_timer){.fn = fn, .arg = arg};
    list_init(&t->node);
}

static unsigned level_of(const struct wheel *w, uint64_t tick)
{
    uint64_t differs = tick ^ w->tick;
    if (differs < WHEEL_SLOTS)
        return 0;
    unsigned level = (unsigned)(63 - __builtin_clzll(differs)) / WHEEL_BITS;
    return level < TOP ? level : TOP;
}

/* The earliest time whose tick is at or behind the start of the slot that holds `tick`. */
static uint64_t slot_time(uint64_t tick, unsigned level)
{
    uint64_t start = tick >> (level * WHEEL_BITS) << (level * WHEEL_BITS);
    return start ? (start - 1) * WHEEL_TICK_MS + 1 : 0;
}

static void file(struct wheel *w, struct wheel_timer *t)
{
    uint64_t tick = tick_of(t->due_ms);
    if (tick < w->tick)
        tick = w->tick;
    if (tick - w->tick > reach)
        tick = w->tick + reach;
    unsigned level = level_of(w, tick);
    unsigned digit = digit_of(tick, level);
    t->slot_ms = slot_time(tick, level);
    list_add(&w->slots[level][digit], &t->node);
    w->used[level] |= 1ull << digit;
}

/* The bit goes with the slot's last timer. One that is about to fire is in no slot. */
static void unfile(struct wheel *w, struct wheel_timer *t)
{
    struct list *neighbour = t->node.next;
    list_del(&t->node);
    uintptr_t offset = (uintptr_t)neighbour - (uintptr_t)w->slots;
    if (offset < sizeof w->slots && list_is_empty(neighbour)) {
        size_t slot = offset / sizeof(struct list);
        w->used[slot / WHEEL_SLOTS] &= ~(1ull << slot % WHEEL_SLOTS);
    }
}

void wheel_start(struct wheel *w, struct wheel_timer *t, uint64_t due_ms)
{
    bool was_armed = t->is_armed;
    t->due_ms = due_ms;
    t->is_armed = true;
    if (!was_armed) {
        w->n++;
    } else {
        if (due_ms >= t->slot_ms && tick_of(due_ms) > w->tick)
            return; /* where it lies is early enough */
        unfile(w, t);
    }
    file(w, t);
}

void wheel_stop(struct wheel *w, struct wheel_timer *t)
{
    if (!t->is_armed)
        return;
    unfile(w, t);
    t->is_armed = false;
    w->n--;
}

/* The top level's next used slot begins here; its bits are turned so that the wheel's own digit
 * comes last, a whole round away. */
static uint64_t next_at_top(const struct wheel *w)
{
    unsigned from = (digit_of(w->tick, TOP) + 1) & DIGIT_MASK;
    uint64_t bits = w->used[TOP];
    uint64_t turned = from ? bits >> from | bits << (WHEEL_SLOTS - from) : bits;
    uint64_t steps = (uint64_t)__builtin_ctzll(turned) + 1;
    return ((w->tick >> TOP_SHIFT) + steps) << TOP_SHIFT;
}

/* The first tick, from the wheel's own on, at which a used slot begins; false: none is used. */
static bool find_next(const struct wheel *w, unsigned *level, uint64_t *tick)
{
    for (*level = 0; *level < TOP; ++*level) {
        unsigned digit = digit_of(w->tick, *level);
        unsigned shift = *level * WHEEL_BITS;
        uint64_t ahead = w->used[*level] >> digit;
        if (ahead) {
            uint64_t steps = (uint64_t)__builtin_ctzll(ahead);
            *tick = *level ? ((w->tick >> shift) + steps) << shift : w->tick + steps;
            return true;
        }
    }
    if (!w->used[TOP])
        return false;
    *tick = next_at_top(w);
    return true;
}

/* Empties a slot that begins at the wheel's tick: what is due goes to `due`, the rest nearer. */
static void empty_slot(struct wheel *w, unsigned level, struct list *due)
{
    struct list timers;
    list_init(&timers);
    unsigned digit = digit_of(w->tick, level);
    list_splice(&timers, &w->slots[level][digit]);
    w->used[level] &= ~(1ull << digit);
    struct list *node;
    while ((node = list_pop(&timers))) {
        struct wheel_timer *t = container_of(node, struct wheel_timer, node);
        if (tick_of(t->due_ms) <= w->tick)
            list_add(due, node);
        else
            file(w, t);
    }
}

/* Turns the wheel, from used slot to used slot: empty time costs nothing. */
static void turn(struct wheel *w, uint64_t to, struct list *due)
{
    unsigned level;
    uint64_t tick;
    while (find_next(w, &level, &tick) && tick <= to) {
        w->tick = tick;
        empty_slot(w, level, due);
    }
    w->tick = to;
}

size_t wheel_advance(struct wheel *w, uint64_t now_ms)
{
    uint64_t to = now_ms / WHEEL_TICK_MS;
    if (to < w->tick)
        return 0;
    struct list due;
    list_init(&due);
    turn(w, to, &due);
    size_t n_fired = 0;
    struct list *node;
    while ((node = list_pop(&due))) {
        struct wheel_timer *t = container_of(node, struct wheel_timer, node);
        if (tick_of(t->due_ms) > w->tick) { /* re-armed by one that fired before it */
            file(w, t);
            continue;
        }
        t->is_armed = false;
        w->n--;
        n_fired++;
        t->fn(t->arg);
    }
    return n_fired;
}

uint64_t wheel_wait_ms(const struct wheel *w, uint64_t now_ms)
{
    unsigned level;
    uint64_t tick;
    if (!find_next(w, &level, &tick))
        return UINT64_MAX;
    uint64_t at_ms = tick * WHEEL_TICK_MS;
    return at_ms > now_ms ? at_ms - now_ms : 0;
}
