/* What a phone may not do although it is known who it is: the requests that are refused by policy
 * before anything is sent on. No state; the worker's thread. */
#ifndef BW_SERVICE_BARRIER_H
#define BW_SERVICE_BARRIER_H

#include "service/callerid.h"

struct uri;

/* FORWARD_OK; FORWARD_SCHEME, FORWARD_ACCESS, FORWARD_IDENTITY, FORWARD_DESTINATION. What calls an
 * emergency number passes. */
enum forward_refusal barrier_judge(struct context *c, const struct packet *p, const struct msg *m,
                                   const struct callerid_line *line);

/* The same of who sends it alone: FORWARD_OK, FORWARD_ACCESS or FORWARD_IDENTITY. */
enum forward_refusal barrier_judge_caller(struct context *c, const struct packet *p,
                                          const struct msg *m, const struct callerid_line *line);

/* Whom it calls, or has called by a transfer (REFER), alone: FORWARD_OK or FORWARD_DESTINATION. A
 * transfer may take the place of a call whose other end upstream has named so (told.h), too. */
enum forward_refusal barrier_judge_call(struct context *c, const struct packet *p,
                                        const struct msg *m, const struct conf_domain *domain);

/* The destinations of the domain have nothing against that address. */
bool barrier_may_reach(struct context *c, const struct uri *u, const struct conf_domain *domain);

/* It calls an emergency number of the domain, at a host that we or its upstream serve or in a tel:
 * URI, or urn:service:sos (RFC 5031). */
bool barrier_is_emergency(struct context *c, const struct packet *p, const struct msg *m,
                          const struct conf_domain *domain);

#endif
