/* The way to the registrars: one REGISTER at a time for each upstream registration, the others
 * wait their turn (D60); what the answers mean (D49-D62); our own refreshes and removals. Lives on
 * the worker that owns the AoR. */
#ifndef BW_SERVICE_UPSTREAM_H
#define BW_SERVICE_UPSTREAM_H

#include "service/reg.h"

struct upstream;

/* resume: a REGISTER that waited has its turn; it is decided anew. */
int upstream_new(struct context *c, void (*resume)(struct reg *r), struct upstream **out);
void upstream_free(struct upstream *u); /* NULL is legal */

/* No REGISTER can go now: one of this registration is on its way and blocks others, or the domain's
 * upstream has asked to be left alone for a while (D56). */
bool upstream_is_busy(const struct upstream *u, const struct conf_domain *d, uint64_t upreg_id);

/* Sends a phone's REGISTER as the verdict says, for the registration that r->up names. It is
 * answered in every case. in: what it was decided on. */
void upstream_submit(struct reg *r, const struct verdict *v, const struct absorb_input *in);

/* Holds it, for the registration that r->up names, until the one in flight has ended: at most 4 for
 * a registration, one for a source, 5 s; else 503. */
void upstream_wait(struct reg *r);

/* The writer's word that an AoR's bindings have lapsed or its registration is due. */
void upstream_on_event(struct inbox_node *node, void *arg);

#endif
