#include "service/signs.h"

#include <stdatomic.h>

#include "base/log.h"
#include "base/sys.h"
#include "service/alarm.h"
#include "service/location.h"
#include "service/regview.h"
#include "service/servers.h"
#include "service/shield.h"

/* A sign is one word, seen at its lower half, by the service clock. A line: its hash:32. A call:
 * the hash:16 of who is called, that of who calls. */
enum { AT_BITS = 32, CALLER_BITS = 16 };

static uint32_t seen_s(uint64_t sign)
{
    return (uint32_t)sign;
}

static bool is_recent(uint64_t sign, uint64_t now_s)
{
    return sign && seen_s(sign) + (uint64_t)SIGNS_WITHIN_S > now_s;
}

static bool is_same_line(uint64_t a, uint64_t b)
{
    return a >> AT_BITS == b >> AT_BITS;
}

static bool is_same_call(uint64_t a, uint64_t b)
{
    uint32_t x = (uint32_t)(a >> AT_BITS), y = (uint32_t)(b >> AT_BITS);
    return x >> CALLER_BITS == y >> CALLER_BITS || (uint16_t)x == (uint16_t)y;
}

/* In the place of the same one, else of the oldest. How many there are of late. */
static unsigned put(_Atomic uint64_t *signs, uint64_t sign, bool (*is_same)(uint64_t, uint64_t),
                    uint64_t now_s)
{
    unsigned n = 0;
    size_t at = 0;
    for (size_t i = 0; i < SIGNS_LINES; i++) {
        uint64_t here = atomic_load(&signs[i]), oldest = atomic_load(&signs[at]);
        if (here && is_same(here, sign)) {
            at = i;
            break;
        }
        if (seen_s(here) < seen_s(oldest))
            at = i;
    }
    atomic_store(&signs[at], sign);
    for (size_t i = 0; i < SIGNS_LINES; i++)
        n += is_recent(atomic_load(&signs[i]), now_s);
    return n;
}

static bool is_too_soon(const struct shield *s, uint64_t now_s)
{
    uint64_t lost_s = atomic_load(&s->lost_s);
    return lost_s && now_s < lost_s + SIGNS_AGAIN_S;
}

/* Whoever moves the word begins it, for all workers. */
static void begin(struct context *c, const struct conf_upstream *u, uint64_t now_s)
{
    uint64_t lost_s = atomic_load(&u->shield->lost_s);
    if (is_too_soon(u->shield, now_s) ||
        !atomic_compare_exchange_strong(&u->shield->lost_s, &lost_s, now_s))
        return;
    signs_clear(u);
    log_warn("upstream \"%s\": it seems to have lost its data: resync = auto", u->name);
    c->resync(str_of(u->name), c->resync_arg);
}

static void tell(struct context *c, const struct conf_upstream *u, uint64_t now_s)
{
    (void)alarm_raise(c->alarms, ALARM_LOST_DATA, u->name, now_s);
    if (u->resync == CONF_RESYNC_AUTO)
        begin(c, u, now_s);
}

void signs_note(struct context *c, const struct conf_upstream *u, struct str aor)
{
    uint64_t now_s = sys_service_s();
    uint64_t sign = hash_str(&c->loop_key, aor) << AT_BITS | (uint32_t)now_s;
    if (!is_too_soon(u->shield, now_s) &&
        put(u->shield->signs, sign, is_same_line, now_s) == SIGNS_LINES)
        tell(c, u, now_s);
}

/* ---------------------------------------------------------------- calls */

static const struct upreg *held_of(const struct aor_record *r, uint64_t now_s)
{
    for (size_t i = 0; i < r->n_upregs; i++)
        if (r->upregs[i].state == UPREG_LIVE && r->upregs[i].dead_at_s > now_s)
            return &r->upregs[i];
    return NULL;
}

/* It stands upstream by the record, and a device of it would take the call. */
static bool is_held(struct context *c, struct str aor, const struct conf_domain *d, uint64_t now_s)
{
    struct location at;
    if (location_read(c, &c->scratch, aor, &at) || !held_of(at.record, now_s))
        return false;
    for (size_t i = 0; i < at.record->n_bindings; i++)
        if (location_is_live(&at, i, d->absorb.grace_s, now_s))
            return true;
    return false;
}

void signs_on_call(struct context *c, const struct signs_call *call)
{
    bool is_unknown = (call->status == 404 || call->status == 480) && !call->has_rung;
    const struct conf_upstream *u = is_unknown ? servers_owner(c, call->server) : NULL;
    uint64_t now_s = sys_service_s();
    struct str aor;
    if (!u || !u->shield || call->request->method != METHOD_INVITE ||
        !atomic_load(&u->shield->has_called) || is_too_soon(u->shield, now_s) ||
        atomic_load(&u->shield->called_ms) >= call->began_ms ||
        !regview_aor(&c->scratch, c->conf, call->request->uri, &aor))
        return;
    const struct conf_domain *d = regview_domain(c->conf, aor);
    if (!d || d->upstream != u || !is_held(c, aor, d, now_s))
        return;
    uint64_t called = hash_str(&c->loop_key, aor);
    uint64_t sign = called << (AT_BITS + CALLER_BITS) |
                    (uint64_t)(uint16_t)call->caller << AT_BITS | (uint32_t)now_s;
    if (put(u->shield->call_signs, sign, is_same_call, now_s) == SIGNS_LINES)
        tell(c, u, now_s);
}

void signs_on_invite(struct context *c, const struct flow_ref *from)
{
    const struct conf_upstream *u = servers_owner(c, from);
    if (u && u->shield)
        atomic_store(&u->shield->called_ms, sys_now_ms());
}

/* When it was accepted last. */
static uint64_t accepted_s(struct context *c, struct str aor, uint64_t upreg_id)
{
    struct location at;
    if (location_read(c, &c->scratch, aor, &at))
        return UINT64_MAX;
    const struct upreg *u = binding_upreg(at.record, upreg_id);
    return u && u->dead_at_s > u->granted_s ? u->dead_at_s - u->granted_s : UINT64_MAX;
}

/* What was accepted since the first sign says nothing of what was there before. */
static void forget_calls(struct context *c, _Atomic uint64_t *signs, struct str aor,
                         uint64_t upreg_id)
{
    uint64_t first_s = UINT64_MAX, now_s = sys_service_s();
    for (size_t i = 0; i < SIGNS_LINES; i++) {
        uint64_t sign = atomic_load(&signs[i]);
        if (is_recent(sign, now_s) && seen_s(sign) < first_s)
            first_s = seen_s(sign);
    }
    if (first_s == UINT64_MAX || accepted_s(c, aor, upreg_id) >= first_s)
        return;
    for (size_t i = 0; i < SIGNS_LINES; i++)
        atomic_store(&signs[i], 0);
}

void signs_on_delivered(struct context *c, const struct flow_ref *from, struct str aor,
                        uint64_t upreg_id)
{
    const struct conf_upstream *u = servers_owner(c, from);
    if (!u || !u->shield)
        return;
    if (!atomic_load_explicit(&u->shield->has_called, memory_order_relaxed))
        atomic_store(&u->shield->has_called, true);
    forget_calls(c, u->shield->call_signs, aor, upreg_id);
}

void signs_clear(const struct conf_upstream *u)
{
    for (size_t i = 0; i < SIGNS_LINES; i++) {
        atomic_store(&u->shield->signs[i], 0);
        atomic_store(&u->shield->call_signs[i], 0);
    }
}
