/* Globally routable names of devices (RFC 5627), as the domain's gruu has them: what a REGISTER is
 * told of them, and what stands behind one of ours. With local they are made here, the public one
 * from AoR and instance, the temporary ones without a memory of them; with upstream they are
 * upstream's. No state; output is in the scratch arena; the worker's thread. */
#ifndef BW_SERVICE_GRUU_H
#define BW_SERVICE_GRUU_H

#include "base/buf.h"
#include "core/reason.h"
#include "core/register.h"
#include "service/context.h"
#include "service/gruuseal.h"
#include "sip/msg.h"
#include "sip/uri.h"

/* Longer instances get no names, and longer names of upstream are not passed on: bytes. */
enum { GRUU_INSTANCE_MAX = 256, GRUU_UPSTREAM_MAX = 512 };

/* Of a REGISTER whose contacts have been read; sets v->is_gruu_asked. REASON_MAX;
 * REASON_CONTACT_GRUU: a device cannot be found by the name that is to find it. */
enum reason gruu_judge(const struct context *c, const struct conf_domain *d, bool is_asked,
                       struct register_view *v);

/* What upstream says of a Contact of ours, as it stands there, with its quotes: none where it says
 * nothing, or nothing that is to be passed on. */
void gruu_learn(struct str params, struct str *public_name, struct str *temporary);

/* A Contact in the answer to a REGISTER. */
struct gruu_contact {
    const struct conf_domain *domain;
    const struct register_view *view; /* whose the answer is: names are for its own device alone */
    const struct aor_record *record;
    const struct binding *binding; /* of it */
};

/* No less than what gruu_print appends. */
size_t gruu_size(const struct gruu_contact *g);

/* Appends pub-gruu and temp-gruu, or nothing. */
void gruu_print(struct context *c, const struct gruu_contact *g, struct buf *out);

/* The URI is of a domain that gives names, and has gr. */
bool gruu_is(const struct context *c, const struct uri *u);

enum gruu_kind {
    GRUU_NONE,      /* a URI like any other */
    GRUU_PUBLIC,    /* of the AoR in it */
    GRUU_TEMPORARY, /* of the AoR that is found by its claim */
    GRUU_UNKNOWN    /* nobody's */
};

struct gruu {
    enum gruu_kind kind;
    struct str instance;     /* of a public one, with <> */
    struct gruu_claim claim; /* of a temporary one */
};

/* d: the domain of its host, or NULL. */
void gruu_read(struct context *c, const struct conf_domain *d, const struct uri *u,
               struct gruu *out);

/* The line of a temporary one. False: there is none, or it is another domain's. */
bool gruu_find_line(struct context *c, const struct conf_domain *d, const struct gruu *g,
                    struct str *aor);

/* The URI, a Contact of a request for example, is a name of this device: ours, or a public one of
 * upstream's. */
bool gruu_is_of(struct context *c, struct str uri, const struct binding *device);

/* What a claim says of a device's instance or Call-ID. */
uint64_t gruu_hash(const struct context *c, struct str text);

#endif
