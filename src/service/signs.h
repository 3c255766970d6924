/* Signs that an upstream has lost its data, each of one line. Of several lines within a time they
 * raise an alarm, or, with resync = auto, begin a resync. The worker's thread. */
#ifndef BW_SERVICE_SIGNS_H
#define BW_SERVICE_SIGNS_H

#include "service/context.h"

/* So many lines, within so long; for so long after a resync has begun there are no signs. */
enum { SIGNS_LINES = 3, SIGNS_WITHIN_S = 300, SIGNS_AGAIN_S = 600 };

/* The upstream does not know the registration of a line. */
void signs_note(struct context *c, const struct conf_upstream *u, struct str aor);

/* A call of one of our lines, and what a server said to it. */
struct signs_call {
    const struct msg *request;
    const struct flow_ref *server;
    uint64_t caller;   /* a hash of the line */
    uint64_t began_ms; /* sys_now_ms */
    unsigned status;
    bool has_rung; /* the server said 180 before */
};

/* 404 or 480 to a call of a line that upstream holds by the record, and whose device is here. One
 * line may not take calls, and one caller may be refused, so as many callers as lines must have
 * heard it, of an upstream that calls devices here at all, and none of them meanwhile. A call that
 * rang, or during which upstream called anybody here, may have been for whoever did not take it:
 * that is no sign. Uses the scratch arena. */
void signs_on_call(struct context *c, const struct signs_call *call);

/* An INVITE of upstream for someone here has come. */
void signs_on_invite(struct context *c, const struct flow_ref *from);

/* Upstream has called a line by a registration of ours: it knows what it had accepted. */
void signs_on_delivered(struct context *c, const struct flow_ref *from, struct str aor,
                        uint64_t upreg_id);

/* What was seen until now is dealt with. */
void signs_clear(const struct conf_upstream *u);

#endif
