#include "net/flow.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/stats.h"

enum { SLOTS_MIN = 16, NO_SLOT = UINT32_MAX };

/* RFC 3261 18.1.1: what any network may be trusted to carry in one piece. */
enum { UNCUT_LEN = 1300 };

struct slot {
    flow_send_fn *send; /* NULL: free */
    void *self;
    uint32_t generation; /* of the flow that lives here, or of the next one */
    uint32_t next_free;
};

struct flow_table {
    struct slot *slots;
    uint32_t n, cap;
    uint32_t first_free;
    uint32_t n_live;
    uint16_t worker;
    bool has_warned; /* of a large request: once, the counter goes on */
};

static const struct {
    struct str name;
    bool is_reliable;
} transports[FLOW_TRANSPORT_MAX] = {
    [FLOW_UDP] = {{"UDP", 3}, false},
};

int flow_table_new(unsigned worker, struct flow_table **out)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (!t)
        return ERR_NOMEM;
    t->worker = (uint16_t)worker;
    t->first_free = NO_SLOT;
    *out = t;
    return 0;
}

void flow_table_free(struct flow_table *t)
{
    if (!t)
        return;
    BUG_ON(t->n_live);
    free(t->slots);
    free(t);
}

static int grow(struct flow_table *t)
{
    if (t->cap > UINT32_MAX / 4)
        return ERR_NOMEM;
    uint32_t cap = t->cap ? t->cap * 2 : SLOTS_MIN;
    struct slot *slots = realloc(t->slots, cap * sizeof *slots);
    if (!slots)
        return ERR_NOMEM;
    t->slots = slots;
    t->cap = cap;
    return 0;
}

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
    t->slots[t->n] = (struct slot){.generation = 1};
    return t->n++;
}

int flow_add(struct flow_table *t, flow_send_fn *send, void *self, struct flow_ref *out)
{
    uint32_t i = take_slot(t);
    if (i == NO_SLOT)
        return ERR_NOMEM;
    t->slots[i].send = send;
    t->slots[i].self = self;
    t->n_live++;
    out->slot = i;
    out->generation = t->slots[i].generation;
    out->worker = t->worker;
    return 0;
}

/* A UDP listener has the same slot in every worker's table: the workers open their listeners in
 * one order. */
static struct slot *find(const struct flow_table *t, const struct flow_ref *ref)
{
    if (ref->slot >= t->n || (ref->worker != t->worker && ref->transport != FLOW_UDP))
        return NULL;
    struct slot *s = &t->slots[ref->slot];
    return s->send && s->generation == ref->generation ? s : NULL;
}

void flow_del(struct flow_table *t, const struct flow_ref *ref)
{
    struct slot *s = find(t, ref);
    BUG_ON(!s);
    s->send = NULL;
    s->self = NULL;
    if (++s->generation == 0)
        s->generation = 1;
    s->next_free = t->first_free;
    t->first_free = ref->slot;
    t->n_live--;
}

/* D83. RFC 3261 18.1.1 wants a larger request on a transport with congestion control, and back on
 * UDP where the peer has none. We have none, so it stays on UDP and the network cuts it; a response
 * stays on its request's transport anyway (18.2.2). */
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
        bytes.n, addr_text(&to->peer, (char[ADDR_TEXT]){0}), (int)UNCUT_LEN);
}

int flow_send(struct flow_table *t, const struct flow_ref *to, struct str bytes)
{
    const struct slot *s = find(t, to);
    int err = s ? s->send(s->self, to, bytes) : ERR_GONE;
    if (!err && bytes.n > UNCUT_LEN && !flow_is_reliable((enum flow_transport)to->transport))
        note_large(t, to, bytes);
    return err;
}

bool flow_is_live(const struct flow_table *t, const struct flow_ref *ref)
{
    return find(t, ref) != NULL;
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

bool flow_is_reliable(enum flow_transport transport)
{
    return transports[transport].is_reliable;
}
