#include "store/headcount.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"

struct row {
    atomic_bool is_used; /* its name stays from then on */
    size_t name_len;
    char name[HEADCOUNT_NAME_MAX];
    _Atomic int64_t n_lines, n_upregs, n_bindings[FLOW_TRANSPORT_MAX];
};

struct headcount {
    struct hash_key key;
    struct row rows[HEADCOUNT_ROWS];
};

int headcount_new(struct headcount **out)
{
    struct headcount *h = calloc(1, sizeof *h);
    if (!h)
        return ERR_NOMEM;
    h->key = (struct hash_key){1, 2}; /* who has a domain here is no stranger */
    *out = h;
    return 0;
}

void headcount_free(struct headcount *h)
{
    free(h);
}

/* ---------------------------------------------------------------- counting */

static struct str domain_of(struct str aor)
{
    for (size_t n = aor.n; n > 0; n--)
        if (aor.p[n - 1] == '@')
            return str_skip(aor, n);
    return STR_NONE; /* a number: with those that have no row */
}

static struct str name_of(const struct row *r)
{
    return (struct str){r->name, r->name_len};
}

static void name_row(struct row *r, struct str domain)
{
    memcpy(r->name, domain.p, domain.n);
    r->name_len = domain.n;
    atomic_store_explicit(&r->is_used, true, memory_order_release);
}

/* The row behind it, where its place is taken; a row that is given once stays. */
static struct row *find(struct headcount *h, struct str domain)
{
    if (domain.n == 0 || domain.n > HEADCOUNT_NAME_MAX)
        return &h->rows[HEADCOUNT_DOMAINS];
    uint64_t hash = hash_str(&h->key, domain);
    for (size_t i = 0; i < HEADCOUNT_DOMAINS; i++) {
        struct row *r = &h->rows[(hash + i) % HEADCOUNT_DOMAINS];
        if (!atomic_load_explicit(&r->is_used, memory_order_relaxed))
            name_row(r, domain);
        if (str_eq(name_of(r), domain))
            return r;
    }
    return &h->rows[HEADCOUNT_DOMAINS];
}

static void add(_Atomic int64_t *count, int64_t n)
{
    int64_t now = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, now + n, memory_order_relaxed);
}

static void count_record(struct row *row, const struct aor_record *r, int64_t sign)
{
    if (r->n_bindings)
        add(&row->n_lines, sign);
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].way.transport < FLOW_TRANSPORT_MAX)
            add(&row->n_bindings[r->bindings[i].way.transport], sign);
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].state == UPREG_LIVE)
            add(&row->n_upregs, sign);
}

void headcount_on_change(struct headcount *h, const struct aor_record *now,
                         const struct aor_record *next)
{
    struct row *row = find(h, domain_of(next->aor));
    if (now)
        count_record(row, now, -1);
    count_record(row, next, 1);
}

/* ---------------------------------------------------------------- reading */

bool headcount_read(const struct headcount *h, size_t at, struct headcount_row *out)
{
    const struct row *r = &h->rows[at];
    bool is_own = at < HEADCOUNT_DOMAINS;
    if (is_own && !atomic_load_explicit(&r->is_used, memory_order_acquire))
        return false;
    *out = (struct headcount_row){.domain = is_own ? name_of(r) : STR_NONE,
                                  .n_lines = atomic_load(&r->n_lines),
                                  .n_upregs = atomic_load(&r->n_upregs)};
    int64_t n = out->n_lines + out->n_upregs;
    for (size_t i = 0; i < FLOW_TRANSPORT_MAX; i++)
        n += out->n_bindings[i] = atomic_load(&r->n_bindings[i]);
    return n > 0 || is_own;
}
