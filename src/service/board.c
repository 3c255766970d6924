#include "service/board.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hmap.h"
#include "base/list.h"

enum { ROW_LIMIT = 1 << 20 };

struct row {
    struct hmap_node node;
    struct list link;
    struct str aor;
    struct board_line line;
    struct arena arena; /* of all texts */
};

struct contact {
    struct hmap_node node;
    struct addr addr;
    uint64_t silent_s; /* since when; 0: it answers */
};

struct board {
    pthread_mutex_t lock;
    struct hmap rows, contacts;
    struct list all; /* rows */
};

const char *board_state_word(enum board_state state)
{
    static const char *const words[BOARD_STATES] = {
        [BOARD_REGISTERING] = "registering",
        [BOARD_REGISTERED] = "registered",
        [BOARD_FAILING] = "failing",
    };
    return words[state];
}

/* ---------------------------------------------------------------- life */

int board_new(struct board **out)
{
    struct board *b = calloc(1, sizeof *b);
    if (!b)
        return ERR_NOMEM;
    (void)pthread_mutex_init(&b->lock, NULL);
    hmap_init(&b->rows);
    hmap_init(&b->contacts);
    list_init(&b->all);
    *out = b;
    return 0;
}

static void del_row(struct board *b, struct row *r)
{
    hmap_del(&b->rows, &r->node);
    list_del(&r->link);
    arena_fini(&r->arena);
    free(r);
}

void board_free(struct board *b)
{
    if (!b)
        return;
    for (struct hmap_node *n = hmap_any(&b->rows); n; n = hmap_any(&b->rows))
        del_row(b, container_of(n, struct row, node));
    for (struct hmap_node *n = hmap_any(&b->contacts); n; n = hmap_any(&b->contacts)) {
        hmap_del(&b->contacts, n);
        free(container_of(n, struct contact, node));
    }
    hmap_fini(&b->rows);
    hmap_fini(&b->contacts);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

/* ---------------------------------------------------------------- lines */

static struct row *find_row(const struct board *b, struct str aor)
{
    struct hmap_node *n = hmap_first(&b->rows, hmap_hash(&b->rows, aor));
    for (; n; n = hmap_next(n)) {
        struct row *r = container_of(n, struct row, node);
        if (str_eq(r->aor, aor))
            return r;
    }
    return NULL;
}

static struct row *new_row(struct board *b, struct str aor)
{
    struct row *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    arena_init(&r->arena, ROW_LIMIT);
    r->aor = str_dup(&r->arena, aor);
    r->node.hash = hmap_hash(&b->rows, aor);
    if (str_is_none(r->aor) || hmap_add(&b->rows, &r->node)) {
        arena_fini(&r->arena);
        free(r);
        return NULL;
    }
    list_add(&b->all, &r->link);
    return r;
}

static struct str copy(struct arena *a, struct str s)
{
    return str_is_none(s) ? s : str_dup(a, s);
}

/* An arena that is exhausted says so. */
static void copy_line(struct arena *a, const struct board_line *line, struct board_line *out)
{
    struct conf_place *places = arena_calloc(a, line->n_places + 1, sizeof *places);
    for (size_t i = 0; places && i < line->n_places; i++)
        places[i] = (struct conf_place){.uri = copy(a, line->places[i].uri),
                                        .aor = copy(a, line->places[i].aor),
                                        .addr = line->places[i].addr};
    *out = *line;
    out->name = copy(a, line->name);
    out->domain = copy(a, line->domain);
    out->places = places;
}

/* What a row had is forgotten with the row, so that nothing piles up in its arena. */
void board_put(struct board *b, struct str aor, const struct board_line *line)
{
    if (!b)
        return;
    (void)pthread_mutex_lock(&b->lock);
    struct row *old = find_row(b, aor);
    uint64_t away_s = old ? old->line.unreachable_s : 0;
    if (old)
        del_row(b, old);
    struct row *r = new_row(b, aor);
    if (r) {
        copy_line(&r->arena, line, &r->line);
        r->line.unreachable_s = away_s;
    }
    if (r && r->arena.has_failed)
        del_row(b, r);
    (void)pthread_mutex_unlock(&b->lock);
}

void board_del(struct board *b, struct str aor)
{
    if (!b)
        return;
    (void)pthread_mutex_lock(&b->lock);
    struct row *r = find_row(b, aor);
    if (r)
        del_row(b, r);
    (void)pthread_mutex_unlock(&b->lock);
}

bool board_note_away(struct board *b, struct str aor, bool is_away, uint64_t now_s)
{
    if (!b)
        return false;
    (void)pthread_mutex_lock(&b->lock);
    struct row *r = find_row(b, aor);
    bool is_new = r && (r->line.unreachable_s != 0) != is_away;
    if (is_new)
        r->line.unreachable_s = is_away ? now_s : 0;
    (void)pthread_mutex_unlock(&b->lock);
    return is_new;
}

/* ---------------------------------------------------------------- contacts */

static uint64_t hash_addr(const struct board *b, const struct addr *a)
{
    return hash_bytes(&b->contacts.key, a->ip, sizeof a->ip);
}

static struct contact *find_contact(const struct board *b, const struct addr *addr)
{
    for (struct hmap_node *n = hmap_first(&b->contacts, hash_addr(b, addr)); n; n = hmap_next(n)) {
        struct contact *c = container_of(n, struct contact, node);
        if (addr_is_equal(&c->addr, addr))
            return c;
    }
    return NULL;
}

static struct contact *add_contact(struct board *b, const struct addr *addr)
{
    struct contact *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    *c = (struct contact){.node.hash = hash_addr(b, addr), .addr = *addr};
    if (hmap_add(&b->contacts, &c->node)) {
        free(c);
        return NULL;
    }
    return c;
}

bool board_note_contact(struct board *b, const struct addr *contact, bool is_reachable,
                        uint64_t now_s)
{
    if (!b)
        return false;
    (void)pthread_mutex_lock(&b->lock);
    struct contact *c = find_contact(b, contact);
    if (!c)
        c = add_contact(b, contact);
    bool is_new = c && (c->silent_s == 0) != is_reachable;
    if (is_new)
        c->silent_s = is_reachable ? 0 : now_s;
    (void)pthread_mutex_unlock(&b->lock);
    return is_new;
}

/* ---------------------------------------------------------------- reading */

static int by_aor(const void *a, const void *b)
{
    const struct row *x = *(struct row *const *)a, *y = *(struct row *const *)b;
    return str_cmp(x->aor, y->aor);
}

static struct row **sort_rows(struct board *b, struct arena *a)
{
    struct row **list = arena_calloc(a, b->rows.n + 1, sizeof(struct row *));
    size_t n = 0;
    if (!list)
        return NULL;
    list_each (it, &b->all)
        list[n++] = container_of(it, struct row, link);
    qsort(list, n, sizeof(struct row *), by_aor);
    return list;
}

static const struct contact *contact_of(const struct board *b, const struct conf_place *place)
{
    return str_is_none(place->aor) ? find_contact(b, &place->addr) : NULL;
}

static enum board_reach reach_of(const struct contact *c)
{
    if (!c)
        return BOARD_UNKNOWN;
    return c->silent_s ? BOARD_SILENT : BOARD_REACHABLE;
}

static bool is_earlier(uint64_t at_s, uint64_t than_s)
{
    return at_s && (!than_s || at_s < than_s);
}

static void copy_row(const struct board *b, const struct row *r, struct arena *a,
                     struct board_line *out)
{
    enum board_reach *reach = arena_calloc(a, r->line.n_places + 1, sizeof *reach);
    copy_line(a, &r->line, out);
    out->reach = reach;
    for (size_t i = 0; reach && i < r->line.n_places; i++) {
        const struct contact *c = contact_of(b, &r->line.places[i]);
        reach[i] = reach_of(c);
        if (c && is_earlier(c->silent_s, out->unreachable_s))
            out->unreachable_s = c->silent_s;
    }
}

int board_read(struct board *b, struct arena *a, struct board_line **lines, size_t *n)
{
    (void)pthread_mutex_lock(&b->lock);
    struct row **list = sort_rows(b, a);
    *n = list ? b->rows.n : 0;
    *lines = arena_calloc(a, *n + 1, sizeof **lines);
    for (size_t i = 0; list && *lines && i < *n; i++)
        copy_row(b, list[i], a, &(*lines)[i]);
    (void)pthread_mutex_unlock(&b->lock);
    return a->has_failed ? ERR_NOMEM : 0;
}
