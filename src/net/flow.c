#include "net/flow.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "net/tenants.h"

/* A slot's number has 24 bits in flow_id. */
enum { SLOTS_MIN = 16, SLOTS_MAX = 1 << 24, NO_SLOT = UINT32_MAX };

/* The other workers look at these: the generations of the streams that live, 0 where none does. A
 * leaf is made when its first stream comes and stays. */
enum { LEAF_BITS = 12, LEAF_SLOTS = 1 << LEAF_BITS, LEAVES = SLOTS_MAX / LEAF_SLOTS };

struct leaf {
    _Atomic uint32_t generations[LEAF_SLOTS];
};

struct slot {
    flow_send_fn *send;                /* NULL: free */
    const struct flow_stream_ops *ops; /* of a stream */
    void *self;
    struct tenant *tenants; /* of a stream */
    uint32_t generation;    /* of the flow that lives here, or of the next one */
    uint32_t next_free;
};

struct flow_table {
    struct slot *slots;
    uint32_t n, cap;
    uint32_t first_free;
    uint32_t n_live;
    uint32_t first_generation; /* of a stream in a slot that is new */
    uint16_t worker;
    bool has_warned; /* of a large request: once, the counter goes on */
    struct flow_group *group;
    flow_lost_fn *on_lost; /* or NULL */
    void *on_lost_arg;
    _Atomic(struct leaf *) leaves[LEAVES];
};

static const struct {
    struct str name;
    bool is_reliable, is_secure;
} transports[FLOW_TRANSPORT_MAX] = {
    [FLOW_UDP] = {{"UDP", 3}, false, false}, [FLOW_TCP] = {{"TCP", 3}, true, false},
    [FLOW_TLS] = {{"TLS", 3}, true, true},   [FLOW_WS] = {{"WS", 2}, true, false},
    [FLOW_WSS] = {{"WSS", 3}, true, true},
};

int flow_table_new(unsigned worker, struct flow_table **out)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->worker = (uint16_t)worker;
    t->first_free = NO_SLOT;
    sys_random(&t->first_generation, sizeof t->first_generation);
    *out = t;
    return 0;
}

void flow_table_join(struct flow_table *t, struct flow_group *group)
{
    BUG_ON(t->worker >= FLOW_WORKERS_MAX);
    t->group = group;
    group->tables[t->worker] = t;
}

void flow_table_on_lost(struct flow_table *t, flow_lost_fn *fn, void *arg)
{
    t->on_lost = fn;
    t->on_lost_arg = arg;
}

void flow_table_free(struct flow_table *t)
{
    if (!t)
        return;
    BUG_ON(t->n_live);
    if (t->group)
        t->group->tables[t->worker] = NULL;
    for (size_t i = 0; i < LEAVES; i++)
        free(atomic_load_explicit(&t->leaves[i], memory_order_relaxed));
    free(t->slots);
    free(t);
}

static int grow(struct flow_table *t)
{
    if (t->cap >= SLOTS_MAX)
        return ERR_NOMEM;
    uint32_t cap = t->cap ? t->cap * 2 : SLOTS_MIN;
    struct slot *slots = realloc(t->slots, cap * sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    t->slots = slots;
    t->cap = cap;
    return 0;
}

/* ---------------------------------------------------------------- what others see */

static _Atomic uint32_t *seen_generation(const struct flow_table *t, uint32_t slot)
{
    struct leaf *leaf =
        slot < SLOTS_MAX ? atomic_load_explicit(&t->leaves[slot >> LEAF_BITS], memory_order_acquire)
                         : NULL;
    return leaf ? &leaf->generations[slot & (LEAF_SLOTS - 1)] : NULL;
}

static int make_leaf(struct flow_table *t, uint32_t slot)
{
    if (seen_generation(t, slot))
        return 0;
    struct leaf *leaf = calloc(1, sizeof *leaf);
    if (!leaf)
        return ERR_NOMEM;
    atomic_store_explicit(&t->leaves[slot >> LEAF_BITS], leaf, memory_order_release);
    return 0;
}

static void show(const struct flow_table *t, uint32_t slot, uint32_t generation)
{
    _Atomic uint32_t *seen = seen_generation(t, slot);
    if (seen)
        atomic_store_explicit(seen, generation, memory_order_release);
}

static bool is_elsewhere(const struct flow_table *t, const struct flow_ref *ref)
{
    return ref->worker != t->worker && ref->transport != FLOW_UDP;
}

/* Of a stream that another worker has. */
static bool is_seen(const struct flow_table *t, const struct flow_ref *ref)
{
    const struct flow_table *other =
        t->group && ref->worker < FLOW_WORKERS_MAX ? t->group->tables[ref->worker] : NULL;
    _Atomic uint32_t *seen = other ? seen_generation(other, ref->slot) : NULL;
    return seen && ref->generation &&
           atomic_load_explicit(seen, memory_order_acquire) == ref->generation;
}

/* ---------------------------------------------------------------- slots */

/* A slot that nothing lives in; NO_SLOT when there is no memory for one. */
static uint32_t take_slot(struct flow_table *t)
{
    uint32_t i = t->first_free;
    if (i != NO_SLOT) {
        t->first_free = t->slots[i].next_free;
        return i;
    }
    if (t->n == t->cap && grow(t))
        return NO_SLOT;
    t->slots[t->n] = (struct slot){.generation = 0};
    return t->n++;
}

static void give_slot(struct flow_table *t, uint32_t i)
{
    t->slots[i].next_free = t->first_free;
    t->first_free = i;
}

static uint32_t next_of(uint32_t generation)
{
    return generation == UINT32_MAX ? 1 : generation + 1;
}

int flow_add(struct flow_table *t, flow_send_fn *send, void *self, struct flow_ref *out)
{
    uint32_t i = take_slot(t);
    if (i == NO_SLOT)
        return ERR_NOMEM;
    bool is_stream = out->transport != FLOW_UDP;
    if (is_stream && make_leaf(t, i)) {
        give_slot(t, i);
        return ERR_NOMEM;
    }
    struct slot *s = &t->slots[i];
    s->ops = NULL;
    if (s->generation == 0)
        s->generation = next_of(is_stream ? t->first_generation : 0);
    s->send = send;
    s->self = self;
    t->n_live++;
    out->slot = i;
    out->generation = s->generation;
    out->worker = t->worker;
    if (is_stream)
        show(t, i, s->generation);
    return 0;
}

int flow_add_stream(struct flow_table *t, const struct flow_stream_ops *ops, void *self,
                    struct flow_ref *out)
{
    BUG_ON(out->transport == FLOW_UDP);
    int err = flow_add(t, ops->send, self, out);
    if (!err)
        t->slots[out->slot].ops = ops;
    return err;
}

/* A UDP listener has the same slot in every worker's table: the workers open their listeners in
 * one order. */
static struct slot *find(const struct flow_table *t, const struct flow_ref *ref)
{
    if (ref->slot >= t->n || is_elsewhere(t, ref))
        return NULL;
    struct slot *s = &t->slots[ref->slot];
    return s->send && s->generation == ref->generation ? s : NULL;
}

static void tell_lost(const struct flow_table *t, const struct flow_ref *ref, struct str aor)
{
    if (t->on_lost)
        t->on_lost(flow_id(ref), aor, t->on_lost_arg);
}

static void lose(const struct flow_table *t, const struct flow_ref *ref, struct tenant *tenants)
{
    for (struct tenant *i = tenants_pop(&tenants); i; i = tenants_pop(&tenants)) {
        tell_lost(t, ref, (struct str){i->aor, i->n});
        free(i);
    }
}

void flow_del(struct flow_table *t, const struct flow_ref *ref)
{
    struct slot *s = find(t, ref);
    BUG_ON(!s);
    struct tenant *tenants = s->tenants;
    s->send = NULL;
    s->self = NULL;
    s->tenants = NULL;
    s->generation = next_of(s->generation);
    show(t, ref->slot, 0);
    give_slot(t, ref->slot);
    t->n_live--;
    lose(t, ref, tenants);
}

/* D83. RFC 3261 18.1.1 wants a larger request on a transport with congestion control, and back on
 * UDP where the peer has none: those for an upstream have been there (service/servers.h). The
 * network cuts what is left; a response stays on its request's transport anyway (18.2.2). */
static void note_large(struct flow_table *t, const struct flow_ref *to, struct str bytes)
{
    if (str_has_prefix(bytes, STR("SIP/"))) {
        stats_inc(STAT_LARGE_RESPONSE);
        return;
    }
    stats_inc(STAT_LARGE_REQUEST);
    if (t->has_warned)
        return;
    t->has_warned = true;
    log_warn(
        "udp: a request of %zu bytes to %s: beyond %d bytes a datagram may travel in fragments, "
        "and some firewalls drop those; from now on only large_datagrams_total counts them",
        bytes.n, addr_text(&to->peer, (char[ADDR_TEXT]){0}), (int)FLOW_UNCUT_LEN);
}

static int post(const struct flow_table *t, const struct flow_order *order, struct str bytes)
{
    return is_seen(t, &order->to) ? t->group->post(order, bytes, t->group->arg) : ERR_GONE;
}

int flow_send(struct flow_table *t, const struct flow_ref *to, struct str bytes)
{
    flow_show(t->group, to, false, bytes);
    if (is_elsewhere(t, to))
        return post(t, &(struct flow_order){.to = *to}, bytes);
    const struct slot *s = find(t, to);
    int err = s ? s->send(s->self, to, bytes) : ERR_GONE;
    if (!err && bytes.n > FLOW_UNCUT_LEN && !flow_is_reliable((enum flow_transport)to->transport))
        note_large(t, to, bytes);
    return err;
}

static void give_order(struct flow_table *t, const struct flow_order *order, struct str aor)
{
    if (!is_elsewhere(t, &order->to))
        flow_obey(t, order, aor);
    else if (post(t, order, aor) == ERR_GONE && order->what == FLOW_ORDER_JOIN)
        tell_lost(t, &order->to, aor);
}

void flow_hold(struct flow_table *t, const struct flow_ref *ref, uint64_t until_ms)
{
    give_order(t, &(struct flow_order){.to = *ref, .what = FLOW_ORDER_HOLD, .until_ms = until_ms},
               STR(""));
}

void flow_join(struct flow_table *t, const struct flow_ref *ref, struct str aor)
{
    give_order(t, &(struct flow_order){.to = *ref, .what = FLOW_ORDER_JOIN}, aor);
}

void flow_leave(struct flow_table *t, const struct flow_ref *ref, struct str aor)
{
    give_order(t, &(struct flow_order){.to = *ref, .what = FLOW_ORDER_LEAVE}, aor);
}

void flow_close(struct flow_table *t, const struct flow_ref *ref)
{
    const struct slot *s = find(t, ref);
    if (s && s->ops)
        s->ops->close(s->self);
}

static void obey_stream(struct slot *s, const struct flow_order *order, struct str aor)
{
    switch (order->what) {
    case FLOW_ORDER_SEND:
        break;
    case FLOW_ORDER_HOLD:
        s->ops->hold(s->self, order->until_ms);
        break;
    case FLOW_ORDER_JOIN:
        (void)tenants_add(&s->tenants, aor);
        s->ops->join(s->self);
        break;
    case FLOW_ORDER_LEAVE:
        tenants_del(&s->tenants, aor);
        s->ops->leave(s->self);
        break;
    }
}

void flow_obey(struct flow_table *t, const struct flow_order *order, struct str bytes)
{
    struct slot *s = find(t, &order->to);
    if (order->what == FLOW_ORDER_SEND) {
        if (s)
            (void)s->send(s->self, &order->to, bytes);
    } else if (s && s->ops) {
        obey_stream(s, order, bytes);
    } else if (order->what == FLOW_ORDER_JOIN && flow_id(&order->to)) {
        tell_lost(t, &order->to, bytes);
    }
}

bool flow_is_live(const struct flow_table *t, const struct flow_ref *ref)
{
    return is_elsewhere(t, ref) ? is_seen(t, ref) : find(t, ref) != NULL;
}

/* WORKER:8 SLOT:24 GENERATION:32 */
uint64_t flow_id(const struct flow_ref *ref)
{
    if (ref->transport == FLOW_UDP)
        return 0;
    return (uint64_t)ref->worker << 56 | (uint64_t)ref->slot << 32 | ref->generation;
}

void flow_of_id(uint64_t id, struct flow_ref *out)
{
    out->worker = (uint16_t)(id >> 56);
    out->slot = (uint32_t)(id >> 32) & (SLOTS_MAX - 1);
    out->generation = (uint32_t)id;
}

bool flow_is_same(const struct flow_ref *a, const struct flow_ref *b)
{
    if (a->generation == 0 || a->slot != b->slot || a->generation != b->generation ||
        a->transport != b->transport)
        return false;
    if (a->transport == FLOW_UDP)
        return a->listener == b->listener && addr_is_equal(&a->peer, &b->peer);
    return a->worker == b->worker;
}

struct str flow_transport_name(enum flow_transport transport)
{
    return transports[transport].name;
}

bool flow_is_secure(enum flow_transport transport)
{
    return transports[transport].is_secure;
}

bool flow_is_web(enum flow_transport transport)
{
    return transport == FLOW_WS || transport == FLOW_WSS;
}

bool flow_is_reliable(enum flow_transport transport)
{
    return transports[transport].is_reliable;
}
