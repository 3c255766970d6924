#include "service/told.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/number.h"
#include "service/remote.h"

/* A hash has its place in one row of these, the newest first. */
enum { ROWS = 8192, ROW = 4 };

struct told {
    _Atomic uint64_t rows[ROWS][ROW]; /* 0: none. Two writers at once may lose one of them */
};

int told_new(struct told **out)
{
    *out = calloc(1, sizeof **out);
    return *out ? 0 : ERR_NOMEM;
}

void told_free(struct told *t)
{
    free(t);
}

static uint64_t hash_of(const struct context *c, struct str call_id, const struct uri *u)
{
    const uint64_t parts[] = {hash_str(&c->loop_key, call_id), remote_target(&c->loop_key, u)};
    return hash_bytes(&c->loop_key, parts, sizeof parts) | 1;
}

static _Atomic uint64_t *row_of(struct told *t, uint64_t hash)
{
    return t->rows[(hash >> 1) % ROWS];
}

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static bool has(const _Atomic uint64_t *row, uint64_t hash)
{
    for (size_t i = 0; i < ROW; i++)
        if (load(&row[i]) == hash)
            return true;
    return false;
}

static void add(_Atomic uint64_t *row, uint64_t hash)
{
    for (size_t i = ROW - 1; i > 0; i--)
        atomic_store_explicit(&row[i], load(&row[i - 1]), memory_order_relaxed);
    atomic_store_explicit(&row[0], hash, memory_order_relaxed);
}

/* A name needs no leave. */
static bool is_number(const struct uri *u)
{
    return !str_is_none(u->user) && number_read(u->user).n > 0;
}

void told_note(struct context *c, const struct msg *m)
{
    struct uri u;
    if (!remote_contact(m, &u) || !is_number(&u))
        return;
    uint64_t hash = hash_of(c, m->call_id, &u);
    _Atomic uint64_t *row = row_of(c->told, hash);
    if (!has(row, hash))
        add(row, hash);
}

bool told_has(const struct context *c, struct str call_id, const struct uri *u)
{
    uint64_t hash = hash_of(c, call_id, u);
    return has(row_of(c->told, hash), hash);
}
