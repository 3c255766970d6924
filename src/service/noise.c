#include "service/noise.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "service/source.h"

/* Each request is looked at until so many have come in a window; then one of 64 on average, at
 * distances that are drawn, lest a rhythm of the senders decides who is seen. */
enum { EXACT = 1024, SAMPLE = 64 };

struct tally_entry {
    _Atomic uint64_t key, value; /* value 0: nothing is here */
};

struct window {
    _Atomic uint64_t begun_ms; /* 0: it was never filled */
    struct tally_entry loud[NOISE_LOUD], slow[NOISE_SLOW];
};

struct noise {
    struct window windows[2];
    atomic_uint at;  /* the one that is filled */
    uint32_t n_left; /* requests until the next sample */
    uint32_t n_sampled;
    uint64_t dice;
};

int noise_new(uint64_t seed, struct noise **out)
{
    struct noise *n = calloc(1, sizeof *n);
    if (!n)
        return ERR_NOMEM;
    n->dice = seed | 1;
    *out = n;
    return 0;
}

void noise_free(struct noise *n)
{
    free(n);
}

/* ---------------------------------------------------------------- noting */

static uint64_t get(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static void set(_Atomic uint64_t *word, uint64_t value)
{
    atomic_store_explicit(word, value, memory_order_relaxed);
}

static void clear(struct tally_entry *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        set(&list[i].value, 0);
}

static struct window *begin(struct noise *n, unsigned at, uint64_t now_ms)
{
    struct window *w = &n->windows[at];
    clear(w->loud, NOISE_LOUD);
    clear(w->slow, NOISE_SLOW);
    set(&w->begun_ms, now_ms ? now_ms : 1);
    atomic_store_explicit(&n->at, at, memory_order_release);
    n->n_sampled = 0;
    return w;
}

static struct window *window_at(struct noise *n, uint64_t now_ms)
{
    unsigned at = atomic_load_explicit(&n->at, memory_order_relaxed);
    uint64_t begun_ms = get(&n->windows[at].begun_ms);
    if (begun_ms && now_ms < begun_ms + NOISE_WINDOW_MS)
        return &n->windows[at];
    return begin(n, begun_ms ? 1 - at : at, now_ms);
}

/* Its own entry, or the least one. */
static struct tally_entry *place(struct tally_entry *list, size_t n, uint64_t key)
{
    struct tally_entry *least = list;
    for (size_t i = 0; i < n; i++) {
        if (get(&list[i].key) == key && get(&list[i].value))
            return &list[i];
        if (get(&list[i].value) < get(&least->value))
            least = &list[i];
    }
    return least;
}

/* xorshift: even enough for distances. */
static uint32_t distance(struct noise *n)
{
    n->dice ^= n->dice << 13;
    n->dice ^= n->dice >> 7;
    n->dice ^= n->dice << 17;
    return 1 + (uint32_t)(n->dice >> 32) % (2 * SAMPLE - 1);
}

static void sample(struct noise *n, uint64_t key, uint64_t now_ms)
{
    struct window *w = window_at(n, now_ms);
    bool is_exact = ++n->n_sampled < EXACT;
    struct tally_entry *e = place(w->loud, NOISE_LOUD, key);
    set(&e->key, key);
    set(&e->value, get(&e->value) + (is_exact ? 1 : SAMPLE));
    n->n_left = is_exact ? 0 : distance(n) - 1;
}

void noise_on_packet(struct noise *n, const struct addr *from, uint64_t now_ms)
{
    if (n->n_left)
        n->n_left--;
    else
        sample(n, source_key(from), now_ms);
}

void noise_on_answer(struct noise *n, const struct addr *from, uint64_t ms, uint64_t now_ms)
{
    uint64_t key = source_key(from);
    struct tally_entry *e = place(window_at(n, now_ms)->slow, NOISE_SLOW, key);
    if (ms + 1 <= get(&e->value)) /* as 0 is nothing, one more is kept */
        return;
    set(&e->key, key);
    set(&e->value, ms + 1);
}

/* ---------------------------------------------------------------- reading */

/* Of the window that is filled and of the one before, as far as they are not over. */
static bool is_recent(const struct noise *n, unsigned at, uint64_t now_ms)
{
    uint64_t begun_ms = get(&n->windows[at].begun_ms);
    return begun_ms && now_ms < begun_ms + 2ULL * NOISE_WINDOW_MS;
}

size_t noise_loudest(const struct noise *n, struct noise_entry *out, uint64_t now_ms,
                     uint64_t *since_ms)
{
    size_t found = 0;
    *since_ms = now_ms;
    for (unsigned at = 0; at < 2; at++) {
        const struct window *w = &n->windows[at];
        if (!is_recent(n, at, now_ms))
            continue;
        if (get(&w->begun_ms) < *since_ms)
            *since_ms = get(&w->begun_ms);
        for (size_t i = 0; i < NOISE_LOUD; i++)
            if (get(&w->loud[i].value))
                out[found++] = (struct noise_entry){.source = source_addr(get(&w->loud[i].key)),
                                                    .n = get(&w->loud[i].value)};
    }
    return found;
}

size_t noise_slowest(const struct noise *n, struct noise_entry *out, uint64_t now_ms)
{
    size_t found = 0;
    for (unsigned at = 0; at < 2; at++) {
        const struct window *w = &n->windows[at];
        for (size_t i = 0; i < NOISE_SLOW && is_recent(n, at, now_ms); i++)
            if (get(&w->slow[i].value))
                out[found++] = (struct noise_entry){.source = source_addr(get(&w->slow[i].key)),
                                                    .ms = get(&w->slow[i].value) - 1};
    }
    return found;
}
