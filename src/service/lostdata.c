#include "service/lostdata.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/sys.h"
#include "service/alarm.h"
#include "service/location.h"
#include "service/reg.h"
#include "service/shield.h"
#include "sip/contact.h"

/* ---------------------------------------------------------------- signs */

/* A sign is the line's hash:32, and when it was seen:32; service clock. */
static uint64_t sign_word(const struct context *c, struct str aor, uint64_t now_s)
{
    return hash_str(&c->loop_key, aor) << 32 | (uint32_t)now_s;
}

static bool is_recent(uint64_t sign, uint64_t now_s)
{
    return sign && (uint32_t)sign + (uint64_t)LOSTDATA_WITHIN_S > now_s;
}

/* In the place of the same line's, else of the oldest. How many lines there are of late. */
static unsigned put(struct shield *s, uint64_t sign, uint64_t now_s)
{
    unsigned n = 0;
    size_t at = 0;
    for (size_t i = 0; i < LOSTDATA_LINES; i++) {
        uint64_t here = atomic_load(&s->signs[i]), oldest = atomic_load(&s->signs[at]);
        if (here >> 32 == sign >> 32 && here) {
            at = i;
            break;
        }
        if ((uint32_t)here < (uint32_t)oldest)
            at = i;
    }
    atomic_store(&s->signs[at], sign);
    for (size_t i = 0; i < LOSTDATA_LINES; i++)
        n += is_recent(atomic_load(&s->signs[i]), now_s);
    return n;
}

/* Whoever moves the word begins it, for all workers. */
static void begin(struct context *c, const struct conf_upstream *u, uint64_t now_s)
{
    uint64_t lost_s = atomic_load(&u->shield->lost_s);
    if ((lost_s && now_s < lost_s + LOSTDATA_AGAIN_S) ||
        !atomic_compare_exchange_strong(&u->shield->lost_s, &lost_s, now_s))
        return;
    log_warn("upstream \"%s\": it seems to have lost its data: resync = auto", u->name);
    c->resync(str_of(u->name), c->resync_arg);
}

static void note(struct context *c, const struct conf_upstream *u, struct str aor)
{
    uint64_t now_s = sys_service_s(), lost_s = atomic_load(&u->shield->lost_s);
    if (lost_s && now_s < lost_s + LOSTDATA_AGAIN_S)
        return;
    if (put(u->shield, sign_word(c, aor, now_s), now_s) < LOSTDATA_LINES)
        return;
    (void)alarm_raise(c->alarms, ALARM_LOST_DATA, u->name, now_s);
    if (u->resync == CONF_RESYNC_AUTO)
        begin(c, u, now_s);
}

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
    bool is_heard = r->is_own || is_from_line(in);
    for (size_t i = 0; i < in->now_state->n_upregs; i++) {
        const struct upreg *u = &in->now_state->upregs[i];
        r->n_upstream += is_heard && is_held(u, in->now_s);
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
        note(r->context, u, r->v.view.aor);
}

/* ---------------------------------------------------------------- walks */

void lostdata_on_walk(struct context *c, const struct conf_upstream *u)
{
    (void)c;
    for (size_t i = 0; i < LOSTDATA_LINES; i++)
        atomic_store(&u->shield->signs[i], 0);
    atomic_store(&u->shield->lost_s, sys_service_s());
    atomic_fetch_add(&u->shield->n_walking, 1);
}

void lostdata_on_walked(struct context *c, const struct conf_upstream *u)
{
    if (atomic_fetch_sub(&u->shield->n_walking, 1) == 1)
        (void)alarm_end(c->alarms, ALARM_LOST_DATA, u->name);
}
