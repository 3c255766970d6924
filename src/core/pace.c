#include "core/pace.h"

enum { SECOND_US = 1000000, RETRY_MIN_S = 5, RETRY_SPREAD_S = 30, RETRY_MAX_S = 300 };

/* kept: eighths of the bucket that a class leaves to those before it. share: percent of the rate
 * that is its own. */
static const struct {
    uint32_t kept, share;
} rights[PACE_CLASSES] = {
    [PACE_DYING] = {0, 100}, [PACE_DUE] = {1, 20},    [PACE_KNOWN] = {2, 10},
    [PACE_NEW] = {3, 5},     [PACE_LEAVING] = {4, 2},
};

static uint64_t at_least(uint64_t v, uint64_t min)
{
    return v > min ? v : min;
}

struct pace pace_of(const struct pace_conf *conf, uint32_t ceiling)
{
    uint64_t rate = at_least(conf->rate, 1);
    struct pace p = {.step_us = (uint64_t)SECOND_US * PACE_WHOLE / (rate * at_least(ceiling, 1))};
    p.step_us = at_least(p.step_us, 1);
    p.depth_us = at_least(at_least(conf->burst, 1) * SECOND_US / rate, p.step_us);
    return p;
}

struct pace pace_share(const struct pace *whole, enum pace_class k)
{
    uint64_t step_us = whole->step_us * 100 / rights[k].share;
    return (struct pace){.step_us = step_us, .depth_us = step_us};
}

uint64_t pace_wait_us(const struct pace *p, enum pace_class k, uint64_t full_at_us, uint64_t now_us)
{
    uint64_t room_us = at_least(p->depth_us - rights[k].kept * p->depth_us / 8, p->step_us);
    uint64_t next_us = at_least(full_at_us, now_us) + p->step_us;
    return next_us > now_us + room_us ? next_us - now_us - room_us : 0;
}

uint64_t pace_take(const struct pace *p, uint64_t full_at_us, uint64_t now_us)
{
    return at_least(full_at_us, now_us) + p->step_us;
}

uint64_t pace_give_back(const struct pace *p, uint64_t full_at_us)
{
    return full_at_us > p->step_us ? full_at_us - p->step_us : 0;
}

uint32_t pace_adapt(const struct pace_conf *conf, uint32_t ceiling, const struct pace_evidence *e)
{
    uint64_t least = at_least(PACE_WHOLE / 50, PACE_WHOLE / at_least(conf->rate, 1));
    uint64_t v = ceiling, n = (uint64_t)e->n_good + e->n_bad;
    if (e->has_refused)
        v /= 2;
    else if (10 * (uint64_t)e->n_bad > n)
        v = v * 7 / 10;
    else if (e->n_good)
        v += PACE_WHOLE / 20;
    v = at_least(v, least);
    return (uint32_t)(v < PACE_WHOLE ? v : PACE_WHOLE);
}

uint32_t pace_retry_after_s(const struct pace *p, uint64_t n_refused, uint64_t draw)
{
    uint64_t most = RETRY_MAX_S - RETRY_MIN_S;
    uint64_t needed_s =
        n_refused < most * SECOND_US / p->step_us ? n_refused * p->step_us / SECOND_US : most;
    uint64_t spread_s = at_least(needed_s, RETRY_SPREAD_S);
    return (uint32_t)(RETRY_MIN_S + draw % (spread_s + 1));
}
