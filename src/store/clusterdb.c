#include "store/clusterdb.h"

#include <stdlib.h>

#include "config.h"

#include "base/buf.h"
#include "base/err.h"

enum { NUMBER = 24, KIND_META = 0, KIND_NODE, KIND_OWN, KIND_LAG, PARAMS_MAX = 8 };

/* ---------------------------------------------------------------- statements */

/* Parameters of one statement, with room for its numbers. */
struct call {
    const char *params[PARAMS_MAX];
    size_t n;
    char numbers[PARAMS_MAX][NUMBER];
};

static void add(struct call *c, const char *text)
{
    BUG_ON(c->n == PARAMS_MAX);
    c->params[c->n++] = text;
}

static void add_number(struct call *c, uint64_t v)
{
    struct buf b = buf_over(c->numbers[c->n], NUMBER - 1);
    buf_add_u64(&b, v);
    c->numbers[c->n][b.len] = '\0';
    add(c, c->numbers[c->n]);
}

/* A node's number; nobody is NULL. */
static void add_node(struct call *c, int node)
{
    if (node == TENURE_NOBODY)
        add(c, NULL);
    else
        add_number(c, (uint64_t)node);
}

static void add_member(struct call *c, const struct clusterdb_member *m)
{
    add_node(c, m->number);
    add_number(c, m->epoch);
}

static int run(struct pg *p, const char *text, const struct call *c, uint32_t timeout_ms)
{
    return pg_run(p, &(struct pg_query){text, c->params, c->n, timeout_ms});
}

/* One that says whether we were let. */
static int ask(struct pg *p, const char *text, const struct call *c)
{
    int err = run(p, text, c, CLUSTERDB_SOON_MS);
    if (err)
        return err;
    return pg_rows(p) == 1 && pg_number(p, 0, 0) ? 0 : ERR_GONE;
}

/* ---------------------------------------------------------------- membership */

static const char *refusal(struct str word)
{
    if (str_eq(word, STR("cluster")))
        return "the database belongs to another cluster, or to none";
    if (str_eq(word, STR("keys")))
        return "the other nodes have other keys: token.key of state-dir must be the same on all";
    if (str_eq(word, STR("takeover")))
        return "the other nodes have another takeover-after: it is changed when all have stopped";
    if (str_eq(word, STR("busy")))
        return "another machine is a member under this node's name";
    return "the database's functions are of another version";
}

int clusterdb_join(struct pg *p, const struct clusterdb_id *id, struct clusterdb_member *out,
                   const char **why)
{
    struct call c = {.n = 0};
    add(&c, id->cluster);
    add(&c, id->node);
    add(&c, id->instance);
    add(&c, PACKAGE_VERSION);
    add(&c, id->keys);
    add_number(&c, id->fence_ms);
    int err = run(p, "select what, id, epoch, last_n from breakwater.join($1, $2, $3, $4, $5, $6)",
                  &c, CLUSTERDB_SOON_MS);
    if (err)
        return err;
    struct str word = pg_rows(p) == 1 ? pg_bytes(p, 0, 0) : STR_NONE;
    if (!str_eq(word, STR("joined"))) {
        *why = refusal(word);
        return ERR_BADCONF;
    }
    *out = (struct clusterdb_member){.number = (int)pg_number(p, 0, 1),
                                     .epoch = (uint64_t)pg_number(p, 0, 2),
                                     .last_n = (uint64_t)pg_number(p, 0, 3)};
    return 0;
}

static void copy_name(struct str s, char out[CLUSTERDB_NAME])
{
    size_t n = s.n < CLUSTERDB_NAME - 1 ? s.n : CLUSTERDB_NAME - 1;
    if (n)
        memcpy(out, s.p, n);
    out[n] = '\0';
}

static void read_node(const struct pg *p, size_t at, struct clusterdb_news *out)
{
    if (out->view.n_nodes == TENURE_NODES_MAX)
        return;
    copy_name(pg_bytes(p, at, 6), out->names[out->view.n_nodes].name);
    out->view.nodes[out->view.n_nodes++] =
        (struct tenure_node){.number = (int)pg_number(p, at, 1),
                             .epoch = (uint64_t)pg_number(p, at, 2),
                             .silent_ms = (uint64_t)pg_number(p, at, 3),
                             .is_member = pg_number(p, at, 4) != 0,
                             .is_current = pg_number(p, at, 5) != 0};
}

static void read_lag(const struct pg *p, size_t at, struct clusterdb_news *out)
{
    for (size_t i = 0; i < out->view.n_nodes; i++)
        if (out->view.nodes[i].number == pg_number(p, at, 1)) {
            out->names[i].lag = (uint64_t)pg_number(p, at, 2);
            copy_name(pg_bytes(p, at, 6), out->names[i].state);
        }
}

/* Before a restored database has settled nobody owns anything. */
static void read_own(const struct pg *p, size_t at, struct tenure_view *v)
{
    int64_t shard = pg_number(p, at, 1);
    if (shard < 0 || shard >= TENURE_SHARDS_MAX)
        return;
    v->claims[shard] =
        (struct tenure_claim){.node = v->is_settled ? (int)pg_number(p, at, 2) : TENURE_NOBODY,
                              .epoch = (uint64_t)pg_number(p, at, 3)};
}

static void read_row(const struct pg *p, size_t at, uint64_t fence_ms, struct clusterdb_news *out)
{
    switch (pg_number(p, at, 0)) {
    case KIND_META:
        out->view.generation = (uint64_t)pg_number(p, at, 1);
        out->view.is_settled = pg_number(p, at, 4) || pg_number(p, at, 2) >= (int64_t)fence_ms;
        out->wall_ms = (uint64_t)pg_number(p, at, 3);
        break;
    case KIND_NODE:
        read_node(p, at, out);
        break;
    case KIND_OWN:
        read_own(p, at, &out->view);
        break;
    case KIND_LAG:
        read_lag(p, at, out);
        break;
    default: /* of a later version */
        break;
    }
}

int clusterdb_beat(struct pg *p, const struct clusterdb_member *m, const struct clusterdb_beat *b,
                   struct clusterdb_news *out)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    add(&c, b->is_current ? "true" : "false");
    add_number(&c, b->lag);
    int err = run(p, "select kind, a, b, c, x, y, t from breakwater.beat($1, $2, $3, $4)", &c,
                  CLUSTERDB_SOON_MS);
    if (err)
        return err;
    if (pg_rows(p) == 0)
        return ERR_GONE;
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < TENURE_SHARDS_MAX; i++)
        out->view.claims[i].node = TENURE_NOBODY;
    for (size_t i = 0; i < pg_rows(p); i++)
        read_row(p, i, b->fence_ms, out);
    return 0;
}

int clusterdb_leave(struct pg *p, const struct clusterdb_member *m)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    return ask(p, "select breakwater.leave($1, $2)", &c);
}

/* ---------------------------------------------------------------- ownership */

int clusterdb_fence(struct pg *p, const struct clusterdb_member *m, const struct tenure_wish *w,
                    uint64_t fence_ms, int heir)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    add_node(&c, w->fence);
    add_number(&c, w->fence_epoch);
    add_number(&c, fence_ms);
    add_node(&c, heir);
    return ask(p, "select breakwater.fence($1, $2, $3, $4, $5, $6)", &c);
}

int clusterdb_take(struct pg *p, const struct clusterdb_member *m, unsigned shard)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    add_number(&c, shard);
    return ask(p, "select breakwater.take($1, $2, $3)", &c);
}

int clusterdb_hand(struct pg *p, const struct clusterdb_member *m, unsigned shard,
                   uint64_t own_epoch, int heir)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    add_number(&c, shard);
    add_number(&c, own_epoch);
    add_node(&c, heir);
    return ask(p, "select breakwater.hand($1, $2, $3, $4, $5)", &c);
}

/* ---------------------------------------------------------------- rows */

/* Three arrays as text: {"\\x0a",NULL}. */
struct arrays {
    struct buf keys, numbers, data;
};

enum { ITEM_EXTRA = 8 }; /* quotes, \\x, comma, NULL */

static size_t arrays_room(const struct clusterdb_row *rows, size_t n)
{
    size_t room = ITEM_EXTRA;
    for (size_t i = 0; i < n; i++)
        room += 2 * (rows[i].key.n + rows[i].data.n) + (size_t)2 * ITEM_EXTRA + NUMBER;
    return room;
}

static void add_bytes(struct buf *b, struct str bytes, char before)
{
    buf_add_char(b, before);
    if (str_is_none(bytes)) {
        buf_add(b, STR("NULL"));
        return;
    }
    buf_add(b, STR("\"\\\\x"));
    buf_add_hex(b, bytes.p, bytes.n);
    buf_add_char(b, '"');
}

static void print_arrays(struct arrays *a, const struct clusterdb_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char before = i ? ',' : '{';
        add_bytes(&a->keys, rows[i].key, before);
        add_bytes(&a->data, rows[i].data, before);
        buf_add_char(&a->numbers, before);
        buf_add_u64(&a->numbers, rows[i].n);
    }
    struct buf *const all[] = {&a->keys, &a->numbers, &a->data};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_add(all[i], STR("}\0"));
    BUG_ON(a->keys.has_overflown || a->numbers.has_overflown || a->data.has_overflown);
}

int clusterdb_put(struct pg *p, const struct clusterdb_member *m, uint64_t own_epoch,
                  const struct clusterdb_row *rows, size_t n)
{
    size_t room = arrays_room(rows, n);
    char *memory = n ? malloc(3 * room) : NULL;
    if (!memory)
        return n ? ERR_NOMEM : 0;
    struct arrays a = {.keys = buf_over(memory, room),
                       .numbers = buf_over(memory + room, room),
                       .data = buf_over(memory + 2 * room, room)};
    struct call c = {.n = 0};
    print_arrays(&a, rows, n);
    add_member(&c, m);
    add_number(&c, own_epoch);
    add(&c, a.keys.p);
    add(&c, a.numbers.p);
    add(&c, a.data.p);
    int err = ask(p, "select breakwater.put($1, $2, $3, $4, $5, $6)", &c);
    free(memory);
    return err;
}

int clusterdb_purge(struct pg *p, const struct clusterdb_member *m)
{
    struct call c = {.n = 0};
    add_member(&c, m);
    return ask(p, "select breakwater.purge($1, $2)", &c);
}

int clusterdb_feed(struct pg *p, int origin, uint64_t after, size_t most, size_t *n)
{
    struct call c = {.n = 0};
    add_node(&c, origin);
    add_number(&c, after);
    add_number(&c, most);
    int err = run(p, "select k, n, d from breakwater.feed($1, $2, $3)", &c, CLUSTERDB_LONG_MS);
    *n = err ? 0 : pg_rows(p);
    return err;
}

struct clusterdb_row clusterdb_row(const struct pg *p, size_t at)
{
    return (struct clusterdb_row){
        .key = pg_bytes(p, at, 0), .n = (uint64_t)pg_number(p, at, 1), .data = pg_bytes(p, at, 2)};
}

int clusterdb_ends(struct pg *p, struct clusterdb_end out[TENURE_NODES_MAX], size_t *n)
{
    struct call c = {.n = 0};
    int err = run(p, "select id, purged, last from breakwater.ends()", &c, CLUSTERDB_SOON_MS);
    *n = err ? 0 : pg_rows(p);
    if (*n > TENURE_NODES_MAX)
        return ERR_TOOBIG; /* what is not read would be missed */
    for (size_t i = 0; i < *n; i++)
        out[i] = (struct clusterdb_end){.origin = (int)pg_number(p, i, 0),
                                        .purged = (uint64_t)pg_number(p, i, 1),
                                        .last = (uint64_t)pg_number(p, i, 2)};
    return err;
}

int clusterdb_listen(struct pg *p)
{
    static const struct pg_query set = {"set default_transaction_isolation = 'read committed'",
                                        NULL, 0, CLUSTERDB_SOON_MS};
    static const struct pg_query listen = {"listen breakwater", NULL, 0, CLUSTERDB_SOON_MS};
    int err = pg_run(p, &set);
    return err ? err : pg_run(p, &listen);
}
