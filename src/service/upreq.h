/* REGISTER as it goes upstream and comes back: what is asked for a registration, the edits that
 * make it of a phone's REGISTER, one of our own, and what an answer grants (D46-D60, D91, D92). No
 * state. Output is in the scratch arena. The worker's thread. */
#ifndef BW_SERVICE_UPREQ_H
#define BW_SERVICE_UPREQ_H

#include "core/absorb.h"
#include "core/token.h"
#include "service/context.h"
#include "service/device.h"
#include "service/forward.h"
#include "service/servers.h"

enum { UPREQ_LEAVING_MAX = 8, UPREQ_AUTHS_MAX = 4 };

/* The value of an Authorization or Proxy-Authorization header. */
struct upreq_auth {
    bool is_proxy;
    struct str value;
};

struct upreq {
    const struct conf_domain *domain;
    struct str aor;
    enum forward_as as;
    bool is_mirror; /* the phone's own Call-ID, From tag and CSeq pass */
    bool is_bulk;   /* our Contact stands for all numbers of the line (RFC 6140) */
    bool is_line;   /* of a fixed line: no phone has a contact that could stand there */
    uint64_t upreg_id;
    struct str user;      /* of our Contact */
    struct str contact;   /* our Contact URI; with insertion by Path the phone's own */
    struct str path;      /* our Path value, or none */
    struct device device; /* what upstream is told of it */
    struct str call_id, from_tag;
    uint32_t cseq;
    uint32_t expires_s; /* 0 in a removal */
    uint64_t form;      /* of what is asked for: absorb_conf.form */
    struct flow_ref flow;
    struct server_at home;     /* where the line stands by its record, or none */
    struct server_tries tries; /* the servers that it was sent to; the last is at the end of flow */
    struct str leaving[UPREQ_LEAVING_MAX]; /* old contacts that ride along with expires=0 */
    size_t n_leaving;
    struct upreq_auth auths[UPREQ_AUTHS_MAX]; /* ours; where there are any, a phone's own go */
    size_t n_auths;
};

/* The registration that a REGISTER belongs to: the one the record knows (then its id, Call-ID and
 * contact stay as they are), else a new one, whose names follow from the AoR and the device, so
 * that challenge, retry and restart agree. Sets upreg_id and call_id; the slice is in the arena. */
int upreq_name(struct context *c, struct arena *a, const struct conf_domain *domain,
               const struct absorb_input *in, struct upreq *u);

/* The way to the next server that has not had it: flow. As servers_pick. */
int upreq_aim(struct context *c, struct upreq *u);

/* A connection that has gone is opened again, to the same server. As servers_reach. */
int upreq_aim_again(struct context *c, struct upreq *u);

/* Fills flow, user, contact or path, and From tag, from domain, aor, upreg_id and call_id. Slices
 * in the arena. ERR_ABSENT: no listener fits; ERR_NOMEM. */
int upreq_plan(struct context *c, struct arena *a, struct upreq *u);

/* Insertion by Path: the phone's own contact, with our token in it where the line has an equal one
 * upstream already (D91). After upreq_plan. */
void upreq_keep_contact(struct context *c, struct arena *a, const struct aor_record *r,
                        struct str uri, struct upreq *u);

/* What upstream knows of the registration is another contact than the one that is sent now. */
bool upreq_is_moved(const struct upreq *u, const struct upreg *known);

/* What is asked for; least_s: upstream takes nothing shorter (D54), 0: it never said so. */
uint32_t upreq_expires_s(const struct upreq *u, const struct register_view *v, uint32_t least_s);

/* The CSeq is used up: another Call-ID and From tag, and the CSeq begins anew (D33). ERR_NOMEM. */
int upreq_renew(struct context *c, struct arena *a, struct upreq *u);

/* The phone's REGISTER for upstream. 0, ERR_NOMEM. out->flow is set. */
int upreq_forward(struct context *c, const struct packet *p, const struct msg *m,
                  const struct upreq *u, struct forward *out);

/* The Request-URI of our own REGISTER; none: no memory. */
struct str upreq_own_uri(struct context *c, const struct upreq *u);

/* Our own REGISTER, refresh or removal. 0, ERR_NOMEM. */
int upreq_own(struct context *c, const struct upreq *u, struct forward *out);

/* What a 2xx grants: REASON_ACCEPTED and *out; REASON_CONTACT_MISSING, REASON_NOT_GRANTED. */
enum reason upreq_read(struct context *c, const struct msg *m, const struct upreq *u,
                       struct upstream_grant *out);

/* The identifiers of the phone's REGISTER back in an answer; our Via goes (D32). */
void upreq_restore(struct build *b, const struct msg *request, const struct upreq *u);

#endif
