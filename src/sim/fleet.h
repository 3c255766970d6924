/* Many phones at work: when each of them sends, retransmits, refreshes and tries again, and how
 * many REGISTERs are under way at a time. On the loop's thread. */
#ifndef BW_SIM_FLEET_H
#define BW_SIM_FLEET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/addr.h"
#include "net/loop.h"
#include "sim/callee.h"
#include "sim/phone.h"
#include "sim/report.h"

struct fleet_conf {
    struct addr target;
    uint32_t n_phones, n_sources;
    uint32_t window; /* REGISTERs under way at most; 0: no limit */
    uint32_t rate;   /* per second: first REGISTERs, in a closed loop all of them; 0: no limit */
    bool is_closed;  /* each phone in turn, as soon as the window allows; no refresh by time */
    uint32_t refresh_low, refresh_high; /* percent of what was granted */
    uint32_t timeout_s;                 /* timer F: an answer that comes later is lost */
    uint32_t retry_s;                   /* after a refusal without Retry-After, or a loss */
    uint32_t duration_s;
    bool must_unregister; /* at the end */
    struct callee_conf callee;
};

struct fleet;

/* conf, style and report stay the caller's, and outlive the fleet. fn is called once, when all is
 * over. ERR_NOMEM, ERR_IO (errno says why). */
struct fleet_setup {
    const struct fleet_conf *conf;
    const struct phone_style *style;
    struct report *report;
    loop_fn *on_done;
    void *arg;
};

int fleet_new(struct loop *l, const struct fleet_setup *setup, struct fleet **out);

/* NULL is legal. */
void fleet_free(struct fleet *f);

/* All phones are without the network: they send nothing and hear nothing, and what was under way is
 * given up. */
void fleet_cut(struct fleet *f);

struct fleet_comeback {
    uint32_t within_ms; /* each begins at a random time of it */
    bool is_rebooted;   /* power cut: each has a new Call-ID and knows no nonce */
    bool is_rebound;    /* the NAT has given each another address; needs two sources at least */
};

/* All of them register anew, and the report tells how that went: struct report_back. */
void fleet_come_back(struct fleet *f, const struct fleet_comeback *how);

/* Nothing new is sent from now on; what is under way is waited for. The second time: not even
 * that. Happens by itself when the duration is over. */
void fleet_stop(struct fleet *f);

#endif
