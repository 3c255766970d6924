#include "service/shield.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/sys.h"

/* What waits for one that is down looks again so often. */
enum { WINDOW_MS = 1000, RECENT_MS = 60000, DOWN_US = 1000000 };

struct shield_table {
    pthread_mutex_t lock;
    const _Atomic uint64_t *may_until_ms;
    struct shield *first, **end;
};

int shield_table_new(struct shield_table **out)
{
    struct shield_table *s = calloc(1, sizeof *s);
    if (!s)
        return ERR_NOMEM;
    (void)pthread_mutex_init(&s->lock, NULL);
    s->end = &s->first;
    *out = s;
    return 0;
}

void shield_table_free(struct shield_table *s)
{
    if (!s)
        return;
    for (struct shield *one = s->first, *next; one; one = next) {
        next = one->next;
        free(one->name);
        overload_fini(&one->overload);
        free(one);
    }
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

static struct shield *find(const struct shield_table *s, const char *name)
{
    for (struct shield *one = s->first; one; one = one->next)
        if (strcmp(one->name, name) == 0)
            return one;
    return NULL;
}

void shield_table_limit(struct shield_table *s, const _Atomic uint64_t *until_ms)
{
    s->may_until_ms = until_ms;
}

const _Atomic uint64_t *shield_limit(const struct shield *s)
{
    return s->may_until_ms;
}

bool shield_may_send(const struct shield *s)
{
    return !s->may_until_ms || sys_now_ms() < atomic_load(s->may_until_ms);
}

/* The probes bring it back. */
void shield_table_recover(struct shield_table *s)
{
    const struct health down = {.state = HEALTH_DOWN};
    (void)pthread_mutex_lock(&s->lock);
    for (struct shield *one = s->first; one; one = one->next) {
        uint64_t word = atomic_load(&one->health);
        if (atomic_load(&one->is_believed) && health_unpack(word).state != HEALTH_DOWN)
            (void)atomic_compare_exchange_strong(&one->health, &word, health_pack(down));
    }
    (void)pthread_mutex_unlock(&s->lock);
}

static struct shield *add(struct shield_table *s, const char *name)
{
    struct shield *one = calloc(1, sizeof *one);
    if (!one)
        return NULL;
    one->name = strdup(name);
    if (!one->name) {
        free(one);
        return NULL;
    }
    one->may_until_ms = s->may_until_ms;
    overload_init(&one->overload);
    atomic_init(&one->ceiling, PACE_WHOLE);
    atomic_init(&one->state_since_s, sys_service_s());
    *s->end = one;
    s->end = &one->next;
    return one;
}

/* One that is not configured any more is not down either, nor held. */
static void forget(struct shield *one)
{
    if (atomic_exchange(&one->health, 0))
        atomic_store(&one->state_since_s, sys_service_s());
    atomic_store(&one->is_believed, false);
    one->is_linked = false;
}

static void forget_absent(struct shield *one, const struct conf *conf)
{
    for (size_t i = 0; i < conf->n_upstreams; i++)
        if (strcmp(conf->upstreams[i].name, one->name) == 0)
            return;
    forget(one);
}

/* Those who had the snapshot without it late may have written to it still. */
static void take_up(struct shield *one, const struct conf_upstream *u)
{
    if (!one->is_linked)
        forget(one);
    one->is_linked = true;
    atomic_store(&one->rate, u->pace.rate);
    atomic_store(&one->burst, u->pace.burst);
}

int shield_table_link(struct shield_table *s, struct conf *conf)
{
    int err = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (struct shield *one = s->first; one; one = one->next)
        forget_absent(one, conf);
    for (size_t i = 0; i < conf->n_upstreams && !err; i++) {
        struct conf_upstream *u = &conf->upstreams[i];
        u->shield = find(s, u->name);
        if (!u->shield)
            u->shield = add(s, u->name);
        err = u->shield ? 0 : ERR_NOMEM;
        if (!err)
            take_up(u->shield, u);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return err;
}

void shield_each(struct shield_table *s, void (*fn)(const struct shield *one, void *arg), void *arg)
{
    (void)pthread_mutex_lock(&s->lock);
    for (const struct shield *one = s->first; one; one = one->next)
        fn(one, arg);
    (void)pthread_mutex_unlock(&s->lock);
}

/* ---------------------------------------------------------------- turns */

static uint64_t load(const _Atomic uint64_t *word)
{
    return atomic_load_explicit(word, memory_order_relaxed);
}

static struct pace pace_now(const struct conf_upstream *u)
{
    return pace_of(&u->pace, atomic_load_explicit(&u->shield->ceiling, memory_order_relaxed));
}

static uint64_t longer(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool is_down(const struct shield *s)
{
    return health_unpack(load(&s->health)).state == HEALTH_DOWN || !shield_may_send(s);
}

/* Its own share of the rate a class has before all others, as long as there is a token at all; else
 * what they have left. */
uint64_t shield_wait_us(const struct conf_upstream *u, enum pace_class k, uint64_t now_us)
{
    const struct shield *s = u->shield;
    struct pace p = pace_now(u), share = pace_share(&p, k);
    uint64_t until_us = load(&s->pause_until_ms) * 1000;
    uint64_t rest_us = pace_wait_us(&p, k, load(&s->bucket), now_us);
    uint64_t own_us = longer(pace_wait_us(&share, PACE_DYING, load(&s->shares[k]), now_us),
                             pace_wait_us(&p, PACE_DYING, load(&s->bucket), now_us));
    uint64_t wait_us = rest_us < own_us ? rest_us : own_us;
    if (is_down(s))
        wait_us = longer(wait_us, DOWN_US);
    return longer(wait_us, until_us > now_us ? until_us - now_us : 0);
}

uint64_t shield_wait_ms(const struct conf_upstream *u, enum pace_class k, uint64_t now_ms)
{
    return (shield_wait_us(u, k, now_ms * 1000) + 999) / 1000;
}

static bool take(_Atomic uint64_t *word, const struct pace *p, enum pace_class k, uint64_t now_us)
{
    uint64_t full_at_us = load(word);
    while (pace_wait_us(p, k, full_at_us, now_us) == 0)
        if (atomic_compare_exchange_weak(word, &full_at_us, pace_take(p, full_at_us, now_us)))
            return true;
    return false;
}

bool shield_take_us(const struct conf_upstream *u, enum pace_class k, uint64_t now_us)
{
    struct shield *s = u->shield;
    struct pace p = pace_now(u), share = pace_share(&p, k);
    if (shield_is_paused(u, now_us / 1000))
        return false;
    if (take(&s->bucket, &p, k, now_us))
        return true;
    if (pace_wait_us(&p, PACE_DYING, load(&s->bucket), now_us) || /* the share is not to be lost */
        !take(&s->shares[k], &share, PACE_DYING, now_us))
        return false;
    return take(&s->bucket, &p, PACE_DYING, now_us);
}

bool shield_take(const struct conf_upstream *u, enum pace_class k, uint64_t now_ms)
{
    return shield_take_us(u, k, now_ms * 1000);
}

void shield_charge(const struct conf_upstream *u, uint64_t now_ms)
{
    struct pace p = pace_now(u);
    uint64_t full_at_us = load(&u->shield->bucket);
    while (!atomic_compare_exchange_weak(&u->shield->bucket, &full_at_us,
                                         pace_take(&p, full_at_us, now_ms * 1000)))
        ;
}

void shield_give_back(const struct conf_upstream *u)
{
    struct pace p = pace_now(u);
    uint64_t full_at_us = load(&u->shield->bucket);
    while (!atomic_compare_exchange_weak(&u->shield->bucket, &full_at_us,
                                         pace_give_back(&p, full_at_us)))
        ;
}

/* ---------------------------------------------------------------- overload */

bool shield_is_let(const struct conf_upstream *u, const struct flow_ref *server, unsigned right)
{
    if (!u->shield ||
        overload_lets(&(struct overload_case){&u->shield->overload, u, server}, right))
        return true;
    shield_count(u, right < PACE_CLASSES ? SHIELD_HELD_BACK : SHIELD_CALLS_HELD_BACK, 1);
    return false;
}

void shield_heed(const struct conf_upstream *u, const struct flow_ref *server, const struct msg *m)
{
    if (!u->shield)
        return;
    enum overload_word word =
        overload_on_answer(&(struct overload_case){&u->shield->overload, u, server}, m);
    if (word != OVERLOAD_SILENT)
        shield_count(u, word == OVERLOAD_OBEYED ? SHIELD_OBEYED : SHIELD_IGNORED, 1);
}

/* ---------------------------------------------------------------- evidence */

/* Whoever finds the window over judges it; the others go on with the next one. */
static void judge(const struct conf_upstream *u, uint64_t now_ms)
{
    struct shield *s = u->shield;
    uint64_t since_ms = load(&s->window_ms);
    if (now_ms < since_ms + WINDOW_MS ||
        !atomic_compare_exchange_strong(&s->window_ms, &since_ms, now_ms))
        return;
    const struct pace_evidence e = {.n_good = atomic_exchange(&s->n_good, 0),
                                    .n_bad = atomic_exchange(&s->n_bad, 0),
                                    .has_refused = atomic_exchange(&s->n_pauses, 0) > 0};
    atomic_store(&s->ceiling, pace_adapt(&u->pace, atomic_load(&s->ceiling), &e));
}

void shield_note(const struct conf_upstream *u, bool is_good, uint64_t now_ms)
{
    struct shield *s = u->shield;
    atomic_fetch_add_explicit(is_good ? &s->n_good : &s->n_bad, 1, memory_order_relaxed);
    judge(u, now_ms);
}

void shield_pause(const struct conf_upstream *u, uint32_t s, uint64_t now_ms)
{
    atomic_store(&u->shield->pause_until_ms, now_ms + s * 1000ULL);
    atomic_fetch_add(&u->shield->n_pauses, 1);
    shield_count(u, SHIELD_PAUSES, 1);
    judge(u, now_ms);
}

uint64_t shield_lost_s(const struct conf_upstream *u)
{
    return u->shield ? load(&u->shield->lost_s) : 0;
}

uint64_t shield_rehome_s(const struct conf_upstream *u)
{
    return u->shield ? load(&u->shield->rehome_s) : 0;
}

bool shield_is_pausing(const struct conf_upstream *u, uint64_t now_ms)
{
    return load(&u->shield->pause_until_ms) > now_ms;
}

bool shield_is_paused(const struct conf_upstream *u, uint64_t now_ms)
{
    return shield_is_pausing(u, now_ms) || is_down(u->shield);
}

const uint32_t shield_bounds_ms[STATS_BUCKETS - 1] = {5, 10, 25, 50, 100, 250, 500, 1000, 2500};

void shield_on_answer(const struct conf_upstream *u, uint64_t ms)
{
    struct shield *s = u->shield;
    size_t at = 0;
    while (at < STATS_BUCKETS - 1 && ms > shield_bounds_ms[at])
        at++;
    atomic_fetch_add(&s->answered[at], 1);
    atomic_fetch_add(&s->answered_ms, ms);
}

void shield_count(const struct conf_upstream *u, enum shield_count what, uint64_t n)
{
    atomic_fetch_add_explicit(&u->shield->counts[what], n, memory_order_relaxed);
}

uint32_t shield_refuse(const struct conf_upstream *u, uint64_t draw, uint64_t now_ms)
{
    struct shield *s = u->shield;
    struct pace p = pace_now(u);
    uint64_t since_ms = load(&s->refused_ms);
    shield_count(u, SHIELD_REFUSED, 1);
    if (now_ms >= since_ms + RECENT_MS &&
        atomic_compare_exchange_strong(&s->refused_ms, &since_ms, now_ms))
        atomic_store(&s->n_refused, 0);
    return pace_retry_after_s(&p, atomic_fetch_add(&s->n_refused, 1), draw);
}

double shield_tokens(const struct shield *s, uint64_t now_ms)
{
    const struct pace_conf conf = {atomic_load(&s->rate), atomic_load(&s->burst)};
    struct pace p = pace_of(&conf, atomic_load(&s->ceiling));
    uint64_t full_at_us = load(&s->bucket), now_us = now_ms * 1000;
    double missing_us = full_at_us > now_us ? (double)(full_at_us - now_us) : 0;
    double left_us = (double)p.depth_us - missing_us;
    return left_us > 0 ? left_us / (double)p.step_us : 0;
}
