/* The registrar on the access side: what a REGISTER gets, by the policy of core/ (RFC 3261 10.3;
 * architecture, section 5). The worker's thread. */
#ifndef BW_SERVICE_REGISTRAR_H
#define BW_SERVICE_REGISTRAR_H

#include "net/flow.h"
#include "service/reg.h"

/* The storm path: answers a REGISTER under its licence on the worker that received it, whoever
 * owns its AoR. False: nothing was done; it is the owner's. */
bool registrar_absorb(struct context *c, const struct packet *p, const struct msg *m);

/* Any REGISTER, on the worker that owns its AoR, after transaction matching. */
void registrar_request(struct context *c, const struct packet *p, const struct msg *m);

/* One that had to wait has its turn. */
void registrar_resume(struct reg *r);

#endif
