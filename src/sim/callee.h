/* What phones do when they are called: 180, 200 or patience until a CANCEL, and 200 to whatever
 * else is asked (RFC 3261 9.2, 13.3, 15.1.2, 17.2). On the loop's thread. */
#ifndef BW_SIM_CALLEE_H
#define BW_SIM_CALLEE_H

#include <stdint.h>

#include "net/flow.h"
#include "sim/phone.h"
#include "sim/report.h"

struct loop;
struct sources;

/* The place in callee_answer_words: which devices of a line answer; the others ring. ANSWER_BUSY:
 * all say that they are busy. */
enum callee_answer { ANSWER_FIRST, ANSWER_ALL, ANSWER_NONE, ANSWER_BUSY };

extern const char *const callee_answer_words[];

struct callee_conf {
    uint32_t answer; /* enum callee_answer */
    uint32_t answer_after_ms;
};

/* All of it outlives the callee. */
struct callee_setup {
    struct loop *loop;
    struct sources *sources;
    const struct callee_conf *conf;
    const struct phone_style *style;
    uint32_t n_phones;
    struct report *report;
};

struct callee;

/* ERR_NOMEM. */
int callee_new(const struct callee_setup *setup, struct callee **out);

/* Calls under way are forgotten. NULL is legal. */
void callee_free(struct callee *c);

/* A request that came to a phone, whichever. */
void callee_on_request(struct callee *c, const struct packet *p, const struct msg *m);

#endif
