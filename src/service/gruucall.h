/* Requests to a name that we have given a device (RFC 5627 6, gruu = local): they go to that device
 * alone, by whatever flows it has, and never upstream, which does not know the name. No state;
 * output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_GRUUCALL_H
#define BW_SERVICE_GRUUCALL_H

#include "service/targetset.h"
#include "sip/uri.h"

/* The device behind a URI that gruu_is, as target_find: FORWARD_UNKNOWN for a name that nobody has
 * or that is void, because the device has registered with another Call-ID since; FORWARD_AWAY if
 * the device is not registered. *out is zero before. */
enum forward_refusal gruucall_find(struct context *c, const struct uri *u, const struct msg *m,
                                   struct target_set *out);

/* The flow that the device is called by now; false: there is none, or (line not 0) it is of another
 * line than that upstream registration is. */
bool gruucall_find_flow(struct context *c, const struct uri *u, const struct msg *m, uint64_t line,
                        struct flow_ref *out);

/* As gruucall_find for a request from a phone, or from a trusted source: from is the plan by which
 * it would go upstream, out->caller who it is. */
enum forward_refusal gruucall_from_phone(struct context *c, const struct uri *u,
                                         const struct msg *m, const struct forward_plan *from,
                                         struct target_set *out);

/* The same for a request from an upstream, with so many Routes of ours in front. */
enum forward_refusal gruucall_from_upstream(struct context *c, const struct uri *u,
                                            const struct msg *m, unsigned n_routes,
                                            struct target_set *out);

#endif
