/* The caller's upstream on trial: whether it, or which of its servers, serves the call, before
 * anybody else does. A part of a call. The worker's thread. */
#ifndef BW_SERVICE_TRIAL_H
#define BW_SERVICE_TRIAL_H

#include "core/fork.h"
#include "service/hunt.h"
#include "service/servers.h"

struct trial {
    struct context *context;
    struct hunt *hunt;
    struct fork *fork;
    uint16_t mark;     /* target_set.trial, while there is somebody else for its silence; then 0 */
    uint64_t caller;   /* a hash of the line that calls; 0: none */
    unsigned right;    /* target_set.right */
    uint64_t began_ms; /* sys_now_ms */
    struct flow_ref servers[SERVERS_TRIES_MAX]; /* at the first branches; generation 0: none */
    bool has_rung[SERVERS_TRIES_MAX];           /* that server has said 180 */
};

/* The call is to these targets. */
void trial_init(struct trial *t, struct context *c, const struct target_set *targets,
                struct hunt *hunt, struct fork *fork);

bool trial_is_server(const struct trial *t, size_t branch);

/* Another server is about to have its turn: those that do not let it go are passed over. */
void trial_pass(struct trial *t);

/* An answer has come, whatever it is: the devices are the upstream's to call. Another server has
 * its turn if this one cannot serve, be it after a 100 (RFC 3263 4.3). True: nobody's silence is
 * waited for now. */
bool trial_on_response(struct trial *t, unsigned status);

/* The end of a branch without an answer. True: the upstream was on trial, and with the last of its
 * servers it is silent. What is no INVITE may be answered late by one that is well (RFC 4320), so
 * it tells of nothing but itself. */
bool trial_is_lost(const struct trial *t);

/* trial_is_lost, and the server that was silent for SILENCE_S is left out. */
bool trial_on_silence(const struct trial *t);

/* What became of a branch; is_answer: a server said so itself, and it is no 408 or 503 that stands
 * for silence and error. */
void trial_note(const struct trial *t, size_t branch, unsigned status, bool is_answer);

/* What a server of the caller's upstream says of the one that is called. */
void trial_tell(struct trial *t, size_t branch, const struct msg *request, unsigned status);

#endif
