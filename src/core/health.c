#include "core/health.h"

enum { COUNT_MAX = 15 };

/* So many in a row, over so many seconds at least, lead to another state. answered: REGISTERs. */
struct step {
    uint8_t n, over_s;
    enum health_state next;
};

/* To be down takes longer than one lost packet or a restart of the registrar, to be up again more
 * than one answer to a probe. A REGISTER that is answered is what was missed. */
static const struct {
    const char *word;
    struct step bad, good, answered;
    enum health_state resynced;
} states[HEALTH_STATES] = {
    [HEALTH_UP] = {"up", {2, 0, HEALTH_DEGRADED}, {1, 0, HEALTH_UP}, {1, 0, HEALTH_UP}, HEALTH_UP},
    [HEALTH_DEGRADED] =
        {"degraded", {3, 10, HEALTH_DOWN}, {3, 20, HEALTH_UP}, {3, 20, HEALTH_UP}, HEALTH_DEGRADED},
    [HEALTH_DOWN] =
        {"down", {1, 0, HEALTH_DOWN}, {3, 2, HEALTH_RESYNC}, {1, 0, HEALTH_RESYNC}, HEALTH_DOWN},
    [HEALTH_RESYNC] =
        {"resync", {3, 10, HEALTH_DOWN}, {1, 0, HEALTH_RESYNC}, {1, 0, HEALTH_RESYNC}, HEALTH_UP},
};

static const struct {
    const char *word;
    bool is_bad;
} events[HEALTH_EVENTS] = {
    [HEALTH_PROBE_ANSWERED] = {"probe answered", false},
    [HEALTH_PROBE_FAILED] = {"probe failed", true},
    [HEALTH_ANSWERED] = {"REGISTER answered", false},
    [HEALTH_BUSY] = {"REGISTER answered 503 or 408", true},
    [HEALTH_SILENT] = {"REGISTER without an answer", true},
    [HEALTH_RESYNCED] = {"all that was due is registered", false},
    [HEALTH_HELD] = {"drained by the operator", true},
    [HEALTH_RELEASED] = {"resumed by the operator", false},
};

const char *health_word(enum health_state s)
{
    return states[s].word;
}

const char *health_event_word(enum health_event e)
{
    return events[e].word;
}

static struct health count(struct health h, bool is_bad, uint64_t now_s)
{
    if (h.n == 0 || h.is_bad != is_bad)
        return (struct health){
            .state = h.state, .is_bad = is_bad, .n = 1, .since_s = (uint32_t)now_s};
    if (h.n < COUNT_MAX)
        h.n++;
    return h;
}

static const struct step *step_of(struct health h, enum health_event e)
{
    if (h.is_bad)
        return &states[h.state].bad;
    return e == HEALTH_ANSWERED ? &states[h.state].answered : &states[h.state].good;
}

static struct health on_order(struct health h, bool is_held, uint64_t now_s)
{
    if (h.is_held == is_held)
        return h;
    return (struct health){.state = is_held ? HEALTH_DOWN : HEALTH_RESYNC,
                           .is_bad = is_held,
                           .is_held = is_held,
                           .n = 1,
                           .since_s = (uint32_t)now_s};
}

struct health health_step(struct health h, enum health_event e, uint64_t now_s)
{
    if (e == HEALTH_HELD || e == HEALTH_RELEASED)
        return on_order(h, e == HEALTH_HELD, now_s);
    if (h.is_held)
        return h;
    if (e == HEALTH_RESYNCED) {
        h.state = states[h.state].resynced;
        return h;
    }
    h = count(h, events[e].is_bad, now_s);
    const struct step *s = step_of(h, e);
    if (h.n >= s->n && now_s >= (uint64_t)h.since_s + s->over_s)
        h.state = s->next;
    if (h.state == HEALTH_UP && !h.is_bad) /* one word for all that is well */
        return (struct health){.state = HEALTH_UP};
    return h;
}

bool health_is_open(struct health h)
{
    if (h.n == 0)
        return false;
    return h.state == HEALTH_DEGRADED || h.is_bad == (h.state != HEALTH_DOWN);
}

/* since:32, n:8 from bit 16 on, is_held:1, is_bad:1, state:8 */
enum { HELD_BIT = 9, BAD_BIT = 8 };

uint64_t health_pack(struct health h)
{
    return (uint64_t)h.since_s << 32 | (uint64_t)h.n << 16 | (uint64_t)h.is_held << HELD_BIT |
           (uint64_t)h.is_bad << BAD_BIT | (uint64_t)h.state;
}

struct health health_unpack(uint64_t word)
{
    return (struct health){.state = (enum health_state)(word & 0xff),
                           .is_bad = word >> BAD_BIT & 1,
                           .is_held = word >> HELD_BIT & 1,
                           .n = (uint8_t)(word >> 16),
                           .since_s = (uint32_t)(word >> 32)};
}
