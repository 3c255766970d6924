#include "service/dialog.h"

#include "core/route.h"
#include "service/egress.h"
#include "sip/uri.h"

static bool is_us(struct context *c, const struct packet *p, const struct uri *u)
{
    return !str_is_none(u->host) && egress_is_us(c->egress, u->host, u->port, &p->flow);
}

/* A pair of URIs for the two sides of one phone's dialog is one leg. */
static void add_leg(struct dialog *out, const struct way *phone, enum route_side side,
                    enum route_side last)
{
    bool is_pair = out->n_legs && side != last && side != ROUTE_BOTH && last != ROUTE_BOTH &&
                   binding_is_same_way(&out->legs[out->n_legs - 1], phone);
    if (is_pair)
        return;
    if (out->n_legs == DIALOG_LEGS_MAX)
        out->is_forged = true; /* nothing that we have made has more */
    else
        out->legs[out->n_legs++] = *phone;
}

/* One Route of ours: signed for a dialog, a Path that upstream follows, or just our address as an
 * outbound proxy. */
static void take_route(struct context *c, const struct msg *m, const struct uri *u,
                       enum route_side *last, struct dialog *out)
{
    enum route_side side = ROUTE_BOTH;
    struct way phone;
    out->n_routes++;
    if (str_has_prefix(u->user, STR("t-"))) {
        out->path_user = u->user;
    } else if (str_has_prefix(u->user, STR("rr"))) {
        /* a listener may be gone since a restart */
        if (!route_parse(&c->token_key, u->user, m->call_id, &side, &phone) ||
            phone.listener >= c->n_listeners)
            out->is_forged = true;
        else
            add_leg(out, &phone, side, *last);
        *last = side;
    }
}

void dialog_read(struct context *c, const struct packet *p, const struct msg *m, struct dialog *out)
{
    enum route_side last = ROUTE_BOTH;
    *out = (struct dialog){0};
    for (const struct msg_line *l = msg_first(m, HDR_ROUTE); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct nameaddr route;
        struct uri u;
        while (nameaddr_next(&rest, &route) == 1) {
            if (uri_parse(route.uri, &u) || !is_us(c, p, &u)) {
                out->next = route.uri;
                return;
            }
            take_route(c, m, &u, &last, out);
        }
    }
}

unsigned dialog_own_routes(struct context *c, const struct packet *p, const struct msg *m)
{
    struct dialog d;
    dialog_read(c, p, m, &d);
    return d.n_routes;
}
