#include "core/surge.h"

enum { UNIT = 256, KEPT_S = 64, QUIET_MOST_S = 1024 };

static void roll(struct surge *s, uint64_t now_s)
{
    uint64_t quiet_s = now_s - s->at_s - 1;
    uint64_t n = (uint64_t)s->n * UNIT;
    s->mean = s->mean - s->mean / KEPT_S + n / KEPT_S;
    for (uint64_t i = 0; i < quiet_s && i < QUIET_MOST_S && s->mean >= KEPT_S; i++)
        s->mean -= s->mean / KEPT_S;
    s->last = quiet_s ? 0 : s->n;
    s->n = 0;
    s->at_s = now_s;
}

void surge_note(struct surge *s, uint64_t now_ms)
{
    uint64_t now_s = now_ms / 1000;
    if (now_s > s->at_s)
        roll(s, now_s);
    if (s->n < UINT32_MAX)
        s->n++;
}

bool surge_is_on(const struct surge *s)
{
    uint64_t most = s->n > s->last ? s->n : s->last;
    return most > SURGE_LEAST && most * UNIT > SURGE_TIMES * s->mean;
}
