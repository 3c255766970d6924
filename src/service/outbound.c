#include "service/outbound.h"

#include "base/err.h"
#include "net/flow.h"
#include "sip/nameaddr.h"
#include "sip/param.h"
#include "sip/uri.h"

static const struct str tag = {"outbound", 8};

static bool is_direct(const struct msg *m)
{
    const struct msg_line *first = msg_first(m, HDR_VIA);
    BUG_ON(!first);
    struct str rest = first->value, element;
    size_t n = 0;
    while (param_split(&rest, &element))
        n++;
    return n == 1 && !msg_next(m, first);
}

/* The proxy that is next to the device has put its Path in before all others, each of which went on
 * top of it. */
static struct str first_path(const struct msg *m)
{
    struct str last = STR_NONE;
    for (const struct msg_line *l = msg_first(m, HDR_PATH); l; l = msg_next(m, l)) {
        struct str rest = l->value, element;
        while (param_split(&rest, &element))
            last = element;
    }
    return last;
}

static bool is_flow_kept(const struct msg *m)
{
    struct nameaddr path;
    struct uri u;
    struct str ignored;
    return is_direct(m) || (nameaddr_parse(first_path(m), &path) == 0 &&
                            uri_parse(path.uri, &u) == 0 && uri_param(&u, STR("ob"), &ignored));
}

enum reason outbound_judge(const struct msg *m, struct register_view *v)
{
    size_t n_lasting = 0;
    for (size_t i = 0; i < v->n_contacts; i++) {
        v->is_outbound = v->is_outbound || v->contacts[i].reg_id;
        n_lasting += v->contacts[i].expires_s != 0;
    }
    if (!v->is_outbound)
        return REASON_MAX;
    if (n_lasting > 1)
        return REASON_BAD_CONTACT;
    return is_flow_kept(m) ? REASON_MAX : REASON_FIRST_HOP;
}

/* A device behind a NAT keeps a UDP flow open by the RFC's own interval, so that it is told of
 * streams alone. */
void outbound_answer(const struct conf_domain *d, const struct register_view *v,
                     struct outbound_reply *out)
{
    out->require = out->flow_timer = STR_NONE;
    if (!v->is_outbound || register_is_removal(v))
        return;
    out->require = tag;
    if (v->way.transport == FLOW_UDP || !d->flow_timer_s)
        return;
    struct buf b = buf_over(out->text, sizeof out->text);
    buf_add_u64(&b, d->flow_timer_s);
    out->flow_timer = buf_str(&b);
}
