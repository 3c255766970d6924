/* What is wrong now, since when, and how often it was seen: conditions that an operator must mend,
 * each of one upstream. An alarm stands from the first time that its condition is seen until it is
 * disproved; where good and bad come mixed, until it was not seen for a while. For all workers and
 * the admin API, behind a lock: conditions are seen when upstream answers, never on the way of an
 * absorbed refresh. */
#ifndef BW_SERVICE_ALARM_H
#define BW_SERVICE_ALARM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/conf.h"

enum alarm_code {
    ALARM_UNCHALLENGED,        /* upstream takes a REGISTER that nobody has proven */
    ALARM_CHALLENGES_US,       /* upstream wants a proof of us that we do not have */
    ALARM_REFUSES_CREDENTIALS, /* upstream does not take an account that we have */
    ALARM_CONTACT_MISSING,  /* upstream's 2xx does not list our Contact (D49), or our Path (D91) */
    ALARM_UNRESOLVED,       /* the DNS does not say where its servers are */
    ALARM_UPSTREAM_DOWN,    /* nobody answers there (outage.h) */
    ALARM_LOST_DATA,        /* it knows no more what it had accepted (lostdata.h) */
    ALARM_UPSTREAM_DRAINED, /* the operator has taken it out of use */
    ALARM_CODES
};

/* Words for logs, metrics and the API, and a sentence on what to do; constants. */
const char *alarm_word(enum alarm_code code);
const char *alarm_advice(enum alarm_code code);

/* Seen so recently, an alarm outlives what disproves it; seen so long ago, it is over by itself. */
enum { ALARM_QUIET_S = 60, ALARM_KEPT_S = 86400 };

struct alarms;

int alarm_new(struct alarms **out); /* ERR_NOMEM */
void alarm_free(struct alarms *a);  /* NULL is legal */

/* The condition is seen; counted. True: it did not stand before, and is logged. Without memory it
 * is counted and logged only. a NULL: nobody reads. now_s: service clock. Any thread. */
bool alarm_raise(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s);

/* The contrary is seen. True: the alarm stood and is over, which is logged. Costs one load while no
 * alarm stands. Any thread. */
bool alarm_disprove(struct alarms *a, enum alarm_code code, const char *upstream, uint64_t now_s);

/* It is over, however recently it was seen. True: it stood. Any thread. */
bool alarm_end(struct alarms *a, enum alarm_code code, const char *upstream);

/* The same of all alarms of upstreams that the configuration does not have any more. Any thread. */
void alarm_sync(struct alarms *a, const struct conf *conf);

/* Of an upstream, as the configuration allows it. */
enum { ALARM_NAME_MAX = 64 };

struct alarm {
    enum alarm_code code;
    char upstream[ALARM_NAME_MAX + 1]; /* its name */
    uint64_t since_s, last_s;
    uint64_t n_seen;
};

/* All that stand, the oldest first: an array that the caller frees, NULL for none. ERR_NOMEM. */
int alarm_list(struct alarms *a, uint64_t now_s, struct alarm **out, size_t *n);

#endif
