/* Calls and messages from a phone of ours to a line of ours, which can do without the upstream: as
 * the domain's local-calls says, at once, or where the upstream is silent (D56a). No state; the
 * worker's thread. */
#ifndef BW_SERVICE_LOCAL_H
#define BW_SERVICE_LOCAL_H

#include "service/target.h"

enum local_how {
    LOCAL_NOT,    /* nothing has changed */
    LOCAL_TRIAL,  /* the devices are behind the upstream, for its silence */
    LOCAL_OUTAGE, /* they are in its place: it is silent */
    LOCAL_POLICY  /* the same, because the domain wants that */
};

/* set: where a request goes, from target_find. Adds the devices of the line that it is for. */
enum local_how local_add(struct context *c, const struct packet *p, const struct msg *m,
                         struct target_set *set);

/* Makes a target that a request from upstream would have one of a call from a phone: to another
 * phone or, as a fallback or by a redirect, to somewhere else. u: of both lines; from: another plan
 * of that call. */
void local_bridge(const struct context *c, const struct conf_upstream *u,
                  const struct forward_plan *from, struct target *t);

#endif
