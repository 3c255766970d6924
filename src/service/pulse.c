#include "service/pulse.h"

#include "base/log.h"
#include "base/stats.h"
#include "base/sys.h"
#include "service/natlife.h"
#include "store/store.h"

struct place {
    char text[ADDR_TEXT];
};

static struct place place_of(const struct pulse *p)
{
    struct place place = {0};
    (void)addr_text(&p->peer, place.text);
    return place;
}

static void log_state(const struct pulse *p, const char *what)
{
    const struct place at = place_of(p);
    log_info("device of %.*s at %s %s", STR_FMT(LOG_NAME_OF(p->aor)), at.text, what);
}

static void note_back(const struct pulse *p)
{
    stats_inc(STAT_DEVICE_BACK);
    log_state(p, "is reachable again");
}

void pulse_on_answer(struct context *c, const struct pulse *p)
{
    stats_inc(STAT_KEEPALIVE_ANSWERED);
    if (lease_set_unreachable(store_leases(c->store), p->lease, false))
        note_back(p);
}

void pulse_on_silence(struct context *c, const struct pulse *p)
{
    stats_inc(STAT_KEEPALIVE_SILENT);
    if (!lease_set_unreachable(store_leases(c->store), p->lease, true))
        return;
    stats_inc(STAT_DEVICE_LOST);
    log_state(p, "does not answer OPTIONS: unreachable, and tried last");
}

static void note_loss(struct context *c, const struct pulse *p, uint64_t heard_s)
{
    const struct conf_keepalive *k = &p->domain->keepalive;
    const struct place at = place_of(p);
    if (k->method == CONF_KEEPALIVE_OFF || !k->udp_s ||
        !natlife_on_loss(c->natlife, &p->peer, k->udp_s, heard_s, sys_service_s()))
        return;
    log_info("NAT of %s: a mapping was lost between keepalives; its network gets them every %u s",
             at.text, natlife_interval_s(c->natlife, &p->peer, k->udp_s, sys_service_s()));
}

/* When it was last heard, to within what expires-spread makes of it. */
static uint64_t heard_s(const struct binding *b, const struct lease_view *lease)
{
    return lease->expires_at_s > b->granted_s ? lease->expires_at_s - b->granted_s : 0;
}

void pulse_on_refresh(struct context *c, const struct conf_domain *domain,
                      const struct location *before, size_t nth)
{
    const struct binding *b = &before->record->bindings[nth];
    const struct pulse p = {domain, before->record->aor, b->way.peer, b->lease};
    if (!before->leases[nth].is_unreachable ||
        !lease_set_unreachable(store_leases(c->store), b->lease, false))
        return;
    note_back(&p);
    if (b->way.transport ==
        FLOW_UDP) /* the way is open again, from inside and with the same port */
        note_loss(c, &p, heard_s(b, &before->leases[nth]));
}

/* The same phone, not started anew (its Call-ID), behind the same address but by another mapping.
 */
static bool is_remapped(const struct binding *b, const struct register_view *view)
{
    const struct way *from = &view->way;
    return b->way.transport == FLOW_UDP && from->transport == FLOW_UDP &&
           addr_is_same_host(&b->way.peer, &from->peer) && b->way.peer.port != from->peer.port &&
           str_eq(b->call_id, view->call_id) && view->cseq > b->cseq && str_is_none(b->path);
}

void pulse_remember(const struct location *before, const struct register_view *view,
                    struct pulse_past *out)
{
    const struct register_contact *contact = view->contacts;
    const struct binding *b = view->n_contacts ? binding_find(before->record, contact->uri,
                                                              contact->instance, contact->reg_id)
                                               : NULL;
    *out = (struct pulse_past){0};
    if (!b)
        return;
    const struct lease_view *lease = &before->leases[b - before->record->bindings];
    out->is_unreachable = lease->is_unreachable;
    out->is_lost = is_remapped(b, view);
    out->heard_s = heard_s(b, lease);
}

void pulse_on_accept(struct context *c, const struct pulse *p, const struct pulse_past *past)
{
    if (past->is_unreachable)
        note_back(p);
    if (past->is_lost)
        note_loss(c, p, past->heard_s);
}
