#include "service/source.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"

/* 65536 sources; the keys of a set stand side by side. */
enum { WAYS = 8, SETS = 8192, SLOTS = WAYS * SETS, NONCES = 4 };

#define IPV4_PREFIX (0xffffffffULL << 32) /* no IPv6 source begins like this: it is multicast */

struct state {
    atomic_ullong full_us; /* the bucket is full again then */
    atomic_uint nonces[NONCES];
    atomic_ullong lines; /* one bit a line that it failed for */
    atomic_ullong failed_s;
    atomic_ullong banned_s; /* until then; 0: never was, or it has been seen to be over */
    atomic_uint failures;
};

struct source_table {
    struct hash_key hash_key;
    atomic_int n_banned;
    atomic_ullong keys[SLOTS];
    struct state states[SLOTS];
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

static struct addr addr_of(uint64_t key)
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
    uint64_t failed_s = atomic_load(&s->failed_s);
    if (banned_s)
        return (2ULL << 62) - 1 + banned_s;
    return failed_s ? (1ULL << 62) + failed_s : atomic_load(&s->full_us);
}

static void lift(struct source_table *t, struct state *s, unsigned long long banned_s)
{
    if (banned_s && atomic_compare_exchange_strong(&s->banned_s, &banned_s, 0))
        atomic_fetch_sub(&t->n_banned, 1);
}

static void forget(struct source_table *t, struct state *s)
{
    lift(t, s, atomic_load(&s->banned_s));
    atomic_store(&s->full_us, 0);
    atomic_store(&s->failures, 0);
    atomic_store(&s->failed_s, 0);
    atomic_store(&s->lines, 0);
    for (size_t i = 0; i < NONCES; i++)
        atomic_store(&s->nonces[i], 0);
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

/* ---------------------------------------------------------------- failures */

void source_on_challenge(struct source_table *t, uint64_t key, uint64_t nonce)
{
    struct state *s = get(t, key);
    if (s)
        atomic_store(&s->nonces[nonce % NONCES], (unsigned)(nonce >> 32));
}

bool source_is_real(struct source_table *t, uint64_t key, uint64_t nonce)
{
    struct state *s = find(t, key);
    return s && atomic_load(&s->nonces[nonce % NONCES]) == (unsigned)(nonce >> 32);
}

static void ban(struct source_table *t, struct state *s, uint64_t until_s)
{
    if (atomic_exchange(&s->banned_s, until_s) == 0)
        atomic_fetch_add(&t->n_banned, 1);
}

bool source_on_failure(struct source_table *t, uint64_t key, uint64_t line, uint64_t now_s,
                       const struct source_limits *limits)
{
    struct state *s = get(t, key);
    if (!s || limits->failures == 0)
        return false;
    if (atomic_exchange(&s->failed_s, now_s) + limits->ban_s < now_s) {
        atomic_store(&s->failures, 0);
        atomic_store(&s->lines, 0);
    }
    unsigned failures = atomic_fetch_add(&s->failures, 1) + 1;
    uint64_t lines = atomic_fetch_or(&s->lines, 1ULL << line % 64) | 1ULL << line % 64;
    unsigned n_lines = (unsigned)__builtin_popcountll(lines);
    if (failures < limits->failures && (limits->lines == 0 || n_lines < limits->lines))
        return false;
    atomic_store(&s->failures, 0);
    atomic_store(&s->lines, 0);
    ban(t, s, now_s + limits->ban_s);
    return true;
}

void source_on_success(struct source_table *t, uint64_t key)
{
    struct state *s = find(t, key);
    if (!s || atomic_load(&s->failures) == 0)
        return;
    atomic_store(&s->failures, 0);
    atomic_store(&s->lines, 0);
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
            out[n++] = (struct source_banned){addr_of(key), until_s};
        else
            lift(t, &t->states[*at], until_s);
    }
    return n;
}
