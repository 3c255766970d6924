#include "store/sweep.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/stats.h"
#include "base/sys.h"
#include "core/expiry.h"

/* Of one turn: between, phones are served. */
enum { LOOKS = 512, LAPSES = 128 };

/* What could not be done now is tried again after so long; what could not be read, later. */
enum { RETRY_S = 5, REREAD_S = 60 };

enum { SCRATCH_LIMIT = 1 << 20 };

struct sweep {
    struct sweep_conf conf;
    struct lmdb_reader *reader;
    struct arena scratch;
};

int sweep_new(const struct sweep_conf *conf, struct sweep **out)
{
    struct sweep *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    s->conf = *conf;
    arena_init(&s->scratch, SCRATCH_LIMIT);
    int err = lmdb_reader_new(conf->records->env, &s->reader);
    if (err) {
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void sweep_free(struct sweep *s)
{
    if (!s)
        return;
    lmdb_reader_free(s->reader);
    arena_fini(&s->scratch);
    free(s);
}

/* ---- dates */

/* Of an AoR whose domain is no longer configured: nothing is granted it. */
static const struct absorb_conf nobody = {.grace_s = 0};

static const struct absorb_conf *policy(const struct sweep *s, struct str aor)
{
    const struct absorb_conf *conf = s->conf.policy ? s->conf.policy(aor, s->conf.arg) : NULL;
    return conf ? conf : &nobody;
}

uint32_t sweep_grace_s(const struct sweep *s, struct str aor)
{
    return policy(s, aor)->grace_s;
}

struct outlook {
    uint64_t now_s, told_s;
    uint64_t next_s; /* the first date that is still to come */
    bool has_lapsed, is_due;
};

/* False: the date has come. */
static bool is_ahead(struct outlook *o, uint64_t at_s)
{
    if (at_s <= o->now_s)
        return false;
    if (at_s < o->next_s)
        o->next_s = at_s;
    return true;
}

static bool is_used(const struct aor_record *r, uint64_t upreg_id)
{
    for (size_t i = 0; i < r->n_bindings; i++)
        if (r->bindings[i].upreg_id == upreg_id)
            return true;
    return false;
}

static void look_upreg(struct outlook *o, const struct aor_record *r, const struct upreg *u)
{
    if (u->state == UPREG_ENDED) { /* nobody has to do anything about it */
        o->has_lapsed |= !is_ahead(o, u->dead_at_s + UPREG_KNOWN_S);
        return;
    }
    /* at a start: who tried to remove it is gone, and so may be the line */
    if ((u->state == UPREG_LEAVING || u->is_fixed) && o->told_s == 0)
        o->is_due = true;
    const uint64_t dates[] = {expiry_refresh_by_s(r, u), u->dead_at_s};
    for (size_t i = 0; i < sizeof dates / sizeof dates[0]; i++)
        if (!is_ahead(o, dates[i]) && dates[i] > o->told_s)
            o->is_due = true;
    if (u->dead_at_s <= o->now_s && !is_used(r, u->id) && !u->is_fixed)
        o->has_lapsed = true;
}

static struct outlook look(const struct sweep *s, const struct aor_record *r, uint64_t told_s)
{
    struct outlook o = {.now_s = sys_service_s(), .told_s = told_s, .next_s = UINT64_MAX};
    uint32_t grace_s = sweep_grace_s(s, r->aor);
    for (size_t i = 0; i < r->n_bindings; i++) {
        const struct binding *b = &r->bindings[i];
        struct lease_state lease = {.expires_at_s = b->expires_at_s};
        (void)lease_read(s->conf.leases, b->lease, &lease);
        if (!is_ahead(&o, lease.expires_at_s + grace_s))
            o.has_lapsed = true;
    }
    for (size_t i = 0; i < r->n_upregs; i++)
        look_upreg(&o, r, &r->upregs[i]);
    return o;
}

/* ---- events */

static void send_event(struct sweep *s, struct store_event *e)
{
    struct inbox *owner = s->conf.owner ? s->conf.owner(e->aor, s->conf.arg) : NULL;
    if (owner)
        inbox_push(owner, &e->node);
    else
        free(e);
}

static struct store_event *make_event(const struct sweep *s, struct str aor, int what)
{
    struct store_event *e = NULL;
    if (update_event_new(aor, &e))
        return NULL;
    e->node.fn = s->conf.on_event;
    e->what = what;
    return e;
}

/* Each date once. */
static void tell_due(struct sweep *s, struct calendar_entry *entry, struct outlook *o)
{
    struct store_event *e = make_event(s, calendar_aor(entry), STORE_DUE);
    if (!e) {
        (void)is_ahead(o, o->now_s + RETRY_S);
        return;
    }
    entry->told_s = o->now_s;
    entry->must_tell = false;
    stats_inc(STAT_STORE_DUE);
    send_event(s, e);
}

void sweep_on_done(struct sweep *s, struct update *u)
{
    struct store_event *e = u->event;
    u->event = NULL;
    stats_add(STAT_STORE_LAPSED, u->result.code);
    stats_add(STAT_REASON_EXPIRED, u->result.code);
    if (u->result.code)
        send_event(s, e);
    else
        free(e);
}

/* ---- taking */

/* The code is the number of bindings. */
static int lapse(const struct store_change *c, void *input, bool *is_changed)
{
    const struct sweep *s = input;
    *is_changed = absorb_lapse(policy(s, c->now_state->aor), c->leases, c->now_s, c->next) > 0;
    return (int)(c->now_state->n_bindings - c->next->n_bindings);
}

/* ERR_FULL: the group has no place. */
static int take(struct sweep *s, struct group *g, struct str aor)
{
    struct update *u;
    int err = update_new(&(struct store_request){.aor = aor, .reduce = lapse}, &u);
    if (err)
        return err;
    u->result.input = s;
    u->event = make_event(s, aor, STORE_LAPSED);
    err = !u->event ? ERR_NOMEM : group_add(g, u) ? 0 : ERR_FULL;
    if (err)
        update_free(u);
    return err;
}

/* ---- looking */

static void file(struct sweep *s, struct calendar_entry *e, const struct outlook *o)
{
    if (o->has_lapsed || o->is_due)
        calendar_file(s->conf.calendar, e, o->now_s);
    else if (o->next_s != UINT64_MAX)
        calendar_file(s->conf.calendar, e, o->next_s);
}

void sweep_file(struct sweep *s, struct calendar_entry *e, const struct aor_record *r)
{
    struct outlook o = look(s, r, e->told_s);
    file(s, e, &o);
}

/* False: the group is full. */
static bool visit(struct sweep *s, struct group *g, struct calendar_entry *e, size_t *n_taken)
{
    struct aor_record *r;
    uint64_t now_s = sys_service_s();
    struct lmdb_txn *t = lmdb_reader_begin(s->reader);
    int err = records_get(s->conf.records, t, &s->scratch, calendar_aor(e), &r);
    if (err == ERR_ABSENT) {
        calendar_del(s->conf.calendar, e);
        return true;
    }
    if (err) {
        calendar_file(s->conf.calendar, e, now_s + REREAD_S);
        return true;
    }
    struct outlook o = look(s, r, e->told_s);
    if (o.is_due || e->must_tell)
        tell_due(s, e, &o);
    o.is_due = false;
    err = o.has_lapsed ? take(s, g, calendar_aor(e)) : 0;
    if (o.has_lapsed)
        calendar_file(s->conf.calendar, e, err == ERR_FULL ? now_s : now_s + RETRY_S);
    else
        file(s, e, &o);
    *n_taken += o.has_lapsed;
    return err != ERR_FULL && *n_taken < LAPSES;
}

bool sweep_turn(struct sweep *s, struct group *g)
{
    uint64_t now_s = sys_service_s();
    size_t n_taken = 0, n = 0;
    bool has_room = true;
    for (; n < LOOKS && has_room; n++) {
        struct calendar_entry *e = calendar_next(s->conf.calendar, now_s);
        if (!e)
            break;
        has_room = visit(s, g, e, &n_taken);
        arena_reset(&s->scratch, SCRATCH_LIMIT);
    }
    lmdb_reader_end(s->reader);
    return n == LOOKS || !has_room;
}
