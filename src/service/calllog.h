/* What is told of a call once its search for somebody who takes it has ended: one line of the log,
 * counters, and how long it took. A call is an INVITE outside a dialog that was to be sent on; what
 * is none is not told. The worker's thread. */
#ifndef BW_SERVICE_CALLLOG_H
#define BW_SERVICE_CALLLOG_H

#include "base/addr.h"
#include "base/arena.h"
#include "core/fork.h"
#include "sip/msg.h"

/* How the search ended; a word each in the log and in the label of calls_ended_total. */
enum calllog_outcome {
    CALLLOG_ANSWERED,
    CALLLOG_FALLBACK,  /* answered by the last resort */
    CALLLOG_CANCELLED, /* by the caller */
    CALLLOG_NO_ANSWER, /* silence, or nobody took it in time */
    CALLLOG_DECLINED,  /* 6xx */
    CALLLOG_BUSY,      /* 486 */
    CALLLOG_REDIRECTED,
    CALLLOG_FAILED,
    CALLLOG_DRAINED, /* by our stop */
    CALLLOG_OUTCOMES
};

/* Part of the call that it is told of. All zero: no call. */
struct calllog {
    bool is_pending;        /* it has begun, and was not told yet */
    bool is_drained;        /* for its owner to set: our stop gives it up */
    struct str to, call_id; /* in the call's arena, and no more of them than is shown */
    struct addr from;
    uint64_t began_ms, rang_ms, final_ms; /* loop_now_ms; rang, final: 0: not yet */
    unsigned status;                      /* of the final response; 0: none */
    struct addr peers[FORK_BRANCHES_MAX];
};

struct calllog_origin {
    struct str to;           /* the AoR of the line that is called, or none */
    const struct addr *from; /* who sent the INVITE */
    uint64_t now_ms;
};

/* A request begins. What is shown of it is copied to the arena. */
void calllog_start(struct calllog *l, struct arena *a, const struct msg *m,
                   const struct calllog_origin *origin);

/* Where a branch of the fork goes. */
void calllog_add_branch(struct calllog *l, size_t branch, const struct addr *peer);

/* A response went back to the caller. */
void calllog_on_response(struct calllog *l, unsigned status, uint64_t now_ms);

/* Nobody waits for a final response any more. Tells it; a second time does nothing. */
void calllog_end(struct calllog *l, const struct fork *f, uint64_t now_ms);

/* Pure. The status is that of the final response, 0 if there was none. */
enum calllog_outcome calllog_decide(const struct fork *f, unsigned status, bool is_drained);

const char *calllog_word(enum calllog_outcome o);

#endif
