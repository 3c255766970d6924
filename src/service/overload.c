#include "service/overload.h"

#include "base/log.h"
#include "base/sys.h"
#include "sip/oc.h"
#include "sip/param.h"

struct str overload_offered(enum conf_overload offer)
{
    static const char *const params[] = {
        [CONF_OVERLOAD_OFF] = "",
        [CONF_OVERLOAD_LOSS] = ";oc;oc-algo=\"loss\"",
        [CONF_OVERLOAD_RATE] = ";oc;oc-algo=\"loss,rate\"",
    };
    return str_of(params[offer]);
}

void overload_init(struct overload *o)
{
    *o = (struct overload){.n_on = 0};
    (void)pthread_mutex_init(&o->lock, NULL);
}

void overload_fini(struct overload *o)
{
    (void)pthread_mutex_destroy(&o->lock);
}

/* ---------------------------------------------------------------- with the lock */

static bool is_at(const struct overload_server *s, const struct flow_ref *server)
{
    return s->addr.family && s->transport == server->transport &&
           addr_is_equal(&s->addr, &server->peer);
}

static struct overload_server *find(struct overload *o, const struct flow_ref *server)
{
    for (size_t i = 0; i < OVERLOAD_SERVERS; i++)
        if (is_at(&o->list[i], server))
            return &o->list[i];
    return NULL;
}

/* A new one has the place of the one whose limit has ended first, or will. */
static struct overload_server *take(struct overload *o, const struct flow_ref *server)
{
    struct overload_server *s = find(o, server), *first = &o->list[0];
    if (s)
        return s;
    for (size_t i = 1; i < OVERLOAD_SERVERS; i++)
        if (o->list[i].throttle.until_ms < first->throttle.until_ms)
            first = &o->list[i];
    if (first->is_on)
        atomic_fetch_sub(&o->n_on, 1);
    *first = (struct overload_server){.addr = server->peer, .transport = server->transport};
    return first;
}

/* True: it has begun, or has ended. */
static bool is_turned(struct overload *o, struct overload_server *s, uint64_t now_ms)
{
    bool is_on = throttle_is_on(&s->throttle, now_ms);
    if (is_on == s->is_on)
        return false;
    s->is_on = is_on;
    if (is_on)
        atomic_fetch_add(&o->n_on, 1);
    else
        atomic_fetch_sub(&o->n_on, 1);
    return true;
}

/* ---------------------------------------------------------------- telling */

/* t: NULL when it has ended. */
static void tell(const struct overload_case *of, const struct throttle *t)
{
    char text[ADDR_TEXT];
    const char *at = addr_text(&of->server->peer, text);
    if (!t)
        log_info("upstream \"%s\": %s is not overloaded any more", of->upstream->name, at);
    else if (t->algorithm == OC_RATE)
        log_warn("upstream \"%s\": %s is overloaded: %u requests a second are let through to it",
                 of->upstream->name, at, t->value);
    else
        log_warn("upstream \"%s\": %s is overloaded: %u%% of the requests to it are held back",
                 of->upstream->name, at, t->value);
}

/* ---------------------------------------------------------------- what is said */

static bool has_word(const struct msg *m)
{
    struct param p;
    return param_find(m->via.params, STR("oc"), &p) && !str_is_none(p.value);
}

/* RFC 7339 4.2: one that was not offered cannot be meant for us. */
static bool is_offered(const struct overload_case *of, const struct oc *oc)
{
    return oc->algorithm == OC_LOSS || of->upstream->overload == CONF_OVERLOAD_RATE;
}

static bool set(const struct overload_case *of, const struct oc *oc)
{
    struct overload *o = of->limits;
    uint64_t now_ms = sys_now_ms();
    (void)pthread_mutex_lock(&o->lock);
    struct overload_server *s = find(o, of->server);
    bool is_for_nothing = !s && (oc->validity_ms == 0 || (oc->algorithm == OC_LOSS && !oc->value));
    if (!s && !is_for_nothing)
        s = take(o, of->server);
    bool is_taken = is_for_nothing ||
                    throttle_set(&s->throttle, oc, of->upstream->retry_after_cap_s * 1000, now_ms);
    bool is_told = s && is_turned(o, s, now_ms);
    if (s && s->throttle.until_ms > atomic_load(&o->until_ms))
        atomic_store(&o->until_ms, s->throttle.until_ms);
    struct overload_server now = s ? *s : (struct overload_server){.is_on = false};
    (void)pthread_mutex_unlock(&o->lock);
    if (is_told)
        tell(of, now.is_on ? &now.throttle : NULL);
    return is_taken;
}

enum overload_word overload_on_answer(const struct overload_case *of, const struct msg *m)
{
    struct oc oc;
    if (of->upstream->overload == CONF_OVERLOAD_OFF || !has_word(m))
        return OVERLOAD_SILENT;
    bool is_taken = oc_parse(&m->via, &oc) && is_offered(of, &oc) && set(of, &oc);
    return is_taken ? OVERLOAD_OBEYED : OVERLOAD_IGNORED;
}

/* ---------------------------------------------------------------- what is sent */

bool overload_lets(const struct overload_case *of, unsigned right)
{
    struct overload *o = of->limits;
    uint64_t now_ms = sys_now_ms();
    if (of->upstream->overload == CONF_OVERLOAD_OFF ||
        atomic_load_explicit(&o->n_on, memory_order_relaxed) == 0)
        return true;
    (void)pthread_mutex_lock(&o->lock);
    struct overload_server *s = find(o, of->server);
    bool is_let = !s || throttle_lets(&s->throttle, right, now_ms);
    bool is_told = s && is_turned(o, s, now_ms);
    (void)pthread_mutex_unlock(&o->lock);
    if (is_told)
        tell(of, NULL);
    return is_let;
}

unsigned overload_count(const struct overload *o)
{
    return sys_now_ms() < atomic_load(&o->until_ms) ? atomic_load(&o->n_on) : 0;
}
