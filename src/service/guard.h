/* The door: what is dropped before anybody reads it, and what becomes of those whom nobody vouches
 * for: limits, bans, scanners. A ban or a limit never meets an upstream, nor what a live binding or
 * a signed dialog vouches for: whoever knows of such a thing does not ask here. The worker's
 * thread.
 */
#ifndef BW_SERVICE_GUARD_H
#define BW_SERVICE_GUARD_H

#include <stdbool.h>

#include "net/flow.h"
#include "service/context.h"
#include "sip/digest.h"

/* False: a keepalive, or bytes that cannot be SIP; counted, nothing is answered. */
bool guard_admit(const struct packet *p);

/* A request that nothing vouches for. False: it is dropped without an answer, and counted. m: NULL
 * if it could not be read. */
bool guard_let_in(struct context *c, const struct packet *p, const struct msg *m);

/* The same for a keepalive that is answered: counted apart from SIP, so that the phones behind one
 * NAT cost those nothing who register there. */
bool guard_let_in_keepalive(struct context *c, const struct packet *p);

/* An upstream, or a source that the configuration exempts from all limits. */
bool guard_is_exempt(const struct context *c, const struct addr *from);

/* The Digest credentials of a request, in the scratch arena. False: there are none to be read. */
bool guard_read_credentials(struct context *c, const struct msg *m, struct digest_credentials *out);

/* The answer to a request that is about proving who it is from, and whose; answer: NULL where its
 * status says all. A refusal of credentials that answer a challenge of this very source, or that
 * came by a connection, is a failure: logged on a line of its own, and in the end a ban. */
struct guard_case {
    const struct flow_ref *flow;
    const struct msg *request, *answer;
    struct str aor;
    unsigned status;
};

void guard_on_answer(struct context *c, const struct guard_case *what);

/* The same where we judge ourselves (service/auth.h): an answer to a challenge that went to this
 * very source was right, for a line, or was refused; the answer is NULL. */
void guard_on_success(struct context *c, const struct guard_case *what);
void guard_on_failure(struct context *c, const struct guard_case *what);

/* Nothing that it sends is let in, unless something vouches for it. Counts nothing. */
bool guard_is_banned(struct context *c, const struct packet *p);

#endif
