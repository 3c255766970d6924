#include "core/throttle.h"

/* A late answer is that late at most (RFC 3261 17.1.2.2, timer F): so long an old limit must not
 * come back once its successor is over. */
enum { LATE_MS = 32000 };

/* RFC 7339 4.4: a number that is lower by more than what comes late is not late, but begins anew.
 * As most servers count the seconds of a clock, that is two times LATE_MS; of those that count
 * something else the third in a row that does not fall. */
enum { LATE_SEQ = 64 * 100000, LOW_MANY = 3 };

/* The bucket of a rate holds a tenth of a second's, and is in debt to what is never held back by a
 * second at most. */
enum { BURSTS_A_SECOND = 10, SECOND_US = 1000000 };

enum { WHOLE = 100, DEBT_MAX = 16 * WHOLE };

/* OC_LOSS: hundredths of requests that may be missing before one of that right is held back, so
 * that there is the time to hold back one of less right instead. */
static const uint32_t patience[THROTTLE_ALWAYS] = {
    [PACE_DYING] = 4 * WHOLE, [PACE_DUE] = 2 * WHOLE, [PACE_KNOWN] = WHOLE,
    [PACE_NEW] = WHOLE,       [PACE_LEAVING] = WHOLE, [THROTTLE_CALL] = 8 * WHOLE,
};

static bool is_remembered(const struct throttle *t, uint64_t now_ms)
{
    return t->until_ms && now_ms < t->until_ms + LATE_MS;
}

/* The same number is the same word, said again; another word needs another number. */
static bool is_older(struct throttle *t, const struct oc *oc, uint64_t now_ms)
{
    const uint64_t seq = oc->seq;
    if (!t->seq || !seq || !is_remembered(t, now_ms) || seq > t->seq)
        return false;
    if (seq == t->seq)
        return oc->value != t->value || oc->algorithm != t->algorithm;
    t->n_low = t->n_low && seq >= t->low_seq ? t->n_low + 1 : 1;
    t->low_seq = seq;
    return t->n_low < LOW_MANY && t->seq - seq <= LATE_SEQ;
}

bool throttle_set(struct throttle *t, const struct oc *oc, uint32_t most_ms, uint64_t now_ms)
{
    if (is_older(t, oc, now_ms))
        return false;
    t->n_low = 0;
    if (!throttle_is_on(t, now_ms) || t->algorithm != oc->algorithm) {
        t->debt = 0;
        t->full_at_us = 0;
    }
    t->algorithm = oc->algorithm;
    t->value = oc->value;
    t->seq = oc->seq ? oc->seq : t->seq;
    t->until_ms = now_ms + (oc->validity_ms < most_ms ? oc->validity_ms : most_ms);
    return true;
}

bool throttle_is_on(const struct throttle *t, uint64_t now_ms)
{
    return now_ms < t->until_ms && (t->algorithm == OC_RATE || t->value > 0);
}

static bool lets_share(struct throttle *t, unsigned right)
{
    uint32_t debt = t->debt + t->value;
    bool is_held = right < THROTTLE_ALWAYS && (t->value == WHOLE || debt >= patience[right]);
    if (is_held)
        debt = debt > WHOLE ? debt - WHOLE : 0;
    t->debt = debt < DEBT_MAX ? debt : DEBT_MAX;
    return !is_held;
}

static bool lets_rate(struct throttle *t, unsigned right, uint64_t now_ms)
{
    const struct pace_conf conf = {t->value, t->value / BURSTS_A_SECOND};
    struct pace p = pace_of(&conf, PACE_WHOLE);
    enum pace_class k = right < PACE_CLASSES ? (enum pace_class)right : PACE_DYING;
    bool is_held = right < THROTTLE_ALWAYS &&
                   (t->value == 0 || pace_wait_us(&p, k, t->full_at_us, now_ms * 1000) > 0);
    if (!is_held) {
        uint64_t most_us = now_ms * 1000 + p.depth_us + SECOND_US;
        t->full_at_us = pace_take(&p, t->full_at_us, now_ms * 1000);
        t->full_at_us = t->full_at_us < most_us ? t->full_at_us : most_us;
    }
    return !is_held;
}

bool throttle_lets(struct throttle *t, unsigned right, uint64_t now_ms)
{
    if (!throttle_is_on(t, now_ms))
        return true;
    return t->algorithm == OC_RATE ? lets_rate(t, right, now_ms) : lets_share(t, right);
}
