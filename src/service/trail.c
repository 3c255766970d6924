#include "service/trail.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"

enum { SETS = 8192, WORDS = sizeof(struct trail_entry) / sizeof(uint64_t) };

_Static_assert(sizeof(struct trail_entry) % sizeof(uint64_t) == 0, "whole words");

/* A slot is being written while its sequence is odd. The words are atomics, so that who reads them
 * meanwhile reads nonsense at worst, and the sequence tells. */
struct slot {
    _Atomic uint64_t sequence;
    _Atomic uint64_t words[WORDS];
};

/* Once more of all slots together, so that one look finds whose they are, and the oldest. Only the
 * worker reads them. */
struct set {
    uint64_t hashes[TRAIL_WAYS], orders[TRAIL_WAYS];
    struct slot slots[TRAIL_WAYS];
};

struct trail {
    uint64_t order; /* of the last decision */
    struct set sets[SETS];
};

int trail_new(struct trail **out)
{
    struct trail *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    *out = t;
    return 0;
}

void trail_free(struct trail *t)
{
    free(t);
}

/* ---------------------------------------------------------------- one slot */

static void put(struct slot *s, const struct trail_entry *e)
{
    uint64_t words[WORDS];
    uint64_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);
    memcpy(words, e, sizeof words);
    atomic_store_explicit(&s->sequence, sequence + 1, memory_order_relaxed);
    for (size_t i = 0; i < WORDS; i++)
        atomic_store_explicit(&s->words[i], words[i], memory_order_release);
    atomic_store_explicit(&s->sequence, sequence + 2, memory_order_release);
}

static void copy(const struct slot *s, struct trail_entry *out)
{
    uint64_t words[WORDS] = {0};
    for (size_t i = 0; i < WORDS; i++)
        words[i] = atomic_load_explicit(&s->words[i], memory_order_acquire);
    memcpy(out, words, sizeof words);
}

/* False: it was being written all the time. */
static bool get(const struct slot *s, struct trail_entry *out)
{
    for (int i = 0; i < 100; i++) {
        uint64_t before = atomic_load_explicit(&s->sequence, memory_order_acquire);
        copy(s, out);
        uint64_t after = atomic_load_explicit(&s->sequence, memory_order_relaxed);
        if (before == after && before % 2 == 0)
            return true;
    }
    return false;
}

/* ---------------------------------------------------------------- noting */

/* The worker's own thread wrote it: nobody is in between. */
static uint64_t word_of(const struct slot *s, size_t offset)
{
    return atomic_load_explicit(&s->words[offset / sizeof(uint64_t)], memory_order_relaxed);
}

#define WORD(s, field) word_of(s, offsetof(struct trail_entry, field))

/* A half of one. */
static uint32_t half_of(const struct slot *s, size_t offset)
{
    const uint64_t word = word_of(s, offset);
    uint32_t half;
    memcpy(&half, (const char *)&word + offset % sizeof word, sizeof half);
    return half;
}

#define HALF(s, field) half_of(s, offsetof(struct trail_entry, field))

/* Which is the newest of the AoR; TRAIL_WAYS: none is. */
static size_t newest(const struct set *set, uint64_t aor_hash)
{
    size_t found = TRAIL_WAYS;
    for (size_t i = 0; i < TRAIL_WAYS; i++)
        if (set->hashes[i] == aor_hash && set->orders[i] &&
            (found == TRAIL_WAYS || set->orders[i] > set->orders[found]))
            found = i;
    return found;
}

static size_t oldest(const struct set *set)
{
    size_t found = 0;
    for (size_t i = 1; i < TRAIL_WAYS; i++)
        if (set->orders[i] < set->orders[found])
            found = i;
    return found;
}

static uint64_t next_order(struct trail *t)
{
    uint64_t now_us = sys_now_us();
    t->order = now_us > t->order ? now_us : t->order + 1;
    return t->order;
}

void trail_fetch(const struct trail *t, uint64_t aor_hash)
{
    const struct set *set = &t->sets[aor_hash % SETS];
    __builtin_prefetch(set->hashes);
    __builtin_prefetch(set->orders);
}

void trail_note(struct trail *t, uint64_t aor_hash, enum reason why, const struct trail_figures *f)
{
    struct set *set = &t->sets[aor_hash % SETS];
    size_t at = newest(set, aor_hash);
    uint64_t now_s = sys_service_s();
    struct trail_entry e = {.aor_hash = aor_hash,
                            .order = next_order(t),
                            .first_s = now_s,
                            .last_s = now_s,
                            .times = 1,
                            .reason = (uint32_t)why,
                            .last = *f};
    const struct slot *s = at < TRAIL_WAYS ? &set->slots[at] : NULL;
    if (s && HALF(s, reason) == e.reason && HALF(s, last.status) == (uint32_t)f->status) {
        e.first_s = WORD(s, first_s);
        e.times = HALF(s, times) + 1;
    } else {
        at = oldest(set);
        set->hashes[at] = aor_hash;
    }
    set->orders[at] = e.order;
    put(&set->slots[at], &e);
}

size_t trail_read(const struct trail *t, uint64_t aor_hash, struct trail_entry *out)
{
    const struct slot *set = t->sets[aor_hash % SETS].slots;
    size_t n = 0;
    for (size_t i = 0; i < TRAIL_WAYS; i++)
        if (get(&set[i], &out[n]) && out[n].last_s && out[n].aor_hash == aor_hash)
            n++;
    return n;
}
