/* What all workers know of an upstream: the pace at which REGISTERs may go there, and how it has
 * answered of late. Atomic words, so no worker waits for another; by the upstream's name, so it
 * outlives a reload. Any thread. */
#ifndef BW_SERVICE_SHIELD_H
#define BW_SERVICE_SHIELD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/stats.h"
#include "conf/conf.h"
#include "core/health.h"
#include "core/pace.h"
#include "service/overload.h"

/* What is counted of each upstream, since the start. */
enum shield_count {
    SHIELD_SENT,      /* REGISTERs on their way */
    SHIELD_WAITED,    /* that had to wait for their turn */
    SHIELD_WAITED_MS, /* how long */
    SHIELD_REFUSED,   /* that could not have their turn in time */
    SHIELD_POSTPONED, /* refreshes that were answered here instead (D56a) */
    SHIELD_PAUSES,    /* 503 with Retry-After */
    SHIELD_OBEYED,    /* answers with a limit of overload control that holds now */
    SHIELD_IGNORED,   /* the same with one that does not count */
    SHIELD_HELD_BACK, /* REGISTERs, and others, that were not sent because of one */
    SHIELD_CALLS_HELD_BACK,
    SHIELD_COUNTS
};

struct shield {
    struct shield *next;
    char *name;
    const _Atomic uint64_t *may_until_ms;          /* of the table; NULL: for ever */
    bool is_linked;                                /* in the latest snapshot; the table's lock */
    struct overload overload;                      /* what its servers ask for */
    _Atomic uint64_t bucket, shares[PACE_CLASSES]; /* full at; 0: they are full */
    _Atomic uint64_t pause_until_ms;
    _Atomic uint64_t window_ms;   /* since when the evidence is gathered */
    _Atomic uint32_t rate, burst; /* of the latest snapshot, for those who look */
    _Atomic uint32_t n_targets;   /* servers that are known now */
    _Atomic uint32_t ceiling;     /* thousandths of register-rate */
    _Atomic uint32_t n_good, n_bad, n_pauses;
    _Atomic uint64_t refused_ms; /* the start of the minute in which n_refused were */
    _Atomic uint32_t n_refused;
    _Atomic int64_t n_waiting;      /* REGISTERs in all workers' queues */
    _Atomic uint64_t health;        /* of outage.h, which alone changes it: health_pack */
    _Atomic uint64_t state_since_s; /* service clock */
    _Atomic uint64_t spent_s[HEALTH_STATES], n_changes[HEALTH_STATES]; /* before, and to it */
    _Atomic uint64_t recovered;
    _Atomic int64_t n_left; /* lines whose devices stand on what it has dropped */
    _Atomic uint64_t n_probes_answered, n_probes_failed;
    _Atomic uint32_t n_probes_silent; /* in a row */
    _Atomic bool is_believed;         /* its probes: outage.h */
    _Atomic uint64_t lost_s;          /* service clock: what it had accepted by then, it may know
                                         no more; 0: it has lost nothing */
    _Atomic uint64_t rehome_s;        /* service clock: the operator has sent what its servers had
                                         accepted by then to the preferred ones; 0: nothing */
    _Atomic uint64_t signs[3];        /* that it has: signs.h, which alone changes them */
    _Atomic uint64_t call_signs[3];
    _Atomic uint64_t called_ms;  /* sys_now_ms: when it has called a line here last */
    _Atomic bool has_called;     /* a line by what it has registered */
    _Atomic bool is_listing;     /* its 2xx list all registrations of a line */
    _Atomic int64_t n_walking;   /* workers that replay what it has lost */
    _Atomic uint64_t tried_s[2]; /* by a REGISTER, while down: outage.h; service clock */
    _Atomic uint32_t probe_ms;   /* the last round trip */
    _Atomic uint64_t counts[SHIELD_COUNTS];
    _Atomic uint64_t answered[STATS_BUCKETS]; /* REGISTERs, each in the first bucket it fits in */
    _Atomic uint64_t answered_ms;             /* all their times */
};

struct shield_table;

int shield_table_new(struct shield_table **out); /* ERR_NOMEM */
void shield_table_free(struct shield_table *s);  /* NULL is legal */

/* Gives each upstream of a snapshot its shield, before the snapshot is shared. They live as long as
 * the table. ERR_NOMEM. The main thread. */
int shield_table_link(struct shield_table *s, struct conf *conf);

/* Of a cluster: REGISTERs may go to any upstream only while sys_now_ms is below *until_ms, which
 * outlives the table. Before the first shield_table_link. */
void shield_table_limit(struct shield_table *s, const _Atomic uint64_t *until_ms);

/* It is so. What may not go is treated like what goes to an upstream that is down. Any thread. */
bool shield_may_send(const struct shield *s);

/* When that ends, as it is moved on; NULL: it does not. */
const _Atomic uint64_t *shield_limit(const struct shield *s);

/* REGISTERs may go again after a time in which they might not: what became due meanwhile is made up
 * for like after an outage. */
void shield_table_recover(struct shield_table *s);

/* Each one that has ever been, the oldest first. */
void shield_each(struct shield_table *s, void (*fn)(const struct shield *one, void *arg),
                 void *arg);

/* RFC 7339: the server that is in flow lets one more be sent to it; right: as in core/throttle.h.
 * And what it answers. */
bool shield_is_let(const struct conf_upstream *u, const struct flow_ref *server, unsigned right);
void shield_heed(const struct conf_upstream *u, const struct flow_ref *server, const struct msg *m);

/* How long until a REGISTER of that class could go; 0: now. Clock of sys_now_ms. */
uint64_t shield_wait_ms(const struct conf_upstream *u, enum pace_class k, uint64_t now_ms);
uint64_t shield_wait_us(const struct conf_upstream *u, enum pace_class k, uint64_t now_us);

/* Service clock; 0: it has lost nothing. And until when what was accepted is no reason to stay with
 * that server (D90); 0: none was sent away from where it is. */
uint64_t shield_lost_s(const struct conf_upstream *u);
uint64_t shield_rehome_s(const struct conf_upstream *u);

/* Takes a turn; false: none is to be had now. Whoever has waited for it may take it as of the time
 * at which it was to be had. */
bool shield_take(const struct conf_upstream *u, enum pace_class k, uint64_t now_ms);
bool shield_take_us(const struct conf_upstream *u, enum pace_class k, uint64_t now_us);

/* A REGISTER goes, turn or not: it answers a challenge, or mends what a 423 said. */
void shield_charge(const struct conf_upstream *u, uint64_t now_ms);
void shield_give_back(const struct conf_upstream *u);

/* It asks to be left alone for so long. */
void shield_pause(const struct conf_upstream *u, uint32_t s, uint64_t now_ms);
bool shield_is_pausing(const struct conf_upstream *u, uint64_t now_ms);
bool shield_is_paused(const struct conf_upstream *u, uint64_t now_ms); /* that, or it is down */

/* A REGISTER was answered well, or not; the ceiling follows. */
void shield_note(const struct conf_upstream *u, bool is_good, uint64_t now_ms);

/* What the buckets of shield.answered hold at most; the last one has no end. */
extern const uint32_t shield_bounds_ms[STATS_BUCKETS - 1];

/* A REGISTER was answered so long after it had been sent. */
void shield_on_answer(const struct conf_upstream *u, uint64_t ms);

void shield_count(const struct conf_upstream *u, enum shield_count what, uint64_t n);

/* One is refused for want of a turn: counts it, and says when it may come again. */
uint32_t shield_refuse(const struct conf_upstream *u, uint64_t draw, uint64_t now_ms);

/* REGISTERs that could go at once. */
double shield_tokens(const struct shield *s, uint64_t now_ms);

#endif
