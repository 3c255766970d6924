/* What a run of phones has seen: totals, times, and a line for each second. One thread. */
#ifndef BW_SIM_REPORT_H
#define BW_SIM_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/histogram.h"
#include "sim/phone.h"

enum { REPORT_STATUS_MAX = 700 };

/* Counted over a run, and over each second of it. */
struct report_counts {
    uint64_t sent;          /* REGISTERs, retransmissions not among them */
    uint64_t retransmitted; /* by timer E */
    uint64_t answered;      /* final responses */
    uint64_t ok, challenged, other;
    uint64_t lost;  /* no final response within the timeout */
    uint64_t wrong; /* answers that cannot be */
    uint64_t late;  /* answers to a REGISTER that was over already: repeated, or after its time */
};

struct report_second {
    struct report_counts counts;
    uint64_t registered; /* phones, at its end */
    uint64_t p50_us, p99_us, max_us;
};

/* Calls to the phones, over a run. */
struct report_calls {
    uint64_t invited;   /* INVITEs that were taken, repeats not among them */
    uint64_t rung;      /* answered with 180 */
    uint64_t answered;  /* with 200 */
    uint64_t confirmed; /* these, acknowledged */
    uint64_t cancelled; /* by CANCEL, before an answer */
    uint64_t refused;   /* nobody wanted the answer for too long, or too many calls */
    uint64_t ended;     /* by BYE */
    uint64_t other;     /* OPTIONS, MESSAGE and such, which are no calls */
};

/* A comeback of all phones at once. */
struct report_back {
    uint64_t began_us;      /* 0: there was none */
    uint64_t phones;        /* that have registered again since */
    uint64_t refused;       /* that heard a refusal since, each counted once */
    uint64_t last_us;       /* when the last one registered */
    struct histogram waits; /* each one's, from its first REGISTER to its 2xx */
};

struct report {
    struct report_counts total, second; /* second: of the one under way */
    struct histogram times, second_times;
    struct report_calls calls;
    struct report_back back;
    uint64_t statuses[REPORT_STATUS_MAX];
    uint64_t faults[FAULT_MAX];
    uint64_t phones, registered;
    uint64_t started_us, ended_us;
    struct report_second *seconds;
    size_t n_seconds, room;
};

/* Zeroed is a report without anything. */
void report_fini(struct report *r);

/* Adds to the run and to the second under way: the counter by its name. */
#define REPORT_COUNT(r, counter) ((r)->total.counter++, (r)->second.counter++)

/* A final response and the time since its REGISTER was first sent. */
void report_add_answer(struct report *r, unsigned status, uint64_t us);
void report_add_fault(struct report *r, enum phone_fault fault);

/* Ends the second under way. Without memory it is left out of the timeline. */
void report_end_second(struct report *r);

/* True: nothing was lost or wrong. */
bool report_is_clean(const struct report *r);

/* One JSON object on one line; or a few lines for people. */
void report_print_json(const struct report *r, FILE *to);
void report_print_text(const struct report *r, FILE *to);

#endif
