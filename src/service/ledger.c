#include "service/ledger.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

struct row {
    atomic_bool is_used; /* its name stays from then on */
    size_t name_len;
    char name[LEDGER_NAME_MAX];
    _Atomic uint64_t counts[LEDGER_KINDS];
};

struct ledger {
    struct hash_key key;
    struct row *last; /* that was counted in; or NULL */
    struct row rows[LEDGER_ROWS];
};

int ledger_new(const struct hash_key *key, struct ledger **out)
{
    struct ledger *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->key = *key;
    *out = t;
    return 0;
}

void ledger_free(struct ledger *t)
{
    free(t);
}

static void name_row(struct row *r, struct str domain)
{
    memcpy(r->name, domain.p, domain.n);
    r->name_len = domain.n;
    atomic_store_explicit(&r->is_used, true, memory_order_release);
}

static struct str name_of(const struct row *r)
{
    return (struct str){r->name, r->name_len};
}

/* The row behind it, where its place is taken; looks at few. */
static struct row *find(struct ledger *t, struct str domain)
{
    enum { LOOKS = 32 };
    struct row *others = &t->rows[LEDGER_DOMAINS];
    if (domain.n == 0 || domain.n > LEDGER_NAME_MAX)
        return others;
    if (t->last && str_eq(name_of(t->last), domain))
        return t->last;
    uint64_t hash = hash_str(&t->key, domain);
    for (size_t i = 0; i < LOOKS; i++) {
        struct row *r = &t->rows[(hash + i) % LEDGER_DOMAINS];
        bool is_used = atomic_load_explicit(&r->is_used, memory_order_relaxed);
        if (!is_used)
            name_row(r, domain);
        if (!is_used || str_eq(name_of(r), domain))
            return t->last = r;
    }
    return others;
}

void ledger_count(struct ledger *t, struct str domain, enum ledger_what what)
{
    _Atomic uint64_t *count = &find(t, domain)->counts[what];
    uint64_t n = atomic_load_explicit(count, memory_order_relaxed);
    atomic_store_explicit(count, n + 1, memory_order_relaxed);
}

bool ledger_read(const struct ledger *t, size_t at, struct ledger_row *out)
{
    const struct row *r = &t->rows[at];
    uint64_t sum = 0;
    if (at < LEDGER_DOMAINS && !atomic_load_explicit(&r->is_used, memory_order_acquire))
        return false;
    *out = (struct ledger_row){.domain = at < LEDGER_DOMAINS ? name_of(r) : STR_NONE};
    for (size_t i = 0; i < LEDGER_KINDS; i++)
        sum += out->counts[i] = atomic_load_explicit(&r->counts[i], memory_order_relaxed);
    return sum > 0 || at < LEDGER_DOMAINS;
}
