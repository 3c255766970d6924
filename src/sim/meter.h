/* How many REGISTERs the upstream side gets, asked four times a second by a thread of its own: from
 * Breakwater's metrics, or from the counters of "breakwater-sim registrar". */
#ifndef BW_SIM_METER_H
#define BW_SIM_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts that outlive the meter; NULL: not asked. */
struct meter_conf {
    const char *admin;   /* Breakwater's admin API: IP:PORT, or the path of its socket */
    const char *control; /* the registrar's control socket; wins where both are given */
};

/* Counters since their program's start; zero where nobody told them. */
struct meter_sample {
    uint64_t at_us;     /* sys_now_us */
    uint64_t registers; /* that went, or came, upstream */
    uint64_t postponed; /* admin only: refreshes that were due and were answered all the same */
    uint64_t refused;   /* admin only: REGISTERs whose turn could not come in time */
};

struct meter;

/* Takes the first sample. 0; ERR_IO, ERR_PARSE: after a complaint on standard error; ERR_NOMEM. */
int meter_new(const struct meter_conf *conf, struct meter **out);

/* Ends the thread; NULL is legal. A question that has no answer gives up after two seconds. */
void meter_free(struct meter *m);

/* Ends the thread and takes the last sample; then all of them may be read, oldest first. */
const struct meter_sample *meter_stop(struct meter *m, size_t *n);

/* One line to the registrar's control socket. 0; ERR_IO, ERR_PARSE after a complaint. */
int meter_command(const char *control, const char *line);

#endif
