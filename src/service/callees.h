/* The devices of a line that a request goes to. No state; output is in the scratch arena; the
 * worker's thread. */
#ifndef BW_SERVICE_CALLEES_H
#define BW_SERVICE_CALLEES_H

#include "service/targetset.h"

/* Whom a request from upstream means: a line, by a token or a Contact one device of it. */
struct callees_line {
    struct str aor;
    const struct conf_domain *domain; /* NULL: served no more */
    uint64_t upreg_id;                /* 0: no token */
    struct str contact;               /* none: no Contact */
    struct str instance;              /* of the one device that is meant; none: any */
    bool is_by_path;                  /* the token is in a Path: it names the flow of a device */
    bool is_closed;                   /* no device can join later */
};

/* Its devices in one group, those that answer before the rest (D64). Devices that do not take the
 * method are left out, and remembered for the answer; the one that makes this call, too. If there
 * is no other, nobody is there: 480 or the fallback, as for one who calls his own number elsewhere
 * to hear his messages (D69). */
enum forward_refusal callees_find(struct context *c, const struct callees_line *line,
                                  const struct msg *m, struct target_set *out);

/* A Contact's URI as a Request-URI: byte for byte (D65), but for what no Request-URI has: headers
 * and a method parameter (RFC 3261 19.1.1, 16.6 step 2; D66). */
struct str callees_uri(struct context *c, struct str contact);

#endif
