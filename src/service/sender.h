/* Who sends a request to a domain with authentication = local: a phone that answers our challenge,
 * registered from where it speaks or not. The worker's thread; output is in the scratch arena. */
#ifndef BW_SERVICE_SENDER_H
#define BW_SERVICE_SENDER_H

#include "service/forward.h"
#include "sip/build.h"

struct sender {
    const struct conf_domain *domain; /* NULL: the request is of no such domain */
    struct str aor;                   /* his line, also where he hides his name; or none */
    struct str service_route;         /* of that line; or none */
    uint64_t line;                    /* an upstream registration of it; 0: there is none */
    struct server_at home;            /* binding_home of that line; or none */
    struct build_reply challenge;     /* FORWARD_UNPROVEN: the answer */
};

/* The upstream registration that the sender speaks by, NULL for none, and what is known by it. */
void sender_speaks_by(struct sender *s, const struct aor_record *record, const struct upreg *u);

/* FORWARD_OK; FORWARD_UNPROVEN; FORWARD_IDENTITY: he is somebody else than the one he says he is,
 * and calls no emergency number.
 * An ACK, which nobody can challenge, is FORWARD_STRANGER, and so is a banned one with another
 * line's credentials. own: the line that is registered where he speaks, or none. */
enum forward_refusal sender_prove(struct context *c, const struct packet *p, const struct msg *m,
                                  struct str own, struct sender *out);

#endif
