/* How fast REGISTERs may go to an upstream, and who has the next turn: a token bucket under a
 * ceiling that learns from upstream's answers. A bucket is one number, the time at which it will be
 * full, so threads may share it as an atomic word. Times are microseconds of one clock. Pure; any
 * thread. */
#ifndef BW_CORE_PACE_H
#define BW_CORE_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* In the order of their right. Each leaves a part of the bucket to those before it, and each but
 * the first has a small share of the rate that nobody takes away. */
enum pace_class {
    PACE_DYING,   /* refreshes of what upstream drops soon */
    PACE_DUE,     /* other refreshes */
    PACE_KNOWN,   /* all else for a line that is known */
    PACE_NEW,     /* lines that nothing is known of */
    PACE_LEAVING, /* removals of ours */
    PACE_CLASSES
};

struct pace_conf {
    uint32_t rate;  /* REGISTERs a second, at least 1 */
    uint32_t burst; /* that may go at once after a quiet time, at least 1 */
};

/* The ceiling: thousandths of the rate. */
enum { PACE_WHOLE = 1000 };

/* A bucket as it is filled now. */
struct pace {
    uint64_t step_us;  /* a token comes */
    uint64_t depth_us; /* an empty one is full */
};

struct pace pace_of(const struct pace_conf *conf, uint32_t ceiling);

/* The share of one class: a bucket of its own, with no more than one token. */
struct pace pace_share(const struct pace *whole, enum pace_class k);

/* How long until the class may take a token of the bucket; 0: now. */
uint64_t pace_wait_us(const struct pace *p, enum pace_class k, uint64_t full_at_us,
                      uint64_t now_us);

/* The bucket with one token less, be it in debt then; and the same with one more. */
uint64_t pace_take(const struct pace *p, uint64_t full_at_us, uint64_t now_us);
uint64_t pace_give_back(const struct pace *p, uint64_t full_at_us);

/* What upstream did within a second or more. */
struct pace_evidence {
    uint32_t n_good;
    uint32_t n_bad;   /* 5xx, silence, and answers so late that the request was repeated */
    bool has_refused; /* 503 with Retry-After */
};

/* An answer so late is a bad one: the request has been sent twice by then (T1). */
enum { PACE_LATE_MS = 500 };

/* The next ceiling: a twentieth more of the rate where upstream is well, three tenths less where
 * more than a tenth of it is bad, half where upstream asks for a pause. Never below a fiftieth of
 * the rate or one a second, never above the rate. */
uint32_t pace_adapt(const struct pace_conf *conf, uint32_t ceiling, const struct pace_evidence *e);

/* Seconds after which one that is refused may come again, with n_refused others refused of late, so
 * that all of them come no faster than the pace: between 5 s and 5 min. draw: random. */
uint32_t pace_retry_after_s(const struct pace *p, uint64_t n_refused, uint64_t draw);

#endif
