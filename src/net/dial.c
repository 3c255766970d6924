#include "net/dial.h"

#include <string.h>

enum { DOUBLINGS = 5 }; /* from the first pause to the longest */

static struct dial *find_place(struct dials *d)
{
    struct dial *oldest = NULL;
    if (d->n < DIALS_MAX)
        return &d->list[d->n++];
    for (size_t i = 0; i < d->n; i++) {
        struct dial *e = &d->list[i];
        if (!e->is_up && (!oldest || e->asked_ms < oldest->asked_ms))
            oldest = e;
    }
    return oldest;
}

static const char *name_of(const struct stream_peer *peer)
{
    return peer->tls && peer->name ? peer->name : "";
}

static bool is_to(const struct dial *d, const struct stream_peer *peer)
{
    return d->tls == peer->tls && addr_is_equal(&d->peer, &peer->addr) &&
           strcmp(d->name, name_of(peer)) == 0;
}

struct dial *dial_find(struct dials *d, const struct stream_peer *peer, uint64_t now_ms)
{
    struct dial *e = NULL;
    size_t len = strlen(name_of(peer));
    for (size_t i = 0; i < d->n && !e; i++)
        if (is_to(&d->list[i], peer))
            e = &d->list[i];
    if (!e) {
        e = len < DIAL_NAME ? find_place(d) : NULL;
        if (!e)
            return NULL;
        *e = (struct dial){.peer = peer->addr, .tls = peer->tls};
        memcpy(e->name, name_of(peer), len + 1);
    }
    e->asked_ms = now_ms;
    e->is_retired = false;
    return e;
}

bool dial_is_paused(const struct dial *d, uint64_t now_ms)
{
    return d->n_failures && now_ms < d->retry_ms;
}

void dial_on_start(struct dial *d, const struct flow_ref *flow)
{
    d->flow = *flow;
    d->is_up = true;
}

void dial_on_open(struct dial *d)
{
    d->n_failures = 0;
    d->is_open = true;
}

void dial_on_end(struct dial *d, bool was_open, uint64_t now_ms)
{
    d->is_up = d->is_open = false;
    if (was_open)
        return;
    unsigned n = d->n_failures < DOUBLINGS ? d->n_failures : DOUBLINGS;
    d->retry_ms = now_ms + ((uint64_t)DIAL_PAUSE_MS << n);
    d->n_failures++;
}
