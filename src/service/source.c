#include "service/source.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

/* 65536 sources; the keys of a set stand side by side. */
enum { WAYS = 8, SETS = 8192, SLOTS = WAYS * SETS, CHALLENGES = 1 << 18, LINES = 64 };

#define IPV4_PREFIX (0xffffffffULL << 32) /* no IPv6 source begins like this: it is multicast */

struct state {
    atomic_ullong full_us;  /* the bucket is full again then */
    atomic_ullong leaked_s; /* until then failures have been forgotten; 0: there were none */
    atomic_ullong banned_s; /* until then; 0: never was, or it has been seen to be over */
    atomic_ullong asked;    /* a bit each line that it has asked for, and not proven */
    atomic_ullong asked_s;  /* since then */
    atomic_ushort failures[LINES];
};

struct source_table {
    struct hash_key hash_key;
    atomic_int n_banned;
    atomic_ullong keys[SLOTS];
    struct state states[SLOTS];
    atomic_ullong challenges[CHALLENGES]; /* hashes of source and nonce */
};

int source_table_new(struct source_table **out)
{
    struct source_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->hash_key = hash_key_new();
    *out = t;
    return 0;
}

void source_table_free(struct source_table *t)
{
    free(t);
}

uint64_t source_key(const struct addr *a)
{
    uint64_t key = 0;
    for (size_t i = 0; i < (a->family == 4 ? 4 : 8); i++)
        key = key << 8 | a->ip[i];
    if (a->family == 4)
        return IPV4_PREFIX | key;
    return key ? key : 1; /* ::1 and its like */
}

struct addr source_addr(uint64_t key)
{
    struct addr a = {.family = key >= IPV4_PREFIX ? 4 : 6};
    size_t n = a.family == 4 ? 4 : 8;
    key = key == 1 ? 0 : key;
    for (size_t i = 0; i < n; i++)
        a.ip[i] = (uint8_t)(key >> 8 * (n - 1 - i));
    return a;
}

/* ---------------------------------------------------------------- places */

static size_t first_way(const struct source_table *t, uint64_t key)
{
    return hash_bytes(&t->hash_key, &key, sizeof key) % SETS * WAYS;
}

static struct state *find(struct source_table *t, uint64_t key)
{
    size_t first = first_way(t, key);
    for (size_t i = first; i < first + WAYS; i++)
        if (atomic_load_explicit(&t->keys[i], memory_order_acquire) == key)
            return &t->states[i];
    return NULL;
}

/* The least of what would be lost: one that is quiet, then one that has failed, then a ban. */
static uint64_t worth(struct state *s)
{
    uint64_t banned_s = atomic_load(&s->banned_s);
    uint64_t failed_s = atomic_load(&s->leaked_s);
    if (banned_s)
        return (2ULL << 62) - 1 + banned_s;
    return failed_s ? (1ULL << 62) + failed_s : atomic_load(&s->full_us);
}

static void lift(struct source_table *t, struct state *s, unsigned long long banned_s)
{
    if (banned_s && atomic_compare_exchange_strong(&s->banned_s, &banned_s, 0))
        atomic_fetch_sub(&t->n_banned, 1);
}

static void forget_failures(struct state *s)
{
    for (size_t i = 0; i < LINES; i++)
        atomic_store_explicit(&s->failures[i], 0, memory_order_relaxed);
}

static void forget(struct source_table *t, struct state *s)
{
    lift(t, s, atomic_load(&s->banned_s));
    atomic_store(&s->full_us, 0);
    atomic_store(&s->asked, 0);
    if (atomic_exchange(&s->leaked_s, 0))
        forget_failures(s);
}

/* Two workers that make room in one set at one moment may each lose an entry; nobody is banned by
 * that. NULL: the other one was faster. */
static struct state *get(struct source_table *t, uint64_t key)
{
    struct state *s = find(t, key);
    size_t first = first_way(t, key), victim = first;
    if (s)
        return s;
    for (size_t i = first; i < first + WAYS; i++)
        if (worth(&t->states[i]) < worth(&t->states[victim]))
            victim = i;
    unsigned long long old = atomic_load(&t->keys[victim]);
    s = &t->states[victim];
    if (!atomic_compare_exchange_strong(&t->keys[victim], &old, key))
        return NULL;
    forget(t, s);
    return s;
}

/* ---------------------------------------------------------------- rate */

/* The generic cell rate algorithm: a bucket is one word, the moment at which it is full again. */
bool source_take(struct source_table *t, uint64_t key, uint64_t now_us, uint32_t per_s)
{
    struct state *s = get(t, key);
    if (!s)
        return true;
    unsigned long long old = atomic_load(&s->full_us), next;
    do {
        next = (old > now_us ? old : now_us) + 1000000 / per_s;
        if (next > now_us + 1000000)
            return false;
    } while (!atomic_compare_exchange_weak(&s->full_us, &old, next));
    return true;
}

/* ---------------------------------------------------------------- challenges */

static atomic_ullong *place_of(struct source_table *t, uint64_t key, uint64_t nonce, uint64_t *hash)
{
    const uint64_t both[] = {key, nonce};
    *hash = hash_bytes(&t->hash_key, both, sizeof both) | 1;
    return &t->challenges[*hash / 2 % CHALLENGES];
}

void source_on_challenge(struct source_table *t, uint64_t key, uint64_t nonce)
{
    uint64_t hash;
    atomic_ullong *place = place_of(t, key, nonce, &hash);
    atomic_store_explicit(place, hash, memory_order_relaxed);
}

bool source_is_real(struct source_table *t, uint64_t key, uint64_t nonce)
{
    uint64_t hash;
    const atomic_ullong *place = place_of(t, key, nonce, &hash);
    return atomic_load_explicit(place, memory_order_relaxed) == hash;
}

/* ---------------------------------------------------------------- failures */

static void ban(struct source_table *t, struct state *s, uint64_t until_s)
{
    if (atomic_exchange(&s->banned_s, until_s) == 0)
        atomic_fetch_add(&t->n_banned, 1);
}

/* Workers that count at one moment may lose a failure; nobody is banned by that. One failure goes,
 * of the line that has most, so that a line is forgotten as late as it may be. */
static bool leak_one(struct state *s)
{
    size_t most = 0;
    for (size_t i = 1; i < LINES; i++)
        if (atomic_load(&s->failures[i]) > atomic_load(&s->failures[most]))
            most = i;
    unsigned short n = atomic_load(&s->failures[most]);
    return n && atomic_compare_exchange_strong(&s->failures[most], &n, (unsigned short)(n - 1));
}

static void leak(struct state *s, uint64_t now_s, const struct source_limits *limits)
{
    uint64_t each_s = limits->ban_s > limits->failures ? limits->ban_s / limits->failures : 1;
    unsigned long long last_s = atomic_load(&s->leaked_s);
    uint64_t n = last_s && now_s > last_s ? (now_s - last_s) / each_s : 0;
    uint64_t next_s = last_s ? last_s + n * each_s : now_s;
    if (!atomic_compare_exchange_strong(&s->leaked_s, &last_s, next_s))
        return;
    while (n > 0 && leak_one(s))
        n--;
}

bool source_on_failure(struct source_table *t, uint64_t key, uint64_t line, uint64_t now_s,
                       const struct source_limits *limits)
{
    struct state *s = get(t, key);
    unsigned failures = 0, lines = 0;
    if (!s || limits->failures == 0)
        return false;
    leak(s, now_s, limits);
    atomic_fetch_add(&s->failures[line % LINES], 1);
    for (size_t i = 0; i < LINES; i++) {
        unsigned n = atomic_load(&s->failures[i]);
        failures += n;
        lines += n > 0;
    }
    if (failures < limits->failures && (limits->lines == 0 || lines < limits->lines))
        return false;
    forget_failures(s);
    ban(t, s, now_s + limits->ban_s);
    return true;
}

void source_on_success(struct source_table *t, uint64_t key, uint64_t line)
{
    struct state *s = find(t, key);
    if (s)
        atomic_store(&s->failures[line % LINES], 0);
}

/* ---------------------------------------------------------------- lines */

bool source_on_line(struct source_table *t, uint64_t key, uint64_t line, uint64_t now_s,
                    const struct source_limits *limits)
{
    const uint64_t bit = 1ULL << line % LINES;
    struct state *s = limits->asked ? get(t, key) : NULL;
    if (!s)
        return false;
    if (atomic_load(&s->asked) == 0 || atomic_load(&s->asked_s) + limits->ban_s <= now_s) {
        atomic_store(&s->asked, 0);
        atomic_store(&s->asked_s, now_s);
    }
    uint64_t asked = atomic_load(&s->asked);
    if (!(asked & bit) && (unsigned)__builtin_popcountll(asked) >= limits->asked)
        return true;
    atomic_fetch_or(&s->asked, bit);
    return false;
}

void source_forget_line(struct source_table *t, uint64_t key, uint64_t line)
{
    struct state *s = find(t, key);
    if (s)
        atomic_fetch_and(&s->asked, ~(1ULL << line % LINES));
}

/* ---------------------------------------------------------------- bans */

bool source_is_banned(struct source_table *t, uint64_t key, uint64_t now_s)
{
    struct state *s = atomic_load(&t->n_banned) > 0 ? find(t, key) : NULL;
    unsigned long long until_s = s ? atomic_load(&s->banned_s) : 0;
    if (until_s > now_s)
        return true;
    if (s)
        lift(t, s, until_s);
    return false;
}

int source_ban(struct source_table *t, uint64_t key, uint64_t now_s, uint64_t until_s)
{
    struct state *s = get(t, key);
    if (!s)
        return ERR_FULL;
    (void)source_is_banned(t, key, now_s);
    ban(t, s, until_s);
    return 0;
}

bool source_unban(struct source_table *t, uint64_t key, uint64_t now_s)
{
    struct state *s = find(t, key);
    if (!s || !source_is_banned(t, key, now_s))
        return false;
    lift(t, s, atomic_load(&s->banned_s));
    return true;
}

size_t source_list_banned(struct source_table *t, uint64_t now_s, size_t *at,
                          struct source_banned *out, size_t max)
{
    size_t n = 0;
    for (; *at < SLOTS && n < max; ++*at) {
        uint64_t key = atomic_load(&t->keys[*at]);
        uint64_t until_s = atomic_load(&t->states[*at].banned_s);
        if (until_s > now_s)
            out[n++] = (struct source_banned){source_addr(key), until_s};
        else
            lift(t, &t->states[*at], until_s);
    }
    return n;
}
