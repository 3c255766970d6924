#include "service/lostdata.h"

#include <stdatomic.h>

#include "base/sys.h"
#include "service/alarm.h"
#include "service/location.h"
#include "service/reg.h"
#include "service/shield.h"
#include "service/signs.h"
#include "sip/contact.h"

/* ---------------------------------------------------------------- what upstream holds */

static bool is_held(const struct upreg *u, uint64_t now_s)
{
    return u->state == UPREG_LIVE && u->dead_at_s > now_s;
}

/* Anybody may ask for a line that is not his, and a refusal says nothing of it then. */
static bool is_from_line(const struct absorb_input *in)
{
    for (size_t i = 0; i < in->now_state->n_bindings; i++) {
        const struct binding *b = &in->now_state->bindings[i];
        if (binding_is_from(b, &in->view->way, &in->view->family))
            return true;
    }
    return false;
}

void lostdata_prepare(struct reg *r, const struct absorb_input *in)
{
    r->n_upstream = r->n_beside = 0;
    r->is_heard = r->is_own || is_from_line(in);
    for (size_t i = 0; i < in->now_state->n_upregs; i++) {
        const struct upreg *u = &in->now_state->upregs[i];
        r->n_upstream += r->is_heard && is_held(u, in->now_s);
        r->n_beside += is_held(u, in->now_s) && u->id != r->up.upreg_id;
    }
}

static bool is_listed(const struct context *c, const struct msg *m, uint64_t upreg_id)
{
    for (const struct msg_line *l = msg_first(m, HDR_CONTACT); l; l = msg_next(m, l)) {
        struct str rest = l->value;
        struct contact contact;
        uint64_t id;
        while (contact_next(&rest, &contact) == 1)
            if (!contact.addr.is_star && token_find(&c->token_key, &contact.uri, &id) &&
                id == upreg_id)
                return true;
    }
    return false;
}

/* Some registrars list none but the contact of the request: only those that have ever listed
 * another one tell anything. True: one is missing. */
static bool is_short(const struct reg *r, const struct msg *m)
{
    struct context *c = r->context;
    struct shield *s = r->v.domain->upstream->shield;
    struct location now;
    size_t n_missing = 0;
    if (location_read(c, &c->scratch, r->v.view.aor, &now))
        return false;
    for (size_t i = 0; i < now.record->n_upregs; i++) {
        const struct upreg *u = &now.record->upregs[i];
        if (u->id == r->up.upreg_id || !is_held(u, sys_service_s()))
            continue;
        if (is_listed(c, m, u->id))
            atomic_store(&s->is_listing, true);
        else
            n_missing++;
    }
    return n_missing > 0 && atomic_load(&s->is_listing);
}

void lostdata_judge(const struct reg *r, const struct msg *answer)
{
    const struct conf_upstream *u = r->v.domain->upstream;
    bool is_unknown = answer->status == 404 || answer->status == 480;
    if (!u->shield || r->up.as == FORWARD_REMOVAL)
        return;
    if ((is_unknown && r->n_upstream) ||
        (answer->status < 300 && r->n_beside && is_short(r, answer)))
        signs_note(r->context, u, r->v.view.aor);
}

/* ---------------------------------------------------------------- walks */

/* What it was. */
static uint64_t raise_to(_Atomic uint64_t *at, uint64_t value)
{
    uint64_t was = atomic_load(at);
    while (was < value && !atomic_compare_exchange_weak(at, &was, value))
        ;
    return was;
}

void lostdata_on_walk(const struct conf_upstream *u, uint64_t since_s, bool is_ordered)
{
    if (is_ordered)
        (void)raise_to(&u->shield->rehome_s, since_s);
    if (raise_to(&u->shield->lost_s, since_s) < since_s) /* the first worker */
        signs_clear(u);
    atomic_fetch_add(&u->shield->n_walking, 1);
}

void lostdata_on_walked(struct context *c, const struct conf_upstream *u)
{
    if (atomic_fetch_sub(&u->shield->n_walking, 1) == 1)
        (void)alarm_end(c->alarms, ALARM_LOST_DATA, u->name);
}
